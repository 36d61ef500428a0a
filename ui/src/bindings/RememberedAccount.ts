// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { GatewayAddress } from "./GatewayAddress";

/**
 * An account that the app remembers.
 */
export type RememberedAccount = {
/**
 * Where.
 */
gateway: GatewayAddress,
/**
 * As it was typed, folded.
 */
account: string, };
