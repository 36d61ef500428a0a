// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { TokenSerial } from "./TokenSerial";

/**
 * A token as the person at the prompt needs to know it.
 */
export type TokenHint = {
/**
 * The serial on the token's back.
 */
serial: TokenSerial,
/**
 * How many digits its codes have.
 */
digits: number,
/**
 * How long one code lives, in seconds.
 */
step_seconds: number,
/**
 * Seconds left of the present code by the gateway's clock and the token's known drift.
 */
seconds_left: number, };
