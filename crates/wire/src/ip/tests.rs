//! Packets as they come through a tunnel, and as nobody should send them.

use proptest::prelude::*;

use super::*;

fn v4(protocol: u8, options: &[u8], place: u16, payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let total = u16::try_from(header_len + payload.len()).unwrap().to_be_bytes();
    let place = place.to_be_bytes();
    let first = 0x40 | u8::try_from(header_len / 4).unwrap();
    let mut packet = vec![first, 0, total[0], total[1], 0x12, 0x34, place[0], place[1], 64, protocol, 0, 0];
    packet.extend([10, 0, 0, 1, 172, 31, 0, 53]);
    packet.extend(options);
    packet.extend(payload);
    packet
}

fn v6(next: u8, dst: &str, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, len[0], len[1], next, 255];
    packet.extend("fd77::5".parse::<Ipv6Addr>().unwrap().octets());
    packet.extend(dst.parse::<Ipv6Addr>().unwrap().octets());
    packet.extend(payload);
    packet
}

fn udp(src: u16, dst: u16) -> Vec<u8> {
    [&src.to_be_bytes()[..], &dst.to_be_bytes(), &[0, 8, 0, 0]].concat()
}

fn to(mut packet: Vec<u8>, dst: [u8; 4]) -> Vec<u8> {
    packet[16..20].copy_from_slice(&dst);
    packet
}

#[test]
fn a_tcp_segment_tells_addresses_ports_and_flags() {
    let mut tcp = vec![0xc0, 0x01, 0x01, 0xbb];
    tcp.extend([0; 9]);
    tcp.extend([0x12, 0, 0, 0, 0, 0, 0]);
    let bytes = v4(protocol::TCP, &[], 0x4000, &tcp);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.version(), Version::V4);
    assert_eq!(packet.src().to_string(), "10.0.0.1");
    assert_eq!(packet.dst().to_string(), "172.31.0.53");
    assert_eq!(packet.hop_limit(), 64);
    assert_eq!(packet.ports(), Some((0xc001, 443)));
    assert_eq!(packet.resource_protocol(), Some(Protocol::Tcp));
    let flags = packet.tcp_flags().unwrap();
    assert!(flags.syn() && flags.ack() && !flags.fin() && !flags.rst());
    assert_eq!((packet.fragment(), packet.icmp(), packet.noise()), (None, None, None));
}

#[test]
fn ipv4_options_are_skipped() {
    let bytes = v4(protocol::UDP, &[0x94, 4, 0, 0], 0, &udp(5000, 53));
    assert_eq!(Packet::parse(&bytes).unwrap().ports(), Some((5000, 53)));
}

#[test]
fn bytes_after_the_packet_are_left_out() {
    let mut bytes = v4(protocol::UDP, &[], 0, &udp(1, 2));
    let whole = bytes.len();
    bytes.extend([9; 20]);
    assert_eq!(Packet::parse(&bytes).unwrap().bytes().len(), whole);
}

#[test]
fn a_later_fragment_has_no_ports() {
    let first = v4(protocol::UDP, &[], 0x2000, &udp(5000, 53));
    let first = Packet::parse(&first).unwrap();
    assert_eq!(first.fragment(), Some(Fragment { id: 0x1234, offset: 0, more: true }));
    assert_eq!(first.ports(), Some((5000, 53)));
    let later = v4(protocol::UDP, &[], 3, &udp(5000, 53));
    let later = Packet::parse(&later).unwrap();
    assert_eq!(later.fragment(), Some(Fragment { id: 0x1234, offset: 24, more: false }));
    assert!(later.is_later_fragment());
    assert_eq!((later.ports(), later.protocol()), (None, protocol::UDP));
    let last_place = v4(protocol::UDP, &[], 0x1fff, &[]);
    assert_eq!(Packet::parse(&last_place).unwrap().fragment().unwrap().offset, 65_528);
}

#[test]
fn ipv6_extension_headers_are_walked() {
    let hop = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0];
    let destination = [AUTHENTICATION, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let authentication = [FRAGMENT, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    let atomic = [protocol::UDP, 0, 0, 0, 0, 0, 0, 7];
    let payload = [&hop[..], &destination, &authentication, &atomic, &udp(5000, 53)].concat();
    let bytes = v6(HOP_BY_HOP, "fd00::53", &payload);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.version(), Version::V6);
    assert_eq!(
        (packet.protocol(), packet.ports(), packet.fragment()),
        (protocol::UDP, Some((5000, 53)), None)
    );
}

#[test]
fn the_walk_stops_at_a_later_fragment() {
    let bytes = v6(FRAGMENT, "fd00::53", &[DESTINATION_OPTIONS, 0, 0, 0x09, 0, 0, 0, 7, 0xff, 0xff]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.fragment(), Some(Fragment { id: 7, offset: 8, more: true }));
    assert_eq!(packet.protocol(), DESTINATION_OPTIONS);
    assert_eq!(packet.payload(), [0xff, 0xff]);
}

#[test]
fn the_walk_is_bounded() {
    let chain = |headers: usize| {
        let mut payload = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(headers - 1);
        payload.extend([protocol::NONE, 0, 1, 4, 0, 0, 0, 0]);
        v6(DESTINATION_OPTIONS, "fd00::1", &payload)
    };
    assert_eq!(Packet::parse(&chain(MAX_EXTENSION_HEADERS)).unwrap().protocol(), protocol::NONE);
    assert_eq!(Packet::parse(&chain(MAX_EXTENSION_HEADERS + 1)), Err(IpError::TooManyHeaders));
}

#[test]
fn broken_packets_are_refused() {
    let whole = v4(protocol::UDP, &[], 0, &udp(1, 2));
    for cut in 1..whole.len() {
        assert_eq!(Packet::parse(&whole[..cut]), Err(IpError::Truncated), "{cut}");
    }
    let whole = v6(HOP_BY_HOP, "fd00::1", &[protocol::UDP, 0, 1, 4, 0, 0, 0, 0]);
    for cut in 1..whole.len() {
        assert_eq!(Packet::parse(&whole[..cut]), Err(IpError::Truncated), "{cut}");
    }
    assert_eq!(Packet::parse(&[]), Err(IpError::Empty));
    assert_eq!(Packet::parse(&[0x50; 60]), Err(IpError::UnknownVersion(5)));
    let mut short_header = v4(protocol::UDP, &[], 0, &udp(1, 2));
    short_header[0] = 0x44;
    assert_eq!(Packet::parse(&short_header), Err(IpError::BadLength));
    let mut short_total = v4(protocol::UDP, &[], 0, &udp(1, 2));
    short_total[3] = 19;
    assert_eq!(Packet::parse(&short_total), Err(IpError::BadLength));
    let overlong_extension = v6(DESTINATION_OPTIONS, "fd00::1", &[protocol::UDP, 9, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Packet::parse(&overlong_extension), Err(IpError::Truncated));
}

#[test]
fn a_short_upper_header_has_no_fields() {
    let bytes = v4(protocol::TCP, &[], 0, &[1, 2, 3]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!((packet.ports(), packet.tcp_flags()), (None, None));
    let bytes = v4(protocol::ICMP, &[], 0, &[8]);
    assert_eq!(Packet::parse(&bytes).unwrap().icmp(), None);
}

#[test]
fn icmp_of_the_other_family_is_not_icmp() {
    let bytes = v6(protocol::ICMP, "fd00::1", &[8, 0, 0, 0]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!((packet.icmp(), packet.resource_protocol()), (None, None));
}

#[test]
fn a27_chatter_is_noise_and_a_persons_traffic_is_not() {
    let icmp6 = |kind| v6(protocol::ICMPV6, "ff02::2", &[kind, 0, 0, 0]);
    let multicast = |src, dst, group| to(v4(protocol::UDP, &[], 0, &udp(src, dst)), group);
    for (bytes, noise) in [
        (icmp6(133), Some(Noise::NeighbourDiscovery)),
        (icmp6(135), Some(Noise::NeighbourDiscovery)),
        (icmp6(130), Some(Noise::MulticastListener)),
        (icmp6(143), Some(Noise::MulticastListener)),
        (icmp6(128), None),
        (icmp6(1), None),
        (v4(protocol::IGMP, &[0x94, 4, 0, 0], 0, &[0x22, 0, 0, 0, 0, 0, 0, 0]), Some(Noise::Igmp)),
        (multicast(5353, 5353, [224, 0, 0, 251]), Some(Noise::Mdns)),
        (v6(protocol::UDP, "ff02::fb", &udp(5353, 5353)), Some(Noise::Mdns)),
        (multicast(50_000, 5355, [224, 0, 0, 252]), Some(Noise::Llmnr)),
        (multicast(50_000, 1900, [239, 255, 255, 250]), Some(Noise::Ssdp)),
        (multicast(50_000, 3702, [239, 255, 255, 250]), Some(Noise::WsDiscovery)),
        (multicast(138, 138, [255, 255, 255, 255]), Some(Noise::Netbios)),
        (multicast(68, 67, [255, 255, 255, 255]), Some(Noise::Dhcp)),
        (v6(protocol::UDP, "ff02::1:2", &udp(546, 547)), Some(Noise::Dhcp)),
        (v4(protocol::UDP, &[], 0, &udp(50_000, 5353)), None),
        (v4(protocol::UDP, &[], 0, &udp(50_000, 53)), None),
        (v4(protocol::ICMP, &[], 0, &[8, 0, 0, 0]), None),
        (v4(protocol::TCP, &[], 0, &[0; 20]), None),
    ] {
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.noise(), noise, "{packet:?}");
        assert_eq!(packet.is_noise(), noise.is_some());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_viewed_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..160), version in 4u8..7) {
        crate::fuzz::ip_packet(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = version << 4 | 5;
        }
        crate::fuzz::ip_packet(&bytes);
    }

    #[test]
    fn any_chain_of_extension_headers_is_viewed_without_panic(
        next in prop::sample::select(vec![HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS]),
        chain in prop::collection::vec(
            (prop::sample::select(vec![HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, protocol::TCP]), 0u8..3),
            0..12,
        ),
    ) {
        let payload: Vec<u8> = chain.iter().flat_map(|(next, len)| [*next, *len, 0, 0, 0, 0, 0, 0]).collect();
        crate::fuzz::ip_packet(&v6(next, "fd00::1", &payload));
    }

    #[test]
    fn ports_are_those_that_were_written(src: u16, dst: u16, options in 0usize..=10) {
        let bytes = v4(protocol::UDP, &vec![1; options * 4], 0, &udp(src, dst));
        prop_assert_eq!(Packet::parse(&bytes).unwrap().ports(), Some((src, dst)));
    }
}
