// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { GatewayAddress } from "./GatewayAddress";
import type { Pin } from "./Pin";
import type { ProfileName } from "./ProfileName";

/**
 * A gateway that somebody invites to.
 */
export type Invitation = {
/**
 * Where.
 */
gateway: GatewayAddress,
/**
 * Under what name; `None` leaves it to the person.
 */
name: ProfileName | null,
/**
 * The key that vouches for the gateway; `None` means that the public roots must.
 */
pin: Pin | null, };
