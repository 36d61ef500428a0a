// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ReportedFact } from "./ReportedFact";
import type { Timestamp } from "./Timestamp";

/**
 * What was read of this machine for a gateway, without what only machines make use of.
 */
export type Reported = {
/**
 * When it was read.
 */
at: Timestamp,
/**
 * What was asked for, and nothing else.
 */
facts: Array<ReportedFact>, };
