import { defineConfig } from "vitest/config";

// `npm run axe` judges the built window in a browser; `npm run screenshots` takes its pictures.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: [process.env.PRAYA_PICTURES ? "pictures.ts" : "*.test.ts"],
    environment: "node",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
