/// <reference types="svelte" />
/// <reference types="vite/client" />

/** The npm packages whose code is in the bundle; see `vite.config.ts`. */
declare const __COMPONENTS__: readonly { name: string; licence: string }[];
