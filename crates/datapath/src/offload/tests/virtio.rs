//! The kernel's header, as it gives it and as it wants it.

use proptest::prelude::*;

use super::build::*;
use super::split::any_ip;
use crate::offload::{OffloadError, Run, virtio};
use crate::packet::{Offload, Packet};

fn header(flags: u8, gso: u8, numbers: [u16; 4]) -> [u8; virtio::LEN] {
    let mut header = [flags, gso, 0, 0, 0, 0, 0, 0, 0, 0];
    for (to, number) in header[2..].chunks_mut(2).zip(numbers) {
        to.copy_from_slice(&number.to_ne_bytes());
    }
    header
}

fn encoded(packet: &Packet) -> Result<[u8; virtio::LEN], OffloadError> {
    virtio::encode(&Run::whole(&packet.bytes, packet.offload, 1, packet.bytes.len()))
}

fn decoded(header: [u8; virtio::LEN], packet: &Packet) -> Result<Offload, OffloadError> {
    virtio::decode(&header, &mut packet.bytes.to_vec())
}

#[test]
fn the_kernel_is_told_what_is_left_to_do() {
    let payload = noise(3000, 1);
    let tcp = Tcp { options: timestamps(1, 2), ..Tcp::new() };
    let v4 = tcp.partial(&Ip::v4(), &payload, 1000);
    assert_eq!(encoded(&v4), Ok(header(1, 1, [52, 1000, 20, 16])));
    let v6 = tcp.partial(&Ip::v6(), &payload, 1000);
    assert_eq!(encoded(&v6), Ok(header(1, 4, [72, 1000, 40, 16])));
    let reduced = Tcp { flags: ACK | CWR, ..tcp.clone() }.partial(&Ip::v6(), &payload, 1000);
    assert_eq!(encoded(&reduced), Ok(header(1, 0x84, [72, 1000, 40, 16])));
    let options = Ip { options: vec![1; 8], ..Ip::v4() };
    assert_eq!(encoded(&udp_partial(&options, 9, &payload, 1000)), Ok(header(1, 5, [36, 1000, 28, 6])));
    assert_eq!(encoded(&udp_partial(&Ip::v4(), 9, &payload, 0)), Ok(header(1, 0, [0, 0, 20, 6])));
    assert_eq!(encoded(&Packet::ordinary(payload.into())), Ok([0; virtio::LEN]));
}

#[test]
fn forwarded_packets_have_any_header_length() {
    let packet = Tcp::new().partial(&Ip::v4(), &noise(3000, 1), 1000);
    for len in [0, 40, 3040, 0xffff] {
        assert_eq!(decoded(header(1, 1, [len, 1000, 20, 16]), &packet), Ok(packet.offload));
    }
}

#[test]
fn a_header_that_contradicts_its_packet_is_refused() {
    let packet = Tcp::new().partial(&Ip::v4(), &noise(3000, 1), 1000);
    for (flags, gso, numbers) in [
        (0, 1, [40, 1000, 20, 16]),
        (1, 4, [40, 1000, 20, 16]),
        (1, 5, [40, 1000, 20, 16]),
        (1, 3, [40, 1000, 20, 16]),
        (1, 1, [40, 0, 20, 16]),
        (1, 1, [40, 1000, 24, 16]),
        (1, 1, [40, 1000, 20, 6]),
        (1, 0, [40, 1000, 3039, 0]),
        (1, 0, [40, 1000, 0xffff, 0xffff]),
        (1, 0, [40, 1000, 20, 0xffff]),
    ] {
        assert_eq!(
            decoded(header(flags, gso, numbers), &packet),
            Err(OffloadError::Contradiction),
            "{flags} {gso} {numbers:?}"
        );
    }
}

#[test]
fn a_packet_of_one_segment_is_no_super_packet() {
    let packet = Tcp::new().partial(&Ip::v4(), &noise(1000, 1), 0);
    assert_eq!(decoded(header(1, 1, [40, 1000, 20, 16]), &packet), Ok(packet.offload));
}

#[test]
fn a_partial_checksum_of_another_protocol_is_finished() {
    // GRE with a checksum.
    let mut bytes = Ip::v4().packet(47, &[&[0x80, 0, 8, 0, 0, 0, 0, 0][..], &noise(51, 1)].concat());
    assert_eq!(virtio::decode(&header(1, 0, [0, 0, 20, 4]), &mut bytes), Ok(Offload::NONE));
    assert_eq!(naive_sum(&bytes[20..]), 0xffff);
}

#[test]
fn what_is_valid_already_has_nothing_left_to_do() {
    let packet = Tcp::new().packet(&Ip::v4(), &noise(100, 1));
    // VIRTIO_NET_HDR_F_DATA_VALID.
    assert_eq!(decoded(header(2, 0, [0; 4]), &Packet::ordinary(packet.into())), Ok(Offload::NONE));
}

#[test]
fn what_a_network_card_has_joined_and_found_right_is_as_good_as_what_the_kernel_joined() {
    let payload = noise(3000, 1);
    for (partial, gso) in [
        (Tcp::new().partial(&Ip::v4(), &payload, 1000), 1),
        (Tcp::new().partial(&Ip::v6(), &payload, 1000), 4),
        (udp_partial(&Ip::v4(), 9, &payload, 1000), 5),
    ] {
        // The checksum field holds anything: the first segment's, mostly.
        let mut bytes = partial.bytes.to_vec();
        let at = if gso == 5 {
            26
        } else if gso == 4 {
            56
        } else {
            36
        };
        bytes[at..at + 2].copy_from_slice(&[0xab, 0xcd]);
        // VIRTIO_NET_HDR_F_DATA_VALID.
        assert_eq!(virtio::decode(&header(2, gso, [0, 1000, 0, 0]), &mut bytes), Ok(partial.offload));
        assert_eq!(bytes, partial.bytes, "split from here, every segment gets its own checksum");
        assert_eq!(
            virtio::decode(&header(2, gso, [0, 0, 0, 0]), &mut bytes),
            Err(OffloadError::Contradiction)
        );
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(ip in any_ip(), flags: u8, len in 1_usize..9000, size: u16, udp: bool) {
        let payload = noise(len, 1);
        let size = if usize::from(size) < len { size } else { 0 };
        let packet = if udp {
            udp_partial(&ip, 9, &payload, size)
        } else {
            Tcp { flags, ..Tcp::new() }.partial(&ip, &payload, size)
        };
        prop_assert_eq!(decoded(encoded(&packet).unwrap(), &packet), Ok(packet.offload));
    }
}
