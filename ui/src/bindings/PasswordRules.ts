// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What a new password must look like. Lengths count Unicode code points after NFC normalisation.
 */
export type PasswordRules = {
/**
 * The fewest code points allowed.
 */
min_length: number,
/**
 * The most code points allowed; a longer one is refused, never cut.
 */
max_length: number,
/**
 * At least one of `A`–`Z`.
 */
need_upper: boolean,
/**
 * At least one of `a`–`z`.
 */
need_lower: boolean,
/**
 * At least one of `0`–`9`.
 */
need_digit: boolean,
/**
 * Nothing but ASCII letters and digits (the `iauth` profile, C-17).
 */
only_letters_and_digits: boolean,
/**
 * May not contain the account's name.
 */
not_the_account: boolean,
/**
 * May not stand on the gateway's list of common passwords; only the gateway can check it.
 */
not_common: boolean,
/**
 * Must differ from the password it replaces.
 */
not_the_old: boolean, };
