// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why something could not be read (4F).
 */
export type Unavailable = "not_applicable" | "not_detected" | "permission_denied" | "timeout" | "malformed" | "unsupported";
