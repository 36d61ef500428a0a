//! From a super-packet to ordinary packets, bit for bit as the kernel would have made them.

use crate::packet::Packet;

use super::checksum::Sum;
use super::headers::{Layout, MAX_HEADERS, OffloadError, Transport, be16, be32, put, tcp, udp, v4, v6};

/// Hands every packet that `packet` stands for to `sink`, as headers and payload, with nothing left to do; returns
/// how many. One that has nothing left to do is handed over as it is, whatever it holds.
///
/// Per segment: the lengths, IPv4's identification (each one more) and header checksum, TCP's sequence number, FIN
/// and PSH on the last one only, CWR on the first one only (RFC 3168 section 6.1.2), and the checksum. All else is
/// the same in all of them, the urgent pointer too, as the kernel does it; it joins no urgent data itself.
///
/// No packet is longer than `mtu` bytes: TCP's payloads are shorter than the packet says where that is needed, also
/// those of a single packet whose checksum is partial. UDP's boundaries mean something and are always kept.
///
/// # Errors
/// When the packet is not what its offload says, or cannot be made to fit; then `sink` was not called.
pub fn split(packet: &Packet, mtu: usize, mut sink: impl FnMut(&[u8], &[u8])) -> Result<usize, OffloadError> {
    let (bytes, offload) = (&*packet.bytes, packet.offload);
    if !offload.partial_checksum {
        if offload.is_super() {
            return Err(OffloadError::Contradiction);
        }
        if bytes.len() > mtu {
            return Err(OffloadError::TooLong);
        }
        sink(bytes, &[]);
        return Ok(1);
    }
    let layout = Layout::of_packet(bytes)?;
    let mut room = [0; MAX_HEADERS];
    let mut template = Template::new(&layout, bytes, &mut room)?;
    let payload = bytes.get(layout.payload_at..).unwrap_or_default();
    let wanted = if offload.is_super() { usize::from(offload.segment_size) } else { payload.len() };
    let size = segment_size(&layout, bytes, wanted.min(payload.len()), mtu)?;
    let mut payloads = payload.chunks(size).peekable();
    let mut segments = 0;
    loop {
        // Without payload there is one packet all the same.
        let payload = payloads.next().unwrap_or_default();
        let is_last = payloads.peek().is_none();
        sink(template.segment(payload, segments == 0, is_last), payload);
        segments += 1;
        if is_last {
            return Ok(segments);
        }
    }
}

/// Payload bytes of each segment, at least one.
fn segment_size(layout: &Layout, packet: &[u8], wanted: usize, mtu: usize) -> Result<usize, OffloadError> {
    let room = mtu.checked_sub(layout.payload_at).ok_or(OffloadError::TooLong)?;
    if wanted <= room {
        return Ok(wanted.max(1));
    }
    let is_stream = layout.transport == Transport::Tcp && layout.flags(packet) & (tcp::SYN | tcp::RST) == 0;
    if is_stream && room > 0 { Ok(room) } else { Err(OffloadError::TooLong) }
}

/// Headers of the next segment, and the sums of what is the same in all of them.
struct Template<'a> {
    headers: &'a mut [u8],
    layout: Layout,
    ip_sum: Sum,
    /// With the pseudo-header, but for its length.
    transport_sum: Sum,
    id: u16,
    sequence: u32,
    flags: u8,
}

impl<'a> Template<'a> {
    fn new(layout: &Layout, packet: &[u8], room: &'a mut [u8]) -> Result<Self, OffloadError> {
        let len = layout.payload_at;
        let headers = room.get_mut(..len).ok_or(OffloadError::BadLength)?;
        headers.copy_from_slice(packet.get(..len).ok_or(OffloadError::Truncated)?);
        let at = layout.transport_at;
        let id = if layout.is_v6 { 0 } else { be16(packet, v4::ID)? };
        // The field is taken, since it knows more than the IP header: with a routing header (RFC 8200 section 8.1)
        // the final destination counts.
        let whole = u16::try_from(packet.len() - at).map_err(|_| OffloadError::BadLength)?;
        let pseudo_header = Sum::ZERO.plus_u16(be16(packet, layout.checksum_at())?).minus_u16(whole);
        if !layout.is_v6 {
            put(headers, v4::TOTAL, [0; 4]);
            put(headers, v4::CHECKSUM, [0; 2]);
        }
        put(headers, layout.checksum_at(), [0; 2]);
        let (mut sequence, mut flags) = (0, 0);
        match layout.transport {
            Transport::Tcp => {
                sequence = be32(packet, at + tcp::SEQUENCE)?;
                flags = layout.flags(packet);
                put(headers, at + tcp::SEQUENCE, [0; 4]);
                put(headers, at + tcp::FLAGS, [0]);
            }
            Transport::Udp => put(headers, at + udp::LENGTH, [0; 2]),
        }
        let (ip, transport) = headers.split_at_checked(at).ok_or(OffloadError::Truncated)?;
        Ok(Self {
            ip_sum: if layout.is_v6 { Sum::ZERO } else { Sum::of(ip) },
            transport_sum: Sum::of(transport).plus(pseudo_header),
            headers,
            layout: *layout,
            id,
            sequence,
            flags,
        })
    }

    /// The headers of the segment with this payload.
    fn segment(&mut self, payload: &[u8], is_first: bool, is_last: bool) -> &[u8] {
        let at = self.layout.transport_at;
        let total = short(self.headers.len() + payload.len());
        let transport_len = short(self.headers.len() - at + payload.len());
        if self.layout.is_v6 {
            put(self.headers, v6::PAYLOAD, short(usize::from(total) - v6::LEN).to_be_bytes());
        } else {
            put(self.headers, v4::TOTAL, total.to_be_bytes());
            put(self.headers, v4::ID, self.id.to_be_bytes());
            let sum = self.ip_sum.plus_u16(total).plus_u16(self.id);
            put(self.headers, v4::CHECKSUM, sum.checksum().to_be_bytes());
            self.id = self.id.wrapping_add(1);
        }
        let sum = self.transport_sum.plus_u16(transport_len).plus(Sum::of(payload));
        let checksum = match self.layout.transport {
            Transport::Tcp => {
                let mut flags = self.flags;
                if !is_last {
                    flags &= !(tcp::FIN | tcp::PSH);
                }
                if !is_first {
                    flags &= !tcp::CWR;
                }
                let sum = sum.plus_u32(self.sequence).plus_u16(u16::from(flags));
                put(self.headers, at + tcp::SEQUENCE, self.sequence.to_be_bytes());
                put(self.headers, at + tcp::FLAGS, [flags]);
                self.sequence = self.sequence.wrapping_add(u32::from(short(payload.len())));
                sum.checksum()
            }
            Transport::Udp => {
                put(self.headers, at + udp::LENGTH, transport_len.to_be_bytes());
                sum.plus_u16(transport_len).udp_checksum()
            }
        };
        put(self.headers, self.layout.checksum_at(), checksum.to_be_bytes());
        self.headers
    }
}

/// A length within a packet, which has at most [`super::headers::MAX_PACKET`] bytes.
fn short(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
