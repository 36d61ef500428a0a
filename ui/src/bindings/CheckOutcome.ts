// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * How a [`Check`] came out.
 */
export type CheckOutcome = "good" | "warning" | "bad" | "skipped";
