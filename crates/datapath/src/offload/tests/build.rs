//! Packets made by hand, with checksums by the book.

use bytes::Bytes;

use crate::packet::{Offload, Packet};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const URG: u8 = 0x20;
pub(super) const ECE: u8 = 0x40;
pub(super) const CWR: u8 = 0x80;

/// RFC 1071, word by word.
pub(super) fn naive_sum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap()
}

/// The IP layer of a packet.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    pub(super) is_v6: bool,
    /// The last byte of both addresses.
    pub(super) host: u8,
    pub(super) tos: u8,
    pub(super) ttl: u8,
    pub(super) label: u16,
    pub(super) id: u16,
    /// Flags and offset.
    pub(super) place: u16,
    /// Options of IPv4, or extension headers of IPv6 as pairs of number and bytes.
    pub(super) options: Vec<u8>,
    pub(super) extensions: Vec<(u8, Vec<u8>)>,
}

impl Ip {
    pub(super) fn v4() -> Self {
        Self {
            is_v6: false,
            host: 1,
            tos: 0,
            ttl: 64,
            label: 0,
            id: 100,
            place: 0x4000,
            options: Vec::new(),
            extensions: Vec::new(),
        }
    }

    pub(super) fn v6() -> Self {
        Self { is_v6: true, ..Self::v4() }
    }

    /// The header before `payload` of protocol `number`.
    pub(super) fn packet(&self, number: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        if self.is_v6 {
            let mut body = Vec::new();
            let mut next = number;
            for (kind, extension) in self.extensions.iter().rev() {
                let mut extension = extension.clone();
                extension[0] = next;
                body.splice(..0, extension);
                next = *kind;
            }
            body.extend_from_slice(payload);
            let label = self.label.to_be_bytes();
            packet.extend([0x60 | self.tos >> 4, self.tos << 4, label[0], label[1]]);
            packet.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            packet.extend([next, self.ttl]);
            packet.extend(self.source());
            packet.extend(self.destination());
            packet.extend(body);
        } else {
            let len = 20 + self.options.len();
            packet.extend([0x40 | u8::try_from(len / 4).unwrap(), self.tos]);
            packet.extend(u16::try_from(len + payload.len()).unwrap().to_be_bytes());
            packet.extend(self.id.to_be_bytes());
            packet.extend(self.place.to_be_bytes());
            packet.extend([self.ttl, number, 0, 0]);
            packet.extend(self.source());
            packet.extend(self.destination());
            packet.extend(&self.options);
            let checksum = !naive_sum(&packet);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            packet.extend_from_slice(payload);
        }
        packet
    }

    fn source(&self) -> Vec<u8> {
        if self.is_v6 { [&[0xfd; 15][..], &[self.host]].concat() } else { vec![10, 0, 0, self.host] }
    }

    fn destination(&self) -> Vec<u8> {
        if self.is_v6 { [&[0xfe; 15][..], &[self.host]].concat() } else { vec![172, 16, 0, self.host] }
    }

    /// The pseudo-header before `len` bytes of protocol `number`.
    pub(super) fn pseudo_header(&self, number: u8, len: usize) -> Vec<u8> {
        let len = u16::try_from(len).unwrap().to_be_bytes();
        [self.source(), self.destination(), vec![0, number], len.to_vec()].concat()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Tcp {
    pub(super) port: u16,
    pub(super) sequence: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    pub(super) urgent: u16,
    pub(super) options: Vec<u8>,
}

impl Tcp {
    pub(super) fn new() -> Self {
        Self { port: 40_000, sequence: 1, ack: 7, flags: ACK, window: 500, urgent: 0, options: Vec::new() }
    }

    fn header(&self, checksum: u16) -> Vec<u8> {
        let mut header = Vec::new();
        header.extend(self.port.to_be_bytes());
        header.extend([0x14, 0x51]);
        header.extend(self.sequence.to_be_bytes());
        header.extend(self.ack.to_be_bytes());
        header.push(u8::try_from((20 + self.options.len()) / 4).unwrap() << 4);
        header.push(self.flags);
        header.extend(self.window.to_be_bytes());
        header.extend(checksum.to_be_bytes());
        header.extend(self.urgent.to_be_bytes());
        header.extend(&self.options);
        header
    }

    /// The segment, complete.
    pub(super) fn segment(&self, ip: &Ip, payload: &[u8]) -> Vec<u8> {
        let len = 20 + self.options.len() + payload.len();
        let summed = [ip.pseudo_header(6, len), self.header(0), payload.to_vec()].concat();
        [self.header(!naive_sum(&summed)), payload.to_vec()].concat()
    }

    pub(super) fn packet(&self, ip: &Ip, payload: &[u8]) -> Vec<u8> {
        ip.packet(6, &self.segment(ip, payload))
    }

    /// Only the pseudo-header is summed.
    pub(super) fn partial(&self, ip: &Ip, payload: &[u8], segment_size: u16) -> Packet {
        let len = 20 + self.options.len() + payload.len();
        let sum = naive_sum(&ip.pseudo_header(6, len));
        let bytes = ip.packet(6, &[self.header(sum), payload.to_vec()].concat());
        partial(bytes, segment_size)
    }
}

fn udp_header(port: u16, len: usize, checksum: u16) -> Vec<u8> {
    let len = u16::try_from(8 + len).unwrap();
    [port.to_be_bytes(), [0x14, 0x52], len.to_be_bytes(), checksum.to_be_bytes()].concat()
}

pub(super) fn udp_segment(ip: &Ip, port: u16, payload: &[u8]) -> Vec<u8> {
    let header = udp_header(port, payload.len(), 0);
    let summed = [ip.pseudo_header(17, 8 + payload.len()), header, payload.to_vec()].concat();
    let checksum = match !naive_sum(&summed) {
        0 => 0xffff,
        checksum => checksum,
    };
    [udp_header(port, payload.len(), checksum), payload.to_vec()].concat()
}

pub(super) fn udp_packet(ip: &Ip, port: u16, payload: &[u8]) -> Vec<u8> {
    ip.packet(17, &udp_segment(ip, port, payload))
}

pub(super) fn udp_partial(ip: &Ip, port: u16, payload: &[u8], segment_size: u16) -> Packet {
    let sum = naive_sum(&ip.pseudo_header(17, 8 + payload.len()));
    let bytes = ip.packet(17, &[udp_header(port, payload.len(), sum), payload.to_vec()].concat());
    partial(bytes, segment_size)
}

fn partial(bytes: Vec<u8>, segment_size: u16) -> Packet {
    Packet { bytes: Bytes::from(bytes), offload: Offload { partial_checksum: true, segment_size } }
}

/// Bytes that differ from place to place.
pub(super) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(next).collect()
}

/// A timestamp option between two others of one byte.
pub(super) fn timestamps(value: u32, echo: u32) -> Vec<u8> {
    [vec![1, 1, 8, 10], value.to_be_bytes().to_vec(), echo.to_be_bytes().to_vec()].concat()
}

/// One block of a selective acknowledgment.
pub(super) fn sack(from: u32) -> Vec<u8> {
    [vec![1, 1, 5, 10], from.to_be_bytes().to_vec(), (from.wrapping_add(1400)).to_be_bytes().to_vec()]
        .concat()
}
