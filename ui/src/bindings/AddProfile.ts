// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Adds a gateway as the person typed it (B-22). The texts are checked here and refused with a reason.
 */
export type AddProfile = {
/**
 * The gateway's address.
 */
gateway: string,
/**
 * The name; empty names it after the gateway.
 */
name: string,
/**
 * The key that vouches for it, `pin-sha256:…`; empty means that the public roots must.
 */
pin: string, };
