// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Timestamp } from "./Timestamp";

/**
 * What one step of [`STEP_MILLIS`] carried.
 */
export type Rate = {
/**
 * The end of the step.
 */
at: Timestamp,
/**
 * Bytes received per second.
 */
bytes_in: number,
/**
 * Bytes sent per second.
 */
bytes_out: number, };
