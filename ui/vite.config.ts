/// <reference types="vitest/config" />

import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vite";

// What ends up in the bundle: these packages' code, by name, version and licence.
const BUNDLED = ["@fluent/bundle", "@tauri-apps/api", "svelte"];
const components = BUNDLED.map((name) => {
  const { version, license } = JSON.parse(
    readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8"),
  ) as { version: string; license: string };
  return { name: `${name} ${version}`, licence: license };
});

// `--mode mock` builds the same window over made-up states, for tests and screenshots in a plain browser. It has an
// entry and a folder of its own, so that nothing of it can reach the app.
export default defineConfig(({ mode }) => {
  const mock = mode === "mock";
  return {
    plugins: [svelte(), svelteTesting()],
    base: "./",
    define: { __COMPONENTS__: JSON.stringify(components) },
    clearScreen: false,
    server: { port: 5173, strictPort: true },
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
