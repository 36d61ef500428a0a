// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { SessionId } from "./SessionId";
import type { Timestamp } from "./Timestamp";

/**
 * A session of the same account on another machine.
 */
export type ElsewhereSession = {
/**
 * Its identifier.
 */
session: SessionId,
/**
 * The other machine's name as it gave it.
 */
host_name: string,
/**
 * The address it came from.
 */
source: string,
/**
 * When it signed in.
 */
since: Timestamp, };
