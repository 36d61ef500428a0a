// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The SHA-256 of a gateway's public key, written `pin-sha256:BASE64` as openconnect writes it.
 */
export type Pin = string;
