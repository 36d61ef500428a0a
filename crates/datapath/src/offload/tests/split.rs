//! Splitting, compared with packets that were never joined.

use bytes::Bytes;
use proptest::prelude::*;

use super::build::*;
use crate::offload::{OffloadError, split};
use crate::packet::{Offload, Packet};

/// What `split` makes of a packet.
pub(super) fn parts(packet: &Packet, mtu: usize) -> Result<Vec<Vec<u8>>, OffloadError> {
    let mut parts = Vec::new();
    let count = split(packet, mtu, |headers, payload| parts.push([headers, payload].concat()))?;
    assert_eq!(count, parts.len());
    Ok(parts)
}

/// The same, as a sender would have made them that never heard of offload.
fn reference(ip: &Ip, tcp: &Tcp, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = if payload.is_empty() { vec![&[]] } else { payload.chunks(size).collect() };
    let mut packets = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let (mut ip, mut tcp) = (ip.clone(), tcp.clone());
        ip.id = ip.id.wrapping_add(u16::try_from(number).unwrap());
        tcp.sequence = tcp.sequence.wrapping_add(u32::try_from(number * size).unwrap());
        if number > 0 {
            tcp.flags &= !CWR;
        }
        if number + 1 < chunks.len() {
            tcp.flags &= !(FIN | PSH);
        }
        packets.push(tcp.packet(&ip, chunk));
    }
    packets
}

fn udp_reference(ip: &Ip, port: u16, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for (number, chunk) in payload.chunks(size).enumerate() {
        let mut ip = ip.clone();
        ip.id = ip.id.wrapping_add(u16::try_from(number).unwrap());
        packets.push(udp_packet(&ip, port, chunk));
    }
    packets
}

pub(super) fn any_ip() -> impl Strategy<Value = Ip> {
    let extensions = prop::collection::vec(
        (prop::sample::select(vec![0_u8, 60, 43]), 0_u8..3).prop_map(|(kind, len)| {
            let mut bytes = noise(8 * (usize::from(len) + 1), u32::from(len));
            bytes[1] = len;
            if kind == 43 {
                // No segments left: the destination is the final one.
                bytes[3] = 0;
            }
            (kind, bytes)
        }),
        0..3,
    );
    let options = (0_usize..=10).prop_map(|words| noise(4 * words, 9));
    (any::<(bool, u8, u8, u8, u16, u16, bool)>(), options, extensions).prop_map(
        |((is_v6, host, tos, ttl, label, id, df), options, extensions)| {
            let place = if df { 0x4000 } else { 0 };
            let (options, extensions) = if is_v6 { (Vec::new(), extensions) } else { (options, Vec::new()) };
            Ip { is_v6, host, tos, ttl, label, id, place, options, extensions }
        },
    )
}

fn any_tcp() -> impl Strategy<Value = Tcp> {
    (any::<(u16, u32, u32, u8, u16, u16)>(), 0_usize..=10).prop_map(
        |((port, sequence, ack, flags, window, urgent), words)| {
            let options = noise(4 * words, 5);
            Tcp { port, sequence, ack, flags, window, urgent, options }
        },
    )
}

proptest! {
    #[test]
    fn tcp_is_split_as_if_it_had_never_been_joined(
        ip in any_ip(), tcp in any_tcp(), len in 1_usize..20_000, size in 50_u16..9_000, seed: u32,
    ) {
        let payload = noise(len, seed);
        let packet = tcp.partial(&ip, &payload, size);
        prop_assert_eq!(parts(&packet, 65_535).unwrap(), reference(&ip, &tcp, &payload, usize::from(size)));
    }

    #[test]
    fn tcp_is_split_smaller_for_a_smaller_tunnel(
        ip in any_ip(), tcp in any_tcp(), len in 1_usize..20_000, size in 0_u16..9_000, mtu in 1200_usize..3000,
    ) {
        let tcp = Tcp { flags: tcp.flags & !(SYN | RST), ..tcp };
        let payload = noise(len, 3);
        let packet = tcp.partial(&ip, &payload, size);
        let headers = packet.bytes.len() - len;
        let wanted = if size == 0 { len } else { usize::from(size) };
        let expected = reference(&ip, &tcp, &payload, wanted.min(mtu - headers));
        prop_assert_eq!(parts(&packet, mtu).unwrap(), expected);
    }

    #[test]
    fn udp_is_split_as_if_it_had_never_been_joined(
        ip in any_ip(), port: u16, len in 1_usize..20_000, size in 50_u16..9_000, seed: u32,
    ) {
        let payload = noise(len, seed);
        let packet = udp_partial(&ip, port, &payload, size);
        prop_assert_eq!(parts(&packet, 65_535).unwrap(), udp_reference(&ip, port, &payload, usize::from(size)));
    }

    #[test]
    fn a_single_packet_gets_its_checksum(ip in any_ip(), tcp in any_tcp(), len in 0_usize..1400, udp: bool) {
        let payload = noise(len, 1);
        let (packet, expected) = if udp {
            (udp_partial(&ip, 9, &payload, 0), udp_packet(&ip, 9, &payload))
        } else {
            (tcp.partial(&ip, &payload, 0), tcp.packet(&ip, &payload))
        };
        prop_assert_eq!(parts(&packet, 65_535).unwrap(), vec![expected]);
    }

    #[test]
    fn any_bytes_are_split_or_refused(bytes: Vec<u8>, partial_checksum: bool, segment_size: u16, mtu: u16) {
        let packet = Packet { bytes: bytes.into(), offload: Offload { partial_checksum, segment_size } };
        let _ = parts(&packet, usize::from(mtu));
    }
}

#[test]
fn an_ordinary_packet_is_passed_on_as_it_is() {
    let packet = Packet::ordinary(Bytes::from_static(b"whatever"));
    assert_eq!(parts(&packet, 8).unwrap(), [b"whatever"]);
    assert_eq!(parts(&packet, 7), Err(OffloadError::TooLong));
}

#[test]
fn identification_and_sequence_number_wrap() {
    let (ip, tcp) = (Ip { id: 0xffff, ..Ip::v4() }, Tcp { sequence: 0xffff_fff0, ..Tcp::new() });
    let parts = parts(&tcp.partial(&ip, &noise(300, 1), 100), 1400).unwrap();
    assert_eq!((&parts[1][4..6], &parts[1][24..28]), (&[0, 0][..], &[0, 0, 0, 84][..]));
}

#[test]
fn a_udp_checksum_of_zero_is_written_as_all_ones() {
    let ip = Ip::v4();
    let mut payload = noise(100, 1);
    let packet = udp_packet(&ip, 9, &payload);
    // What is missing to all ones.
    let checksum = u16::from_be_bytes([packet[26], packet[27]]);
    let word = u32::from(u16::from_be_bytes([payload[0], payload[1]])) + u32::from(checksum);
    let word = u16::try_from((word & 0xffff) + (word >> 16)).unwrap();
    payload[..2].copy_from_slice(&word.to_be_bytes());
    let parts = parts(&udp_partial(&ip, 9, &payload, 0), 1400).unwrap();
    assert_eq!(parts[0][26..28], [0xff, 0xff]);
    assert_eq!(parts, [udp_packet(&ip, 9, &payload)]);
}

#[test]
fn what_the_final_destination_gives_to_the_checksum_is_kept() {
    // A routing header with one segment left: the pseudo-header has the final destination (RFC 8200 section 8.1).
    let mut routing = vec![0, 2, 3, 1, 0, 0, 0, 0];
    routing.extend([0xab; 16]);
    let ip = Ip { extensions: vec![(43, routing)], ..Ip::v6() };
    let (tcp, payload) = (Tcp::new(), noise(250, 1));
    let packet = tcp.partial(&ip, &payload, 100);
    let final_sum = |len| naive_sum(&[&[0xfd; 15][..], &[1], &[0xab; 16], &[0, 6, 0, len]].concat());
    let mut bytes = packet.bytes.to_vec();
    bytes[64 + 16..64 + 18]
        .copy_from_slice(&naive_sum(&[&final_sum(0).to_be_bytes()[..], &[1, 14]].concat()).to_be_bytes());
    let parts = parts(&Packet { bytes: bytes.into(), ..packet }, 1400).unwrap();
    assert_eq!(parts.len(), 3);
    for part in parts {
        let segment = &part[64..];
        let sum = final_sum(u8::try_from(segment.len()).unwrap());
        assert_eq!(naive_sum(&[&sum.to_be_bytes()[..], segment].concat()), 0xffff);
    }
}

#[test]
fn what_cannot_be_split_to_fit_is_refused() {
    let (ip, tcp, payload) = (Ip::v4(), Tcp::new(), noise(3000, 1));
    assert_eq!(parts(&udp_partial(&ip, 1, &payload, 1400), 1400), Err(OffloadError::TooLong));
    assert_eq!(parts(&tcp.partial(&ip, &payload, 1400), 40), Err(OffloadError::TooLong));
    let opening = Tcp { flags: SYN, ..tcp };
    assert_eq!(parts(&opening.partial(&ip, &payload, 0), 1400), Err(OffloadError::TooLong));
}

#[test]
fn what_is_not_what_is_said_of_it_is_refused() {
    let packet = Tcp::new().partial(&Ip::v4(), &noise(3000, 1), 1000);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = packet.bytes.to_vec();
        change(&mut bytes);
        parts(&Packet { bytes: bytes.into(), ..packet.clone() }, 1400)
    };
    assert_eq!(with(&|bytes| bytes.truncate(2000)), Err(OffloadError::BadLength));
    assert_eq!(with(&|bytes| bytes.truncate(30)), Err(OffloadError::Truncated));
    assert_eq!(with(&|bytes| bytes.clear()), Err(OffloadError::Truncated));
    assert_eq!(with(&|bytes| bytes[6] = 0x20), Err(OffloadError::Unsupported));
    assert_eq!(with(&|bytes| bytes[9] = 1), Err(OffloadError::Unsupported));
    assert_eq!(with(&|bytes| bytes[32] = 0x40), Err(OffloadError::BadLength));
    assert_eq!(with(&|bytes| bytes[0] = 0x44), Err(OffloadError::BadLength));
    let complete = Offload { partial_checksum: false, ..packet.offload };
    assert_eq!(parts(&Packet { offload: complete, ..packet }, 1400), Err(OffloadError::Contradiction));
}
