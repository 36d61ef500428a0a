// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A program that the person names to open resources with, and its arguments.
 */
export type ProgramWords = {
/**
 * The program first; see [`crate::own_program`].
 */
words: Array<string>, };
