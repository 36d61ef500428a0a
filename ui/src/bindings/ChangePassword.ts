// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Secret } from "./Secret";

/**
 * Changes the account's password.
 */
export type ChangePassword = {
/**
 * The password in force.
 */
current: Secret,
/**
 * The new one.
 */
new: Secret, };
