// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A session's public identifier. It names a session in lists and logs and opens nothing; the cookie does that.
 */
export type SessionId = string;
