// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A password, a token code, a cookie or a ticket.
 *
 * It prints as `[secret]`, is overwritten when dropped, and is serialised as the plain text only because the
 * encrypted channel to the gateway and the local socket to the service have to carry it.
 */
export type Secret = string;
