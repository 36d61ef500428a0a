//! Where the headers of a TCP or UDP packet lie, with every length checked.

use thiserror::Error;

use super::checksum::Sum;

/// The most bytes that IP and transport headers may have together; IPv4 with all options needs 120.
pub const MAX_HEADERS: usize = 512;

/// The longest packet, in bytes.
pub const MAX_PACKET: usize = 65_535;

/// Where fields lie in an IPv4 header.
pub(super) mod v4 {
    pub(in super::super) const LEN: usize = 20;
    pub(in super::super) const TOTAL: usize = 2;
    pub(in super::super) const ID: usize = 4;
    pub(in super::super) const CHECKSUM: usize = 10;
}

/// Where fields lie in an IPv6 header.
pub(super) mod v6 {
    pub(in super::super) const LEN: usize = 40;
    pub(in super::super) const PAYLOAD: usize = 4;
}

/// Where fields lie in a TCP header, and its flags.
pub(super) mod tcp {
    pub(in super::super) const LEN: usize = 20;
    pub(in super::super) const SEQUENCE: usize = 4;
    pub(in super::super) const FLAGS: usize = 13;
    pub(in super::super) const CHECKSUM: usize = 16;
    pub(in super::super) const FIN: u8 = 0x01;
    pub(in super::super) const SYN: u8 = 0x02;
    pub(in super::super) const RST: u8 = 0x04;
    pub(in super::super) const PSH: u8 = 0x08;
    pub(in super::super) const ACK: u8 = 0x10;
    pub(in super::super) const URG: u8 = 0x20;
    pub(in super::super) const CWR: u8 = 0x80;
}

/// Where fields lie in a UDP header.
pub(super) mod udp {
    pub(in super::super) const LEN: usize = 8;
    pub(in super::super) const LENGTH: usize = 4;
    pub(in super::super) const CHECKSUM: usize = 6;
}

/// Why a packet is not what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OffloadError {
    /// A header or the packet is cut short.
    #[error("truncated packet")]
    Truncated,
    /// Lengths contradict each other, or are out of range.
    #[error("inconsistent packet length")]
    BadLength,
    /// Only whole TCP and UDP packets have something left to do; this is a fragment, or another protocol.
    #[error("neither a whole TCP nor a whole UDP packet")]
    Unsupported,
    /// A checksum is wrong that should be right.
    #[error("wrong checksum")]
    BadChecksum,
    /// What is left to do cannot be done to this packet.
    #[error("impossible offload request")]
    Contradiction,
    /// One of the segments would be longer than the tunnel carries.
    #[error("segments are too long")]
    TooLong,
    /// It stands for more packets than is reasonable.
    #[error("too many segments")]
    TooManySegments,
}

/// What follows the IP headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }

    pub(super) fn checksum_offset(self) -> usize {
        match self {
            Self::Tcp => tcp::CHECKSUM,
            Self::Udp => udp::CHECKSUM,
        }
    }

    fn from_number(number: u8) -> Result<Self, OffloadError> {
        match number {
            6 => Ok(Self::Tcp),
            17 => Ok(Self::Udp),
            _ => Err(OffloadError::Unsupported),
        }
    }
}

/// The parts of a packet, as offsets from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) is_v6: bool,
    pub(super) transport: Transport,
    /// Where the transport header begins.
    pub(super) transport_at: usize,
    /// Where the payload begins; at most [`MAX_HEADERS`].
    pub(super) payload_at: usize,
    /// The length that the IP header gives.
    total: usize,
}

impl Layout {
    /// Of a whole packet, whose lengths all agree.
    pub(super) fn of_packet(packet: &[u8]) -> Result<Self, OffloadError> {
        let layout = Self::of_headers(packet)?;
        if layout.total != packet.len() || packet.len() > MAX_PACKET {
            return Err(OffloadError::BadLength);
        }
        if layout.transport == Transport::Udp {
            let length = be16(packet, layout.transport_at + udp::LENGTH)?;
            if usize::from(length) != packet.len() - layout.transport_at {
                return Err(OffloadError::BadLength);
            }
        }
        Ok(layout)
    }

    /// Of headers, which payload follows elsewhere.
    pub(super) fn of_headers(headers: &[u8]) -> Result<Self, OffloadError> {
        let (is_v6, number, transport_at, total) = match headers.first().ok_or(OffloadError::Truncated)? >> 4
        {
            4 => {
                let (number, at, total) = of_v4(headers)?;
                (false, number, at, total)
            }
            6 => {
                let (number, at, total) = of_v6(headers)?;
                (true, number, at, total)
            }
            _ => return Err(OffloadError::Unsupported),
        };
        let transport = Transport::from_number(number)?;
        let len = match transport {
            Transport::Tcp => {
                let offset = headers.get(transport_at + 12).ok_or(OffloadError::Truncated)?;
                usize::from(offset >> 4) * 4
            }
            Transport::Udp => udp::LEN,
        };
        let shortest = if transport == Transport::Tcp { tcp::LEN } else { udp::LEN };
        let payload_at = transport_at + len;
        if len < shortest || payload_at > total || payload_at > MAX_HEADERS {
            return Err(OffloadError::BadLength);
        }
        if payload_at > headers.len() {
            return Err(OffloadError::Truncated);
        }
        Ok(Self { is_v6, transport, transport_at, payload_at, total })
    }

    /// The sum over the pseudo-header (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1), but for the length of
    /// what follows the IP headers.
    pub(super) fn pseudo_header(&self, packet: &[u8]) -> Sum {
        let addresses = if self.is_v6 { packet.get(8..40) } else { packet.get(12..20) };
        Sum::of(addresses.unwrap_or_default()).plus_u16(u16::from(self.transport.number()))
    }

    /// Where the transport checksum lies.
    pub(super) fn checksum_at(&self) -> usize {
        self.transport_at + self.transport.checksum_offset()
    }

    /// TCP's flags; zero for UDP.
    pub(super) fn flags(&self, packet: &[u8]) -> u8 {
        match self.transport {
            Transport::Tcp => packet.get(self.transport_at + tcp::FLAGS).copied().unwrap_or_default(),
            Transport::Udp => 0,
        }
    }
}

/// Protocol, where it begins, and the packet's length: RFC 791 section 3.1.
fn of_v4(packet: &[u8]) -> Result<(u8, usize, usize), OffloadError> {
    let [first, _, total_high, total_low, _, _, place_high, place_low, _, number, ..] =
        *packet.first_chunk::<{ v4::LEN }>().ok_or(OffloadError::Truncated)?;
    let header = usize::from(first & 0x0f) * 4;
    if header < v4::LEN {
        return Err(OffloadError::BadLength);
    }
    // More fragments, or an offset.
    if u16::from_be_bytes([place_high, place_low]) & 0x3fff != 0 {
        return Err(OffloadError::Unsupported);
    }
    Ok((number, header, usize::from(u16::from_be_bytes([total_high, total_low]))))
}

/// The same: RFC 8200 sections 3 and 4. Only options and routing are walked; nothing else stands before the
/// transport header of a packet that can be split.
fn of_v6(packet: &[u8]) -> Result<(u8, usize, usize), OffloadError> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION_OPTIONS: u8 = 60;
    let [_, _, _, _, len_high, len_low, mut next, ..] =
        *packet.first_chunk::<{ v6::LEN }>().ok_or(OffloadError::Truncated)?;
    let mut at = v6::LEN;
    while matches!(next, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
        if at > MAX_HEADERS {
            return Err(OffloadError::BadLength);
        }
        let [after, len] = *packet.get(at..).and_then(<[u8]>::first_chunk).ok_or(OffloadError::Truncated)?;
        next = after;
        at += (usize::from(len) + 1) * 8;
    }
    Ok((next, at, v6::LEN + usize::from(u16::from_be_bytes([len_high, len_low]))))
}

/// The big-endian number at an offset.
pub(super) fn be16(bytes: &[u8], at: usize) -> Result<u16, OffloadError> {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(OffloadError::Truncated)?;
    Ok(u16::from_be_bytes(*field))
}

/// The same in four bytes.
pub(super) fn be32(bytes: &[u8], at: usize) -> Result<u32, OffloadError> {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(OffloadError::Truncated)?;
    Ok(u32::from_be_bytes(*field))
}

/// Writes a field; one beyond the end is left out, which no offset of a [`Layout`] is.
pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, field: [u8; N]) {
    if let Some(to) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *to = field;
    }
}
