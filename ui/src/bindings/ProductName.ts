// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The name of a system or a product: 1 to [`MAX_NAME`] characters, each of which [`is_plain`].
 */
export type ProductName = string;
