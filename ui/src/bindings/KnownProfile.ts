// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Profile } from "./Profile";

/**
 * A profile and whose it is.
 */
export type KnownProfile = {
/**
 * The profile.
 */
profile: Profile,
/**
 * It was set up by root for everybody on this machine.
 */
shared: boolean, };
