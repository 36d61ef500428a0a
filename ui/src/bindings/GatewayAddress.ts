// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Where a gateway is: always HTTPS.
 *
 * The host is a DNS name in lower case, an IPv4 address, or an IPv6 address (written in brackets). The path matters
 * to foreign gateways that choose a group by it; ours is at `/`.
 */
export type GatewayAddress = string;
