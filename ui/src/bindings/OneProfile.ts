// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ProfileName } from "./ProfileName";

/**
 * Names a profile.
 */
export type OneProfile = {
/**
 * Its name.
 */
name: ProfileName, };
