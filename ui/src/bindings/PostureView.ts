// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Finding } from "./Finding";
import type { Timestamp } from "./Timestamp";

/**
 * What the gateway makes of this machine.
 */
export type PostureView = {
/**
 * When the gateway said so.
 */
checked_at: Timestamp,
/**
 * Every requirement that is not met.
 */
findings: Array<Finding>,
/**
 * The session reaches only some of its resources until the machine is put right.
 */
limited: boolean,
/**
 * When the session ends unless the machine is put right before.
 */
ends_at: Timestamp | null, };
