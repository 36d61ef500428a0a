// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The network side of a tunnel, as a view shows it.
 */
export type TunnelView = {
/**
 * The name of the tunnel device, once made.
 */
device: string | null,
/**
 * The tunnel's own addresses (B-16).
 */
addresses: Array<string>,
/**
 * Networks that go through the tunnel; empty means everything.
 */
include: Array<string>,
/**
 * Networks that stay outside.
 */
exclude: Array<string>,
/**
 * Name servers inside.
 */
dns_servers: Array<string>,
/**
 * Domains resolved inside; empty means all names.
 */
split_dns: Array<string>,
/**
 * The largest packet, in bytes.
 */
mtu: number, };
