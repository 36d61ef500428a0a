// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { SessionId } from "./SessionId";

/**
 * Names one of the person's sessions.
 */
export type OneSession = {
/**
 * Its identifier.
 */
session: SessionId, };
