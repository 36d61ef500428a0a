//! What a peer says about a packet is checked here before anything else sees it.

use crate::packet::Offload;

use super::Run;
use super::headers::{Layout, OffloadError, Transport, be16, tcp, v4};

/// The most segments of a TCP super-packet: with the 64 KiB that a packet can have, segments of 128 bytes.
pub const MAX_TCP_SEGMENTS: usize = 512;

/// The most segments of a UDP super-packet; the kernel's own limit when it sends (`UDP_MAX_SEGMENTS`).
pub const MAX_UDP_SEGMENTS: usize = 128;

/// Whether `packet` is what `offload` says, and every packet it stands for is at most `mtu` bytes long.
///
/// All segments of what is accepted have the headers of the whole, but for the fields that
/// [`split`](super::split()) names: same addresses, ports and protocol. So a filter that sees the whole decides for
/// each of them. Both ends ask this: what would be refused is split before it is sent.
///
/// # Errors
/// See [`OffloadError`]; what is in error is dropped.
pub fn check(packet: &[u8], offload: Offload, mtu: usize) -> Result<Run<'_>, OffloadError> {
    if !offload.partial_checksum {
        if offload.is_super() {
            return Err(OffloadError::Contradiction);
        }
        return fits(packet.len(), mtu).map(|()| Run::whole(packet, offload, 1, packet.len()));
    }
    let layout = Layout::of_packet(packet)?;
    check_sums(&layout, packet)?;
    if !offload.is_super() {
        return fits(packet.len(), mtu).map(|()| Run::whole(packet, offload, 1, packet.len()));
    }
    let size = usize::from(offload.segment_size);
    let payload = packet.len() - layout.payload_at;
    // No kernel joins a packet that opens or resets a connection, or that is urgent.
    if payload <= size || layout.flags(packet) & (tcp::SYN | tcp::RST | tcp::URG) != 0 {
        return Err(OffloadError::Contradiction);
    }
    fits(layout.payload_at + size, mtu)?;
    let segments = payload.div_ceil(size);
    let most = match layout.transport {
        Transport::Tcp => MAX_TCP_SEGMENTS,
        Transport::Udp => MAX_UDP_SEGMENTS,
    };
    if segments > most {
        return Err(OffloadError::TooManySegments);
    }
    let bytes = payload + segments * layout.payload_at;
    Ok(Run::whole(packet, offload, segments, bytes))
}

/// As [`check`], for what travels between two ends: what would grow to more than twice its size when it is split is
/// refused, or a few bytes could ask the receiver for a flood of packets that are nothing but headers.
///
/// # Errors
/// As [`check`]; such packets are split by their sender.
pub fn check_between_ends(packet: &[u8], offload: Offload, mtu: usize) -> Result<Run<'_>, OffloadError> {
    check(packet, offload, mtu).and_then(|run| {
        if run.bytes() <= 2 * packet.len() { Ok(run) } else { Err(OffloadError::TooManySegments) }
    })
}

fn fits(len: usize, mtu: usize) -> Result<(), OffloadError> {
    if len <= mtu { Ok(()) } else { Err(OffloadError::TooLong) }
}

/// IPv4's header checksum is right, and the transport's is the sum of the pseudo-header.
fn check_sums(layout: &Layout, packet: &[u8]) -> Result<(), OffloadError> {
    let (ip, transport) = packet.split_at_checked(layout.transport_at).ok_or(OffloadError::Truncated)?;
    if !layout.is_v6 && (be16(ip, v4::CHECKSUM)? == 0xffff || !super::Sum::of(ip).is_whole()) {
        return Err(OffloadError::BadChecksum);
    }
    let len = u16::try_from(transport.len()).map_err(|_| OffloadError::BadLength)?;
    let sum = layout.pseudo_header(packet).plus_u16(len);
    if sum.minus_u16(be16(packet, layout.checksum_at())?).is_whole() {
        Ok(())
    } else {
        Err(OffloadError::BadChecksum)
    }
}
