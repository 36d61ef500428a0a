// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What may be done about a session elsewhere.
 */
export type ElsewhereChoice = "replace" | "cancel";
