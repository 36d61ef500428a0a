// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Timestamp } from "./Timestamp";

/**
 * An account's last successful sign-in, shown so that a person notices a stranger's.
 */
export type LastSignIn = {
/**
 * When.
 */
at: Timestamp,
/**
 * From which address.
 */
source: string, };
