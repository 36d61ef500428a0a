// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why a text is not a profile name, a gateway's address or a pin.
 */
export type ProfileError = "name" | "address" | "scheme" | "pin";
