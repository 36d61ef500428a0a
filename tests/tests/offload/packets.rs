//! What is sent: packets as senders make them that never heard of offload, and super-packets as their kernels do.

use std::net::IpAddr;

/// Bytes of the header before each packet (`struct virtio_net_hdr`).
pub(crate) const HEADER: usize = 10;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const URG: u8 = 0x20;
pub(crate) const ECE: u8 = 0x40;
pub(crate) const CWR: u8 = 0x80;

/// The codepoints of RFC 3168.
pub(crate) const ECT: u8 = 2;
pub(crate) const CE: u8 = 3;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// What is handed to the kernel at once, and how many packets it becomes.
#[derive(Clone, Debug)]
pub(crate) struct Injected {
    pub(crate) bytes: Vec<u8>,
    pub(crate) packets: usize,
}

/// Who sends to whom, and what the IP header says besides.
#[derive(Clone, Debug)]
pub(crate) struct Ip {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) tos: u8,
    pub(crate) id: u16,
    /// IPv4's flags and fragment offset.
    pub(crate) place: u16,
    /// IPv6's extension headers, as pairs of number and bytes.
    pub(crate) extensions: Vec<(u8, Vec<u8>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    pub(crate) ports: (u16, u16),
    pub(crate) sequence: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) options: Vec<u8>,
}

impl Ip {
    pub(crate) fn new(from: IpAddr, to: IpAddr) -> Self {
        Self { from, to, tos: 0, id: 1000, place: 0x4000, extensions: Vec::new() }
    }

    /// A whole packet with `payload` of protocol `number`.
    pub(crate) fn packet(&self, number: u8, payload: &[u8]) -> Vec<u8> {
        match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut packet = vec![0x45, self.tos];
                packet.extend(length(20 + payload.len()));
                packet.extend(self.id.to_be_bytes());
                packet.extend(self.place.to_be_bytes());
                packet.extend([64, number, 0, 0]);
                packet.extend(from.octets());
                packet.extend(to.octets());
                let checksum = !sum(&packet);
                packet[10..12].copy_from_slice(&checksum.to_be_bytes());
                packet.extend(payload);
                packet
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut next = number;
                let mut extensions = Vec::new();
                for (kind, extension) in self.extensions.iter().rev() {
                    let mut extension = extension.clone();
                    extension[0] = next;
                    extensions.splice(..0, extension);
                    next = *kind;
                }
                let mut packet = vec![0x60 | self.tos >> 4, self.tos << 4, 0x12, 0x34];
                packet.extend(length(extensions.len() + payload.len()));
                packet.extend([next, 64]);
                packet.extend(from.octets());
                packet.extend(to.octets());
                packet.extend(extensions);
                packet.extend(payload);
                packet
            }
            _ => panic!("one family"),
        }
    }

    pub(crate) fn icmp(&self, echo: &[u8]) -> Injected {
        let (number, kind, pseudo) = match self.from {
            IpAddr::V4(_) => (1, 8, Vec::new()),
            IpAddr::V6(_) => (58, 128, self.pseudo_header(58, 8 + echo.len())),
        };
        let mut message = vec![kind, 0, 0, 0, 0, 7, 0, 1];
        message.extend(echo);
        let checksum = !sum(&[&pseudo, &message[..]].concat());
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        one(self.packet(number, &message))
    }

    fn pseudo_header(&self, number: u8, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for address in [self.from, self.to] {
            match address {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend([0, number]);
        bytes.extend(length(len));
        bytes
    }

    fn header_len(&self) -> usize {
        let own = if self.from.is_ipv4() { 20 } else { 40 };
        own + self.extensions.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    /// The parts of a UDP packet that is too long for a link, `size` bytes each.
    pub(crate) fn udp_fragments(&self, ports: (u16, u16), payload: &[u8], size: usize) -> Vec<Injected> {
        let datagram = udp_datagram(self, ports, payload);
        let count = datagram.len().div_ceil(size);
        let fragment = |(number, part): (usize, &[u8])| {
            let more = number + 1 < count;
            let offset = u16::try_from(number * size).expect("a short packet");
            let mut ip = self.clone();
            if ip.from.is_ipv4() {
                ip.place = (offset / 8) | if more { 0x2000 } else { 0 };
            } else {
                let [high, low] = (offset | u16::from(more)).to_be_bytes();
                ip.extensions.push((44, vec![0, 0, high, low, 0xde, 0xad, 0xbe, 0xef]));
            }
            one(ip.packet(UDP, part))
        };
        datagram.chunks(size).enumerate().map(fragment).collect()
    }
}

impl Tcp {
    pub(crate) fn new(ports: (u16, u16)) -> Self {
        let options = timestamps(1);
        Self { ports, sequence: 0xffff_f000, ack: 1, flags: ACK, window: 502, urgent: 0, options }
    }

    fn header(&self, checksum: u16) -> Vec<u8> {
        let mut header = Vec::new();
        header.extend(self.ports.0.to_be_bytes());
        header.extend(self.ports.1.to_be_bytes());
        header.extend(self.sequence.to_be_bytes());
        header.extend(self.ack.to_be_bytes());
        header.push(u8::try_from((20 + self.options.len()) / 4).expect("a header's length") << 4);
        header.push(self.flags);
        header.extend(self.window.to_be_bytes());
        header.extend(checksum.to_be_bytes());
        header.extend(self.urgent.to_be_bytes());
        header.extend(&self.options);
        header
    }

    pub(crate) fn packet(&self, ip: &Ip, payload: &[u8]) -> Injected {
        let segment = [self.header(0), payload.to_vec()].concat();
        let checksum = !sum(&[ip.pseudo_header(TCP, segment.len()), segment].concat());
        one(ip.packet(TCP, &[self.header(checksum), payload.to_vec()].concat()))
    }

    /// What a kernel hands to a device that splits it into payloads of `size`.
    pub(crate) fn super_packet(&self, ip: &Ip, payload: &[u8], size: u16) -> Injected {
        let len = 20 + self.options.len() + payload.len();
        let partial = sum(&ip.pseudo_header(TCP, len));
        let mut kind = if ip.from.is_ipv4() { 1 } else { 4 };
        if self.flags & CWR != 0 {
            kind |= 0x80;
        }
        let header_len = ip.header_len() + 20 + self.options.len();
        let bytes = ip.packet(TCP, &[self.header(partial), payload.to_vec()].concat());
        several(kind, header_len, size, ip.header_len(), 16, bytes, payload.len())
    }
}

/// The flow's next `count` segments of `size` bytes; it goes on after them.
pub(crate) fn stream(ip: &mut Ip, tcp: &mut Tcp, size: usize, count: usize) -> Vec<Injected> {
    (0..count).map(|_| next(ip, tcp, size)).collect()
}

/// The same, once.
pub(crate) fn next(ip: &mut Ip, tcp: &mut Tcp, size: usize) -> Injected {
    let packet = tcp.packet(ip, &noise(size, tcp.sequence));
    ip.id = ip.id.wrapping_add(1);
    tcp.sequence = tcp.sequence.wrapping_add(u32::try_from(size).expect("a segment's length"));
    packet
}

fn udp_header(ports: (u16, u16), len: usize, checksum: u16) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(ports.0.to_be_bytes());
    header.extend(ports.1.to_be_bytes());
    header.extend(length(8 + len));
    header.extend(checksum.to_be_bytes());
    header
}

fn udp_datagram(ip: &Ip, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let summed = [ip.pseudo_header(UDP, 8 + payload.len()), udp_header(ports, payload.len(), 0)].concat();
    let checksum = match !sum(&[&summed, payload].concat()) {
        0 => 0xffff,
        checksum => checksum,
    };
    [udp_header(ports, payload.len(), checksum), payload.to_vec()].concat()
}

pub(crate) fn udp(ip: &Ip, ports: (u16, u16), payload: &[u8]) -> Injected {
    one(ip.packet(UDP, &udp_datagram(ip, ports, payload)))
}

/// IPv4 only (RFC 768).
pub(crate) fn udp_without_checksum(ip: &Ip, ports: (u16, u16), payload: &[u8]) -> Injected {
    one(ip.packet(UDP, &[udp_header(ports, payload.len(), 0), payload.to_vec()].concat()))
}

/// What a kernel hands to a device that makes datagrams of `size` bytes of it.
pub(crate) fn udp_super_packet(ip: &Ip, ports: (u16, u16), payload: &[u8], size: u16) -> Injected {
    let partial = sum(&ip.pseudo_header(UDP, 8 + payload.len()));
    let bytes = ip.packet(UDP, &[udp_header(ports, payload.len(), partial), payload.to_vec()].concat());
    several(5, ip.header_len() + 8, size, ip.header_len(), 6, bytes, payload.len())
}

/// With nothing left to do.
pub(crate) fn one(packet: Vec<u8>) -> Injected {
    Injected { bytes: [vec![0; HEADER], packet].concat(), packets: 1 }
}

fn several(
    kind: u8,
    header_len: usize,
    size: u16,
    start: usize,
    offset: u16,
    packet: Vec<u8>,
    payload: usize,
) -> Injected {
    let number = |number: usize| u16::try_from(number).expect("a place in a header").to_ne_bytes();
    let mut bytes = vec![1, kind];
    bytes.extend(number(header_len));
    bytes.extend(size.to_ne_bytes());
    bytes.extend(number(start));
    bytes.extend(offset.to_ne_bytes());
    bytes.extend(packet);
    Injected { bytes, packets: payload.div_ceil(usize::from(size)) }
}

/// RFC 7323 section 3.
pub(crate) fn timestamps(value: u32) -> Vec<u8> {
    [&[1, 1, 8, 10][..], &value.to_be_bytes(), &7_u32.to_be_bytes()].concat()
}

/// RFC 2018 section 3, with one block, after a timestamp.
pub(crate) fn sack(value: u32, left: u32) -> Vec<u8> {
    let right = left.wrapping_add(1000);
    [&timestamps(value), &[1, 1, 5, 10][..], &left.to_be_bytes(), &right.to_be_bytes()].concat()
}

/// Bytes that differ from place to place.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

fn length(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("a packet's length").to_be_bytes()
}

/// RFC 1071.
fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("a folded sum")
}
