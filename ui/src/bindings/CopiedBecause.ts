// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why an address was copied instead of opened.
 */
export type CopiedBecause = "chosen" | "no_program" | "kind";
