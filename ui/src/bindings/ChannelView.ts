// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ChannelReason } from "./ChannelReason";
import type { ChannelTraffic } from "./ChannelTraffic";
import type { DataChannel } from "./DataChannel";

/**
 * How a session's packets travel, as a view shows it.
 */
export type ChannelView = {
/**
 * The channel that carries them now.
 */
carrier: DataChannel,
/**
 * Why that one.
 */
reason: ChannelReason,
/**
 * The protocol version and the cipher of the TLS channel, such as `TLS 1.3, AES-256-GCM`.
 */
protection: string | null,
/**
 * The gateway takes several packets of one flow in one piece.
 */
super_packets: boolean,
/**
 * What the TLS channel has carried in this session.
 */
tls: ChannelTraffic,
/**
 * What the UDP channel has carried.
 */
udp: ChannelTraffic,
/**
 * Packets that went no further, by the reason's stable name; reasons without one are left out.
 */
dropped: { [key in string]: number }, };
