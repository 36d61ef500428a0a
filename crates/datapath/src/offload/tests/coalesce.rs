//! What is joined, and what is not.

use proptest::prelude::*;

use super::build::*;
use super::split::{any_ip, parts};
use crate::offload::Coalescer;
use crate::packet::Packet;

/// Each run as a packet, after the number of packets in it.
fn joined(packets: &[Vec<u8>]) -> Vec<(usize, Packet)> {
    let mut coalescer = Coalescer::new();
    packets.iter().for_each(|packet| coalescer.push(packet));
    let mut runs = Vec::new();
    coalescer.flush(|run| runs.push((run.segments(), run.to_packet())));
    assert!(coalescer.is_empty());
    runs
}

fn counts(packets: &[Vec<u8>]) -> Vec<usize> {
    joined(packets).iter().map(|(count, _)| *count).collect()
}

/// Three segments of one flow that are joined, with a change in the second one.
fn with_second(change: impl FnOnce(&mut Ip, &mut Tcp, &mut Vec<u8>)) -> Vec<usize> {
    with_second_of(&Ip::v4(), change)
}

fn with_second_of(ip: &Ip, change: impl FnOnce(&mut Ip, &mut Tcp, &mut Vec<u8>)) -> Vec<usize> {
    let mut change = Some(change);
    let mut packets = Vec::new();
    for number in 0..3_u16 {
        let mut ip = Ip { id: 100 + number, ..ip.clone() };
        let mut tcp = Tcp { sequence: 1 + 100 * u32::from(number), options: timestamps(1, 2), ..Tcp::new() };
        let mut payload = noise(100, u32::from(number));
        if number == 1 {
            change.take().unwrap()(&mut ip, &mut tcp, &mut payload);
        }
        packets.push(tcp.packet(&ip, &payload));
    }
    counts(&packets)
}

#[test]
fn a_flow_s_segments_are_joined() {
    assert_eq!(with_second(|_, _, _| {}), [3]);
    assert_eq!(with_second_of(&Ip::v6(), |_, _, _| {}), [3]);
    assert_eq!(with_second_of(&Ip { place: 0, ..Ip::v4() }, |_, _, _| {}), [3]);
}

#[test]
fn what_a_run_must_have_in_common_ends_it() {
    assert_eq!(with_second(|ip, _, _| ip.tos = 3), [1, 1, 1]);
    assert_eq!(with_second(|ip, _, _| ip.ttl = 63), [1, 1, 1]);
    assert_eq!(with_second(|ip, _, _| ip.place = 0), [1, 1, 1]);
    assert_eq!(with_second(|ip, _, _| ip.id = 100), [1, 1, 1]);
    assert_eq!(with_second(|ip, _, _| ip.options = vec![1; 4]), [1, 1, 1]);
    assert_eq!(with_second(|_, tcp, _| tcp.ack += 1), [1, 1, 1]);
    assert_eq!(with_second(|_, tcp, _| tcp.window += 1), [1, 1, 1]);
    assert_eq!(with_second(|_, tcp, _| tcp.urgent += 1), [1, 1, 1]);
    assert_eq!(with_second(|_, tcp, _| tcp.options = timestamps(2, 2)), [1, 1, 1]);
    assert_eq!(with_second(|_, tcp, _| tcp.options = [timestamps(1, 2), sack(5)].concat()), [1, 1, 1]);
    assert_eq!(with_second(|_, tcp, _| tcp.sequence += 1), [1, 1, 1]);
    for flag in [FIN, SYN, RST, URG, ECE, CWR] {
        assert_eq!(with_second(|_, tcp, _| tcp.flags |= flag), [1, 1, 1], "{flag}");
    }
    let v6 = Ip::v6();
    assert_eq!(with_second_of(&v6, |ip, _, _| ip.label = 1), [1, 1, 1]);
    assert_eq!(with_second_of(&v6, |ip, _, _| ip.tos = 1), [1, 1, 1]);
    assert_eq!(with_second_of(&v6, |ip, _, _| ip.ttl = 1), [1, 1, 1]);
    assert_eq!(with_second_of(&v6, |ip, _, _| ip.extensions = vec![(60, vec![0; 8])]), [1, 1, 1]);
}

#[test]
fn a_push_or_a_shorter_segment_is_the_last_of_its_run() {
    assert_eq!(with_second(|_, tcp, _| tcp.flags |= PSH), [2, 1]);
    assert_eq!(with_second(|_, _, payload| payload.truncate(99)), [2, 1]);
    // The next one does not follow it.
    assert_eq!(with_second(|_, _, payload| payload.push(1)), [1, 1, 1]);
    assert_eq!(with_second(|_, _, payload| payload.clear()), [1, 1, 1]);
}

#[test]
fn another_flow_s_packets_do_not_end_a_run() {
    let (ip, tcp) = (Ip::v4(), Tcp::new());
    let other = Ip { host: 2, ..Ip::v4() };
    let segment = |ip: &Ip, number: u16| {
        let ip = Ip { id: number, ..ip.clone() };
        Tcp { sequence: 100 * u32::from(number), ..tcp.clone() }.packet(&ip, &noise(100, 1))
    };
    let echo = ip.packet(1, &[8, 0, 0, 0, 1, 1, 1, 1]);
    let packets =
        [segment(&ip, 1), segment(&other, 1), echo, segment(&ip, 2), segment(&other, 2), segment(&ip, 3)];
    assert_eq!(counts(&packets), [3, 2, 1]);
    // But a fragment may be of any flow.
    let fragment = Ip { place: 100, ..ip.clone() }.packet(6, &[1; 50]);
    assert_eq!(counts(&[segment(&ip, 1), segment(&other, 1), fragment, segment(&ip, 2)]), [1, 1, 1, 1]);
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    let (ip, tcp) = (Ip::v4(), Tcp::new());
    let packets: Vec<Vec<u8>> = (0..4_u16)
        .map(|number| {
            let ip = Ip { id: number, ..ip.clone() };
            Tcp { sequence: 100 * u32::from(number), ..tcp.clone() }.packet(&ip, &noise(100, 1))
        })
        .collect();
    for (place, expected) in [(0, vec![1, 3]), (1, vec![1, 1, 2]), (2, vec![2, 1, 1]), (3, vec![3, 1])] {
        for at in [8, 10, 50] {
            let mut packets = packets.clone();
            packets[place][at] ^= 1;
            assert_eq!(counts(&packets).iter().sum::<usize>(), 4);
            let runs = joined(&packets);
            let split: Vec<_> = runs.iter().flat_map(|(_, run)| parts(run, 65_535).unwrap()).collect();
            assert_eq!(split, packets);
            if at != 8 {
                assert_eq!(counts(&packets), expected, "packet {place}, byte {at}");
            }
        }
    }
}

#[test]
fn udp_without_a_checksum_is_not_joined() {
    let packets: Vec<Vec<u8>> = (0..3)
        .map(|id| {
            let mut packet = udp_packet(&Ip { id, ..Ip::v4() }, 1, &noise(100, 1));
            packet[26..28].fill(0);
            packet
        })
        .collect();
    assert_eq!(counts(&packets), [1, 1, 1]);
}

#[test]
fn runs_have_an_end() {
    let tcp = Tcp::new();
    let segments = |size: usize, count: u16| -> Vec<Vec<u8>> {
        (0..count)
            .map(|id| {
                let sequence = u32::from(id) * u32::try_from(size).unwrap();
                Tcp { sequence, ..tcp.clone() }.packet(&Ip { id, ..Ip::v4() }, &noise(size, 1))
            })
            .collect()
    };
    assert_eq!(counts(&segments(1400, 100)), [46, 46, 8]);
    assert_eq!(counts(&segments(10, 600)), [512, 88]);
    let datagrams: Vec<Vec<u8>> =
        (0..150).map(|id| udp_packet(&Ip { id, ..Ip::v4() }, 1, &noise(100, 1))).collect();
    assert_eq!(counts(&datagrams), [64, 64, 22]);
}

#[test]
fn only_so_many_flows_have_an_open_run() {
    let segment = |host: u8, id: u16| udp_packet(&Ip { host, id, ..Ip::v6() }, 1, &noise(100, 1));
    let packets: Vec<Vec<u8>> =
        (0..2).flat_map(|round| (0..17).map(move |host| (host, round))).map(|(h, r)| segment(h, r)).collect();
    let counts = counts(&packets);
    assert_eq!(counts.iter().sum::<usize>(), 34);
    let few: Vec<Vec<u8>> =
        (0..2).flat_map(|round| (0..16).map(move |host| (host, round))).map(|(h, r)| segment(h, r)).collect();
    assert_eq!(super::coalesce::counts(&few), [2; 16]);
}

#[test]
fn a_recycled_coalescer_has_forgotten_everything() {
    let mut kept = Coalescer::new();
    for _ in 0..3 {
        let packet = Tcp::new().packet(&Ip::v4(), &noise(100, 1));
        let mut coalescer = kept;
        coalescer.push(&packet);
        coalescer.push(&packet);
        let mut runs = 0;
        coalescer.flush(|_| runs += 1);
        assert_eq!(runs, 2);
        coalescer.push(&packet);
        kept = coalescer.recycle();
        assert!(kept.is_empty());
    }
}

proptest! {
    #[test]
    fn joining_what_was_split_gives_it_back(ip in any_ip(), size in 1_u16..3000, len in 2_usize..30_000, seed: u32, udp: bool) {
        let ip = Ip { options: Vec::new(), extensions: Vec::new(), ..ip };
        let payload = noise(len, seed);
        let size = size.min(u16::try_from(len - 1).unwrap());
        let most = if udp { 64 } else { 512 };
        let payload = &payload[..len.min(most * usize::from(size))];
        let size = if payload.len() <= usize::from(size) { 0 } else { size };
        let packet = if udp {
            udp_partial(&ip, 9, payload, size)
        } else {
            let tcp = Tcp { sequence: seed, flags: ACK | PSH, options: timestamps(seed, 1), ..Tcp::new() };
            tcp.partial(&ip, payload, size)
        };
        let split = parts(&packet, 65_535).unwrap();
        let runs = joined(&split);
        prop_assert_eq!(runs.len(), 1);
        let (segments, run) = &runs[0];
        prop_assert_eq!(*segments, split.len());
        if size > 0 {
            prop_assert_eq!(run, &packet);
        }
    }
}
