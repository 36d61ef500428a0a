// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Timestamp } from "./Timestamp";

/**
 * How the tunnel is being brought back.
 */
export type Reconnect = {
/**
 * How many attempts have failed since the tunnel was lost.
 */
attempt: number,
/**
 * When the next attempt starts; `None` while one is under way, or while paused.
 */
next_at: Timestamp | null,
/**
 * When trying ends, because the gateway forgets the session.
 */
give_up_at: Timestamp | null,
/**
 * The person asked for the tunnel to be down; it comes back only on request.
 */
paused: boolean, };
