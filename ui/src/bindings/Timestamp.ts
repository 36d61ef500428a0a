// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Milliseconds since 1970-01-01T00:00:00Z. Negative before it; no leap seconds.
 */
export type Timestamp = number;
