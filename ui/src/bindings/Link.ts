// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The address of a page for people: `https://` and at most [`MAX_LINK`] characters in all, each of them one
 * that an address may hold.
 */
export type Link = string;
