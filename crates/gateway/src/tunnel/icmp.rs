//! ICMP errors that the gateway sends in its own name: "prohibited", so that a person sees a refusal at once and not
//! a time-out, and "too big", so that path MTU discovery works through the tunnel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use praya_wire::ip::{Packet, protocol};

/// Longest ICMPv4 error (RFC 1812 section 4.3.2.3) and ICMPv6 error (RFC 4443 section 2.4), in bytes.
const LONGEST: (usize, usize) = (576, 1280);
const HOP_LIMIT: u8 = 64;

/// What the error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// Communication administratively prohibited.
    Prohibited,
    /// Longer than this many bytes.
    TooBig(u16),
}

/// The error packet that answers `packet`, sent by `from`; `None` where none may be sent: to errors, to fragments
/// other than the first, to anything that was for, or from, more than one host, or of another family than `from`
/// (RFC 1122 section 3.2.2, RFC 4443 section 2.4).
pub fn error(packet: &Packet<'_>, from: IpAddr, error: IcmpError) -> Option<Vec<u8>> {
    if packet.is_later_fragment()
        || !is_one_host(packet.src())
        || !is_one_host(packet.dst())
        || is_error(packet)
    {
        return None;
    }
    match (from, packet.src()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => v4(packet.bytes(), from, to, error),
        (IpAddr::V6(from), IpAddr::V6(to)) => v6(packet.bytes(), from, to, error),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

/// Whether the packet is an ICMP error, or an ICMP redirect, which nobody may answer either.
pub fn is_error(packet: &Packet<'_>) -> bool {
    packet.icmp().is_some_and(|(kind, _)| match packet.src() {
        IpAddr::V4(_) => matches!(kind, 3 | 4 | 5 | 11 | 12),
        IpAddr::V6(_) => kind < 128 || kind == 137,
    })
}

fn is_one_host(address: IpAddr) -> bool {
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_multicast() || address.is_unspecified() || address.is_loopback() || broadcast)
}

fn v4(original: &[u8], from: Ipv4Addr, to: Ipv4Addr, error: IcmpError) -> Option<Vec<u8>> {
    let (code, rest) = match error {
        IcmpError::Prohibited => (13, 0),
        IcmpError::TooBig(mtu) => (4, mtu),
    };
    let quoted = original.get(..LONGEST.0 - 28).unwrap_or(original);
    let [mtu_high, mtu_low] = rest.to_be_bytes();
    let mut icmp = vec![3, code, 0, 0, 0, 0, mtu_high, mtu_low];
    icmp.extend_from_slice(quoted);
    put_checksum(&mut icmp, 2, 0);

    let [len_high, len_low] = u16::try_from(20 + icmp.len()).ok()?.to_be_bytes();
    // Precedence "internetwork control" (RFC 1812 section 4.3.2.5); never fragmented.
    let mut packet = vec![0x45, 0xc0, len_high, len_low, 0, 0, 0x40, 0, HOP_LIMIT, protocol::ICMP, 0, 0];
    packet.extend_from_slice(&from.octets());
    packet.extend_from_slice(&to.octets());
    put_checksum(&mut packet, 10, 0);
    packet.extend_from_slice(&icmp);
    Some(packet)
}

fn v6(original: &[u8], from: Ipv6Addr, to: Ipv6Addr, error: IcmpError) -> Option<Vec<u8>> {
    let (kind, code, rest) = match error {
        IcmpError::Prohibited => (1, 1, 0),
        IcmpError::TooBig(mtu) => (2, 0, mtu),
    };
    let quoted = original.get(..LONGEST.1 - 48).unwrap_or(original);
    let [mtu_high, mtu_low] = rest.to_be_bytes();
    let mut icmp = vec![kind, code, 0, 0, 0, 0, mtu_high, mtu_low];
    icmp.extend_from_slice(quoted);
    let len = u16::try_from(icmp.len()).ok()?;
    let pseudo = sum(&from.octets()) + sum(&to.octets()) + u64::from(len) + u64::from(protocol::ICMPV6);
    put_checksum(&mut icmp, 2, pseudo);

    let [len_high, len_low] = len.to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, len_high, len_low, protocol::ICMPV6, HOP_LIMIT];
    packet.extend_from_slice(&from.octets());
    packet.extend_from_slice(&to.octets());
    packet.extend_from_slice(&icmp);
    Some(packet)
}

/// The Internet checksum (RFC 1071) of `bytes`; zero of bytes that hold their own.
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    checksum_from(bytes, 0)
}

fn checksum_from(bytes: &[u8], start: u64) -> u16 {
    let mut total = sum(bytes) + start;
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).unwrap_or(u16::MAX)
}

/// Writes the checksum of `bytes`, plus `start`, at `at`, where zeros stand.
fn put_checksum(bytes: &mut [u8], at: usize, start: u64) {
    let checksum = checksum_from(bytes, start);
    if let Some(field) = bytes.get_mut(at..at + 2) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u64::from(u16::from_be_bytes([high, low])),
            [last] => u64::from(u16::from_be_bytes([last, 0])),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::packets::{self, icmp4, icmp6, udp};
    use super::*;

    const GATEWAY: [&str; 2] = ["10.88.0.1", "fd88::1"];

    fn answer(packet: &[u8], what: IcmpError) -> Option<Vec<u8>> {
        let packet = Packet::parse(packet).unwrap();
        let from = GATEWAY[usize::from(packet.src().is_ipv6())].parse().unwrap();
        error(&packet, from, what)
    }

    fn valid_checksums(bytes: &[u8]) -> bool {
        let packet = Packet::parse(bytes).unwrap();
        let fold = |mut total: u64| {
            while total > 0xffff {
                total = (total & 0xffff) + (total >> 16);
            }
            total == 0xffff
        };
        match (packet.src(), packet.dst()) {
            (IpAddr::V4(_), _) => fold(sum(&bytes[..20])) && fold(sum(packet.payload())),
            (IpAddr::V6(src), IpAddr::V6(dst)) => fold(
                sum(&src.octets())
                    + sum(&dst.octets())
                    + packet.payload().len() as u64
                    + 58
                    + sum(packet.payload()),
            ),
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    #[test]
    fn a_refusal_comes_from_the_gateway_quotes_the_packet_and_sums_up() {
        let denied = udp("10.88.0.5", 4000, "172.31.0.9", 53, 20);
        let error = answer(&denied, IcmpError::Prohibited).unwrap();
        let packet = Packet::parse(&error).unwrap();
        assert_eq!(
            (packet.src().to_string(), packet.dst().to_string()),
            ("10.88.0.1".into(), "10.88.0.5".into())
        );
        assert_eq!(packet.icmp(), Some((3, 13)));
        assert_eq!(&packet.payload()[8..], &denied[..]);
        assert!(valid_checksums(&error));

        let denied = udp("fd88::5", 4000, "fd00::9", 53, 21);
        let error = answer(&denied, IcmpError::Prohibited).unwrap();
        assert_eq!(Packet::parse(&error).unwrap().icmp(), Some((1, 1)));
        assert!(valid_checksums(&error));
    }

    #[test]
    fn too_big_tells_the_mtu_and_stays_within_its_own_limit() {
        let error = answer(&udp("172.31.0.9", 1, "10.88.0.5", 2, 1400), IcmpError::TooBig(1200)).unwrap();
        assert_eq!(error.len(), 576);
        assert_eq!(error[20..28][6..8], 1200_u16.to_be_bytes());
        assert!(valid_checksums(&error));
        let error = answer(&udp("fd00::9", 1, "fd88::5", 2, 1400), IcmpError::TooBig(1280)).unwrap();
        assert_eq!((error.len(), Packet::parse(&error).unwrap().icmp()), (1280, Some((2, 0))));
        assert!(valid_checksums(&error));
    }

    #[test]
    fn errors_multicast_and_later_fragments_are_never_answered() {
        let quoted = udp("172.31.0.9", 1, "10.88.0.5", 2, 8);
        for silent in [
            icmp4("10.88.0.5", "172.31.0.9", 3, 3, &quoted),
            icmp6("fd88::5", "fd00::9", 1, 4, &udp("fd00::9", 1, "fd88::5", 2, 8)),
            udp("10.88.0.5", 5353, "224.0.0.251", 5353, 8),
            udp("10.88.0.5", 67, "255.255.255.255", 68, 8),
            udp("fd88::5", 5353, "ff02::fb", 5353, 8),
            packets::later_fragment("10.88.0.5", "172.31.0.9", protocol::UDP, 1480),
        ] {
            assert_eq!(answer(&silent, IcmpError::Prohibited), None, "{silent:02x?}");
        }
        assert!(answer(&icmp4("10.88.0.5", "172.31.0.9", 8, 0, b"ping"), IcmpError::Prohibited).is_some());
    }
}
