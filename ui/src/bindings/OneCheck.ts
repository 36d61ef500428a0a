// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { PostureCheck } from "./PostureCheck";

/**
 * Names a check of this machine.
 */
export type OneCheck = {
/**
 * Which.
 */
check: PostureCheck, };
