//! Hand-made packets for the tests of this folder.

use std::net::IpAddr;

use praya_wire::ip::protocol;

/// TCP's flags as in [`praya_wire::ip::TcpFlags`].
pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;

/// An IP packet of the family of its addresses.
pub(crate) fn ip(src: &str, dst: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst): (IpAddr, IpAddr) = (src.parse().unwrap(), dst.parse().unwrap());
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let [high, low] = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
            let mut packet = vec![0x45, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0];
            packet.extend(src.octets());
            packet.extend(dst.octets());
            packet.extend(payload);
            packet
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
            let mut packet = vec![0x60, 0, 0, 0, high, low, protocol, 64];
            packet.extend(src.octets());
            packet.extend(dst.octets());
            packet.extend(payload);
            packet
        }
        _ => panic!("two families in one packet"),
    }
}

pub(crate) fn udp(src: &str, src_port: u16, dst: &str, dst_port: u16, data: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    payload.extend(src_port.to_be_bytes());
    payload.extend(dst_port.to_be_bytes());
    payload.extend(u16::try_from(8 + data).unwrap().to_be_bytes());
    payload.extend([0, 0]);
    payload.extend(vec![0x55; data]);
    ip(src, dst, protocol::UDP, &payload)
}

pub(crate) fn tcp(src: &str, src_port: u16, dst: &str, dst_port: u16, flags: u8) -> Vec<u8> {
    let mut payload = Vec::new();
    payload.extend(src_port.to_be_bytes());
    payload.extend(dst_port.to_be_bytes());
    payload.extend([0; 8]);
    payload.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    ip(src, dst, protocol::TCP, &payload)
}

pub(crate) fn icmp4(src: &str, dst: &str, kind: u8, code: u8, data: &[u8]) -> Vec<u8> {
    ip(src, dst, protocol::ICMP, &[&[kind, code, 0, 0, 0, 0, 0, 0], data].concat())
}

pub(crate) fn icmp6(src: &str, dst: &str, kind: u8, code: u8, data: &[u8]) -> Vec<u8> {
    ip(src, dst, protocol::ICMPV6, &[&[kind, code, 0, 0, 0, 0, 0, 0], data].concat())
}

/// An IPv4 packet made the fragment at `offset` (a multiple of 8), the last one.
pub(crate) fn later_fragment(src: &str, dst: &str, protocol: u8, offset: u16) -> Vec<u8> {
    let mut packet = ip(src, dst, protocol, &[0x77; 64]);
    let [high, low] = (offset / 8).to_be_bytes();
    packet[6] = high;
    packet[7] = low;
    packet
}

/// The packet with "more fragments" set.
pub(crate) fn first_fragment(mut packet: Vec<u8>) -> Vec<u8> {
    packet[6] |= 0x20;
    packet
}

/// TCP or UDP, as the kernel hands it over with its checksum left to do: the pseudo-header's sum is in its place.
pub(crate) fn unfinished(mut packet: Vec<u8>) -> Vec<u8> {
    let (at, upper) = if packet[0] >> 4 == 4 { (12..20, 20) } else { (8..40, 40) };
    let protocol = if upper == 20 { packet[9] } else { packet[6] };
    let len = u16::try_from(packet.len() - upper).unwrap();
    let pseudo = [&packet[at], &[0, protocol], &len.to_be_bytes()].concat();
    let field = upper + if protocol == protocol::TCP { 16 } else { 6 };
    let sum = !super::icmp::checksum(&pseudo);
    packet[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    if upper == 20 {
        packet[10..12].fill(0);
        let sum = super::icmp::checksum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}
