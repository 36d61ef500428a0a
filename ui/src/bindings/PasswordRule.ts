// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * One rule, named so that a view can tick it and a refusal can point at it.
 */
export type PasswordRule = "min_length" | "max_length" | "upper" | "lower" | "digit" | "only_letters_and_digits" | "not_the_account" | "not_common" | "not_the_old" | "matches";
