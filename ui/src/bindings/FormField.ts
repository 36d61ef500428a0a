// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * One input of a [`SignInStep::Form`].
 */
export type FormField = {
/**
 * Its name in the answer.
 */
name: string,
/**
 * What to show beside it.
 */
label: string,
/**
 * Whether the input is hidden.
 */
secret: boolean,
/**
 * The values to choose from, as (value, text); empty for free text.
 */
choices: Array<[string, string]>, };
