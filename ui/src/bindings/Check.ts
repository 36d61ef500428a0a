// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { CheckOutcome } from "./CheckOutcome";
import type { Failure } from "./Failure";

/**
 * One finding.
 */
export type Check = {
/**
 * The stable name of what was looked at: `tun_device`, `gateway_name`, `gateway_tls`, `route`, `dns`, …
 */
name: string,
/**
 * What was found.
 */
outcome: CheckOutcome,
/**
 * The finding in a few words, with nothing secret in it.
 */
detail: string,
/**
 * The failure that it leads to, for the text with the remedy.
 */
failure?: Failure | null, };
