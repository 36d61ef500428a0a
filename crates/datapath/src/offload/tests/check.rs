//! What a peer may say about a packet.

use proptest::prelude::*;

use super::build::*;
use super::split::{any_ip, parts};
use crate::offload::{OffloadError, check};
use crate::packet::{Offload, Packet};

fn outcome(packet: &Packet, mtu: usize) -> Result<(usize, usize), OffloadError> {
    check(&packet.bytes, packet.offload, mtu).map(|run| (run.segments(), run.bytes()))
}

fn changed(packet: &Packet, change: impl FnOnce(&mut Vec<u8>)) -> Packet {
    let mut bytes = packet.bytes.to_vec();
    change(&mut bytes);
    Packet { bytes: bytes.into(), ..packet.clone() }
}

#[test]
fn a_super_packet_counts_as_what_it_stands_for() {
    let packet = Tcp::new().partial(&Ip::v4(), &noise(3000, 1), 1360);
    assert_eq!(outcome(&packet, 1400), Ok((3, 3000 + 3 * 40)));
    let packet = udp_partial(&Ip::v6(), 9, &noise(2000, 1), 1000);
    assert_eq!(outcome(&packet, 1400), Ok((2, 2000 + 2 * 48)));
    let packet = udp_partial(&Ip::v6(), 9, &noise(1000, 1), 0);
    assert_eq!(outcome(&packet, 1400), Ok((1, 1048)));
}

#[test]
fn no_part_is_longer_than_the_tunnel_carries() {
    let packet = Tcp::new().partial(&Ip::v4(), &noise(3000, 1), 1360);
    assert_eq!(outcome(&packet, 1399), Err(OffloadError::TooLong));
    let single = Tcp::new().partial(&Ip::v4(), &noise(1361, 1), 0);
    assert_eq!(outcome(&single, 1400), Err(OffloadError::TooLong));
    let ordinary = Packet::ordinary(vec![0; 1401].into());
    assert_eq!(outcome(&ordinary, 1400), Err(OffloadError::TooLong));
}

#[test]
fn one_packet_does_not_become_thousands() {
    let tcp = |size| outcome(&Tcp::new().partial(&Ip::v4(), &noise(60_000, 1), size), 1400);
    assert_eq!(tcp(1), Err(OffloadError::TooManySegments));
    assert_eq!(tcp(117), Err(OffloadError::TooManySegments));
    assert_eq!(tcp(118), Ok((509, 60_000 + 509 * 40)));
    let udp = |size| outcome(&udp_partial(&Ip::v4(), 9, &noise(60_000, 1), size), 1400);
    assert_eq!(udp(468), Err(OffloadError::TooManySegments));
    assert!(udp(469).is_ok());
}

#[test]
fn what_no_kernel_joins_is_refused() {
    let ip = Ip::v4();
    let payload = noise(3000, 1);
    for flags in [SYN, RST, URG] {
        let packet = Tcp { flags, ..Tcp::new() }.partial(&ip, &payload, 1000);
        assert_eq!(outcome(&packet, 1400), Err(OffloadError::Contradiction), "{flags}");
    }
    for flags in [ACK, FIN | ACK, PSH, CWR | ECE | ACK] {
        let packet = Tcp { flags, ..Tcp::new() }.partial(&ip, &payload, 1000);
        assert!(outcome(&packet, 1400).is_ok(), "{flags}");
    }
    let packet = Tcp::new().partial(&ip, &payload, 1000);
    let whole = Offload { partial_checksum: false, ..packet.offload };
    assert_eq!(outcome(&Packet { offload: whole, ..packet.clone() }, 1400), Err(OffloadError::Contradiction));
    let one = Offload { segment_size: 3000, ..packet.offload };
    assert_eq!(outcome(&Packet { offload: one, ..packet }, 4000), Err(OffloadError::Contradiction));
}

#[test]
fn what_does_not_add_up_is_refused() {
    for packet in [
        Tcp::new().partial(&Ip::v4(), &noise(3000, 1), 1000),
        udp_partial(&Ip::v4(), 9, &noise(3000, 1), 1000),
        Tcp::new().partial(&Ip::v4(), &noise(900, 1), 0),
    ] {
        let fragment = changed(&packet, |bytes| bytes[6] ^= 0x20);
        assert_eq!(outcome(&fragment, 1400), Err(OffloadError::Unsupported));
        let icmp = changed(&packet, |bytes| bytes[9] = 1);
        assert_eq!(outcome(&icmp, 1400), Err(OffloadError::Unsupported));
        let ttl = changed(&packet, |bytes| bytes[8] ^= 1);
        assert_eq!(outcome(&ttl, 1400), Err(OffloadError::BadChecksum));
        let longer = changed(&packet, |bytes| bytes.push(0));
        assert_eq!(outcome(&longer, 1400), Err(OffloadError::BadLength));
        let at = if packet.bytes[9] == 6 { 36 } else { 26 };
        let sum = changed(&packet, |bytes| bytes[at] ^= 1);
        assert_eq!(outcome(&sum, 1400), Err(OffloadError::BadChecksum));
    }
    let udp = changed(&udp_partial(&Ip::v6(), 9, &noise(3000, 1), 1000), |bytes| bytes[45] ^= 1);
    assert_eq!(outcome(&udp, 1400), Err(OffloadError::BadLength));
}

proptest! {
    #[test]
    fn what_is_accepted_is_what_its_parts_are(
        ip in any_ip(), flags: u8, len in 0_usize..9000, size in 0_u16..3000, mtu in 500_usize..2000, udp: bool,
        break_at in prop::option::of(0_usize..80),
    ) {
        let payload = noise(len, 1);
        let packet = if udp {
            udp_partial(&ip, 9, &payload, size)
        } else {
            Tcp { flags, ..Tcp::new() }.partial(&ip, &payload, size)
        };
        let packet = match break_at {
            Some(at) if at < packet.bytes.len() => changed(&packet, |bytes| bytes[at] ^= 0x04),
            _ => packet,
        };
        if let Ok((segments, bytes)) = outcome(&packet, mtu) {
            let parts = parts(&packet, mtu).unwrap();
            prop_assert_eq!((parts.len(), parts.iter().map(Vec::len).sum::<usize>()), (segments, bytes));
            let whole = praya_wire::ip::Packet::parse(&packet.bytes).unwrap();
            for part in &parts {
                prop_assert!(part.len() <= mtu);
                let part = praya_wire::ip::Packet::parse(part).unwrap();
                prop_assert_eq!(
                    (part.src(), part.dst(), part.protocol(), part.ports(), part.fragment()),
                    (whole.src(), whole.dst(), whole.protocol(), whole.ports(), None)
                );
            }
        }
    }
}
