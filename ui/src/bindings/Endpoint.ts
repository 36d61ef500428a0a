// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { PortRange } from "./PortRange";
import type { Protocol } from "./Protocol";

/**
 * A destination behind the gateway: protocol, network and ports.
 */
export type Endpoint = {
/**
 * Transport protocol.
 */
protocol: Protocol,
/**
 * Destination network; a single host is a /32 or /128.
 */
net: string,
/**
 * Destination ports; ignored for [`Protocol::Icmp`] and [`Protocol::Any`].
 */
ports: PortRange, };
