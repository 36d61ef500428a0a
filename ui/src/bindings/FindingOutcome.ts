// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What follows from a [`Finding`].
 */
export type FindingOutcome = "failed" | "warning";
