// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The name a person signs in with, already folded (see `praya_identity::account::fold_name`).
 */
export type AccountName = string;
