// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Secret } from "./Secret";
import type { Target } from "./Target";

/**
 * Begins to sign in.
 */
export type BeginSignIn = {
/**
 * Where.
 */
target: Target,
/**
 * The account as typed.
 */
account: string,
/**
 * The password exactly as typed, where one screen asks for both; it answers the first question if that is for the
 * password, and is forgotten otherwise.
 */
password: Secret | null, };
