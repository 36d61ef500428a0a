// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A short code that a person reads to the help desk and that stands in the audit record of the same event.
 */
export type SupportCode = string;
