// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why something is not known (4F).
 */
export type Unavailable = "not_asked" | "not_applicable" | "not_detected" | "permission_denied" | "timed_out" | "malformed" | "unsupported";
