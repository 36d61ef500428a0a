// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Pin } from "./Pin";
import type { ProfileName } from "./ProfileName";

/**
 * Stores the key of one of the person's own gateways that has none yet.
 */
export type PinProfile = {
/**
 * The gateway's name.
 */
name: ProfileName,
/**
 * The key, as it was handed out.
 */
pin: Pin, };
