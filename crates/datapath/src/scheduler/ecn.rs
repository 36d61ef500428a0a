//! Explicit Congestion Notification in IP headers (RFC 3168).

use bytes::BytesMut;

use crate::packet::Packet;

const CONGESTION_EXPERIENCED: u8 = 0b11;

/// Marks the packet as one that met congestion, of a super-packet all of it. `None` when its sender does not ask
/// for that.
pub(super) fn mark(packet: Packet) -> Option<Packet> {
    let (shift, first) = match *packet.bytes.first_chunk::<20>()? {
        [version, class, ..] if version >> 4 == 4 => (0, class),
        [version, class, ..] if version >> 4 == 6 => (4, class),
        _ => return None,
    };
    match (first >> shift) & CONGESTION_EXPERIENCED {
        0 => return None,
        CONGESTION_EXPERIENCED => return Some(packet),
        _ => {}
    }
    // Rare enough to copy when others look at the same memory.
    let mut bytes = packet.bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let header = bytes.first_chunk_mut::<20>()?;
    let old = u16::from_be_bytes([header[0], header[1]]);
    header[1] |= CONGESTION_EXPERIENCED << shift;
    if shift == 0 {
        let new = u16::from_be_bytes([header[0], header[1]]);
        let checksum = u16::from_be_bytes([header[10], header[11]]);
        [header[10], header[11]] = updated(checksum, old, new).to_be_bytes();
    }
    Some(Packet { bytes: bytes.freeze(), offload: packet.offload })
}

/// The checksum after one word of what it is over has changed (RFC 1624, equation 3).
fn updated(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum).unwrap_or(u16::MAX)
}
