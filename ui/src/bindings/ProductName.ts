// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The name of a system or a product: 1 to [`MAX_NAME`] characters, none of them a control character.
 */
export type ProductName = string;
