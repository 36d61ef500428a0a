/// <reference types="vitest/config" />

import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig, type Plugin } from "vite";

// Whose code ends up in the bundle stands in the list that the window shows, with its licence.
const licensed: Plugin = {
  name: "licensed",
  generateBundle(_, files) {
    const list = readFileSync(new URL("../installers/THIRD-PARTY.txt", import.meta.url), "utf8");
    for (const file of Object.values(files)) {
      for (const module of file.type === "chunk" ? file.moduleIds : []) {
        // A zero byte leads what a tool puts in of its own.
        const name = /(?:^\0|.*\/node_modules\/)((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1];
        if (name && !new RegExp(`^${name} .*\\(npm\\)$`, "m").test(list)) {
          this.error(`${name} has no licence: add it to xtask/src/third_party.rs, run cargo xtask licences`);
        }
      }
    }
  },
};

// `--mode mock` builds the same window over made-up states, for tests and screenshots in a plain browser. It has an
// entry and a folder of its own, so that nothing of it can reach the app.
export default defineConfig(({ mode }) => {
  const mock = mode === "mock";
  return {
    plugins: [svelte(), svelteTesting(), licensed],
    base: "./",
    clearScreen: false,
    server: { port: 5173, strictPort: true, fs: { allow: [".", "../installers"] } },
    build: {
      outDir: mock ? "dist-mock" : "dist",
      emptyOutDir: true,
      // WebKitGTK 2.40 and later, and the WebView2 and WKWebView of supported systems.
      target: ["safari16.4", "chrome109"],
      // The content security policy allows files of the app's own and nothing inline.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: { input: mock ? "mock.html" : "index.html" },
    },
    test: {
      environment: "jsdom",
      include: ["tests/**/*.test.ts"],
      setupFiles: ["tests/setup.ts"],
      restoreMocks: true,
    },
  };
});
