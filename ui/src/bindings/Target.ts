// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { GatewayAddress } from "./GatewayAddress";
import type { Pin } from "./Pin";
import type { ProfileName } from "./ProfileName";

/**
 * Where to sign in.
 */
export type Target = { "at": "profile",
/**
 * Its name.
 */
name: ProfileName, } | { "at": "gateway",
/**
 * The address.
 */
address: GatewayAddress,
/**
 * The key that vouches for it; without one the public roots must.
 */
pin: Pin | null, };
