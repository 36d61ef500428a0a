// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A link, or the text of a profile file, to read.
 */
export type InvitationText = {
/**
 * The text.
 */
text: string, };
