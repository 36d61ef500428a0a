// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { GatewayAddress } from "./GatewayAddress";
import type { Pin } from "./Pin";
import type { ProfileName } from "./ProfileName";

/**
 * A named gateway, as a person picks it from a list (`TCC-VPN` in B-16).
 */
export type Profile = {
/**
 * The name in lists, on the command line and in the status view.
 */
name: ProfileName,
/**
 * Where the gateway is.
 */
gateway: GatewayAddress,
/**
 * The key that vouches for the gateway; without one the public roots must.
 */
pin?: Pin | null, };
