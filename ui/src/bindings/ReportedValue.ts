// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Timestamp } from "./Timestamp";
import type { Unavailable } from "./Unavailable";

/**
 * What was read.
 */
export type ReportedValue = { "value": "text",
/**
 * As the system has it.
 */
text: string, } | { "value": "yes" } | { "value": "no" } | { "value": "on" } | { "value": "off" } | { "value": "snoozed" } | { "value": "expired" } | { "value": "instant",
/**
 * When.
 */
at: Timestamp, } | { "value": "seconds",
/**
 * How long.
 */
seconds: number, } | { "value": "missing" } | { "value": "unavailable",
/**
 * Why.
 */
reason: Unavailable, };
