// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What a caller may do, in one word for the view.
 */
export type Rights = "full" | "sign_in" | "in_use_by_another" | "look" | "denied";
