// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Light or dark.
 */
export type Theme = "system" | "light" | "dark";
