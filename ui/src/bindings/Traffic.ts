// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Counters of user packets. *In* is from the gateway to this machine.
 */
export type Traffic = {
/**
 * Bytes received through the tunnel.
 */
bytes_in: number,
/**
 * Bytes sent through the tunnel.
 */
bytes_out: number,
/**
 * Packets received.
 */
packets_in: number,
/**
 * Packets sent.
 */
packets_out: number, };
