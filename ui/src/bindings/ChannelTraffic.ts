// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What one channel has carried. *In* is from the gateway to this machine; a packet that carries several counts as
 * these.
 */
export type ChannelTraffic = {
/**
 * Bytes received, without framing.
 */
bytes_in: number,
/**
 * Bytes sent, without framing.
 */
bytes_out: number,
/**
 * Packets received.
 */
packets_in: number,
/**
 * Packets sent.
 */
packets_out: number,
/**
 * What was sent again: segments of TCP, or flights of a handshake by UDP.
 */
retransmits: number,
/**
 * The last measured round trip to the gateway, in microseconds.
 */
round_trip_us: number | null, };
