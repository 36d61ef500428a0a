// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { SessionId } from "./SessionId";
import type { Timestamp } from "./Timestamp";

/**
 * One of a person's sessions.
 */
export type OwnSession = {
/**
 * Public identifier.
 */
session: SessionId,
/**
 * The machine's name as it gave it.
 */
host_name: string,
/**
 * Client name and version.
 */
client: string,
/**
 * Where the sign-in came from.
 */
source: string,
/**
 * When it began.
 */
since: Timestamp,
/**
 * Whether it is the one that asks.
 */
current: boolean, };
