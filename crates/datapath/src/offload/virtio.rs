//! The header that Linux puts before each packet of a TUN device with offload (`struct virtio_net_hdr`).
//!
//! Its numbers are in the machine's own byte order, since the device was not asked for another
//! (`TUNSETVNETLE`, `TUNSETVNETBE`).

use crate::packet::Offload;

use super::Run;
use super::checksum::Sum;
use super::headers::{Layout, MAX_PACKET, OffloadError, Transport, put, tcp, udp};

/// Bytes of the header.
pub const LEN: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const CHECKSUM_IS_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCP_V4: u8 = 1;
const GSO_TCP_V6: u8 = 4;
const GSO_UDP: u8 = 5;
/// A flag beside the others: the first segment has CWR.
const GSO_ECN: u8 = 0x80;

/// What the kernel has left to do. A partial checksum in anything but a whole TCP or UDP packet is finished here, in
/// place, so that nobody else needs to know of it.
///
/// `hdr_len` is not looked at: of forwarded packets it is the length of whatever lay in one piece.
///
/// # Errors
/// When the header asks for what cannot be done to this packet.
pub fn decode(header: &[u8; LEN], packet: &mut [u8]) -> Result<Offload, OffloadError> {
    let [flags, gso, _, _, size_0, size_1, start_0, start_1, offset_0, offset_1] = *header;
    let segment_size = u16::from_ne_bytes([size_0, size_1]);
    let start = usize::from(u16::from_ne_bytes([start_0, start_1]));
    let offset = usize::from(u16::from_ne_bytes([offset_0, offset_1]));
    if packet.len() > MAX_PACKET {
        return Err(OffloadError::BadLength);
    }
    if flags & NEEDS_CHECKSUM == 0 && gso == GSO_NONE {
        return Ok(Offload::NONE);
    }
    let layout = Layout::of_packet(packet).ok();
    if flags & NEEDS_CHECKSUM == 0 {
        // Joined by a network card that found the segments' checksums right: each of them needs its own again.
        let layout = layout.filter(|_| flags & CHECKSUM_IS_VALID != 0).ok_or(OffloadError::Contradiction)?;
        let offload = joined(gso, segment_size, &layout, packet)?;
        make_partial(&layout, packet)?;
        return Ok(offload);
    }
    let layout =
        layout.filter(|layout| start == layout.transport_at && start + offset == layout.checksum_at());
    let Some(layout) = layout else {
        if gso != GSO_NONE {
            return Err(OffloadError::Contradiction);
        }
        finish(packet, start, offset)?;
        return Ok(Offload::NONE);
    };
    if gso == GSO_NONE {
        return Ok(Offload { partial_checksum: true, segment_size: 0 });
    }
    joined(gso, segment_size, &layout, packet)
}

/// What there is to do to a packet of several segments; or of one, which needs no splitting.
fn joined(gso: u8, segment_size: u16, layout: &Layout, packet: &[u8]) -> Result<Offload, OffloadError> {
    if gso & !GSO_ECN != gso_type(layout) || segment_size == 0 {
        return Err(OffloadError::Contradiction);
    }
    let is_super = packet.len() - layout.payload_at > usize::from(segment_size);
    Ok(Offload { partial_checksum: true, segment_size: if is_super { segment_size } else { 0 } })
}

/// Puts the sum of the pseudo-header where the checksum is.
fn make_partial(layout: &Layout, packet: &mut [u8]) -> Result<(), OffloadError> {
    let len = u16::try_from(packet.len() - layout.transport_at).map_err(|_| OffloadError::BadLength)?;
    let partial = layout.pseudo_header(packet).plus_u16(len).fold();
    put(packet, layout.checksum_at(), partial.to_be_bytes());
    Ok(())
}

/// The header for what is handed to the kernel.
///
/// # Errors
/// When something is left to do that cannot be done to these headers.
pub fn encode(run: &Run<'_>) -> Result<[u8; LEN], OffloadError> {
    let offload = run.offload();
    if offload == Offload::NONE {
        return Ok([0; LEN]);
    }
    if !offload.partial_checksum {
        return Err(OffloadError::Contradiction);
    }
    let layout = Layout::of_headers(run.head())?;
    let mut gso = GSO_NONE;
    let mut header_len = 0;
    if offload.is_super() {
        gso = gso_type(&layout);
        if layout.flags(run.head()) & tcp::CWR != 0 {
            gso |= GSO_ECN;
        }
        header_len = layout.payload_at;
    }
    let [len_0, len_1] = field(header_len);
    let [size_0, size_1] = offload.segment_size.to_ne_bytes();
    let [start_0, start_1] = field(layout.transport_at);
    let [offset_0, offset_1] = field(layout.transport.checksum_offset());
    Ok([NEEDS_CHECKSUM, gso, len_0, len_1, size_0, size_1, start_0, start_1, offset_0, offset_1])
}

fn gso_type(layout: &Layout) -> u8 {
    match (layout.transport, layout.is_v6) {
        (Transport::Tcp, false) => GSO_TCP_V4,
        (Transport::Tcp, true) => GSO_TCP_V6,
        (Transport::Udp, _) => GSO_UDP,
    }
}

/// An offset within [`super::headers::MAX_HEADERS`].
fn field(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_ne_bytes()
}

/// Sums from `start` to the end, and puts the checksum at `offset` from there.
fn finish(packet: &mut [u8], start: usize, offset: usize) -> Result<(), OffloadError> {
    let summed = packet.get_mut(start..).ok_or(OffloadError::Contradiction)?;
    if summed.len() < offset + 2 || !offset.is_multiple_of(2) {
        return Err(OffloadError::Contradiction);
    }
    let sum = Sum::of(summed);
    let checksum = if offset == udp::CHECKSUM { sum.udp_checksum() } else { sum.checksum() };
    put(summed, offset, checksum.to_be_bytes());
    Ok(())
}
