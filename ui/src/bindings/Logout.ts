// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Ends the session.
 */
export type Logout = {
/**
 * The app goes as well (*Exit*, A-29).
 */
exit: boolean, };
