//! How fast packets are split and joined, in gigabytes of payload per second and nanoseconds per packet:
//!
//! ```text
//! cargo run --release -p praya-datapath --example offload
//! ```
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use praya_datapath::offload::{Coalescer, MAX_PACKET, Sum, check, split, virtio};
use praya_datapath::{Offload, Packet};

const PAYLOAD: usize = 1348;
const SEGMENTS: usize = 46;

fn main() {
    let bytes = vec![0x5a; 65_536];
    for len in [20, 40, 64, 300, 1400, 65_536] {
        let bytes = &bytes[..len];
        measure(&format!("checksum of {len} bytes"), len, 1, || {
            black_box(Sum::of(black_box(bytes)));
        });
    }
    let mut copy = Vec::with_capacity(1 << 17);
    measure("copy of 65536 bytes", bytes.len(), 1, || {
        copy.clear();
        copy.extend_from_slice(black_box(&bytes));
    });
    for (name, packet) in [("IPv4", super_packet(false)), ("IPv6", super_packet(true))] {
        let len = SEGMENTS * PAYLOAD;
        measure(&format!("split, {name}"), len, SEGMENTS, || {
            let count = split(black_box(&packet), MAX_PACKET, |headers, payload| {
                black_box((headers, payload));
            });
            assert_eq!(count, Ok(SEGMENTS));
        });
        measure(&format!("split and copied, {name}"), len, SEGMENTS, || {
            copy.clear();
            let _ = split(black_box(&packet), MAX_PACKET, |headers, payload| {
                copy.extend_from_slice(headers);
                copy.extend_from_slice(payload);
            });
        });
        let mut packets = Vec::new();
        let _ = split(&packet, MAX_PACKET, |headers, payload| packets.push([headers, payload].concat()));
        let mut kept = Coalescer::new();
        measure(&format!("joined, {name}"), len, SEGMENTS, || {
            kept = join(std::mem::take(&mut kept), packets.iter().map(Vec::as_slice), 1);
        });
        for flows in [2_u8, 8] {
            let batch: Vec<Vec<u8>> = packets
                .iter()
                .flat_map(|packet| (0..flows).map(move |flow| of_flow(packet, flow, name == "IPv6")))
                .collect();
            let (len, count) = (len * usize::from(flows), SEGMENTS * usize::from(flows));
            measure(&format!("joined, {name}, {flows} flows taking turns"), len, count, || {
                kept = join(std::mem::take(&mut kept), batch.iter().map(Vec::as_slice), usize::from(flows));
            });
        }
        let small: Vec<&[u8]> = packets.iter().map(|packet| &packet[..packet.len() - PAYLOAD]).collect();
        measure(&format!("what cannot be joined, {name}"), 0, SEGMENTS, || {
            kept = join(std::mem::take(&mut kept), small.iter().copied(), SEGMENTS);
        });
        measure(&format!("checked, {name}"), len, SEGMENTS, || {
            assert!(check(black_box(&packet.bytes), packet.offload, 1420).is_ok());
        });
    }
}

fn join<'a>(
    kept: Coalescer<'static>,
    packets: impl Iterator<Item = &'a [u8]>,
    expected: usize,
) -> Coalescer<'static> {
    let mut coalescer: Coalescer<'a> = kept;
    packets.for_each(|packet| coalescer.push(black_box(packet)));
    let mut runs = 0;
    coalescer.flush(|run| {
        black_box(virtio::encode(run)).expect("a run can be encoded");
        runs += 1;
    });
    assert_eq!(runs, expected);
    coalescer.recycle()
}

/// Like what a kernel hands over: 46 TCP segments with timestamps.
fn super_packet(is_v6: bool) -> Packet {
    let transport_len = 32 + SEGMENTS * PAYLOAD;
    let mut bytes = if is_v6 {
        let mut header = vec![0x60, 0, 0, 0, 0, 0, 6, 64];
        header.extend([[0xfd; 16], [0xfe; 16]].concat());
        put(&mut header, 4, transport_len);
        header
    } else {
        let mut header = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 172, 16, 0, 1];
        put(&mut header, 2, 20 + transport_len);
        let sum = usize::from(Sum::of(&header).checksum());
        put(&mut header, 10, sum);
        header
    };
    let at = bytes.len();
    let addresses = if is_v6 { &bytes[8..] } else { &bytes[12..] };
    let length = u16::try_from(transport_len).expect("it fits");
    let sum = Sum::of(addresses).plus_u16(6).plus_u16(length).fold();
    bytes.extend([0x9c, 0x40, 0x14, 0x51, 0, 0, 0, 1, 0, 0, 0, 7, 0x80, 0x10, 1, 0xf4, 0, 0, 0, 0]);
    bytes.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    put(&mut bytes, at + 16, usize::from(sum));
    bytes.extend((0..SEGMENTS * PAYLOAD).map(|number| u8::try_from(number % 251).unwrap_or_default()));
    let segment_size = u16::try_from(PAYLOAD).expect("it fits");
    Packet { bytes: bytes.into(), offload: Offload { partial_checksum: true, segment_size } }
}

/// The same packet on other ports, whose sum is the same.
fn of_flow(packet: &[u8], flow: u8, is_v6: bool) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let at = if is_v6 { 40 } else { 20 };
    packet[at + 1] += flow;
    packet[at + 3] -= flow;
    packet
}

fn put(bytes: &mut [u8], at: usize, value: usize) {
    let value = u16::try_from(value).expect("it fits").to_be_bytes();
    bytes[at..at + 2].copy_from_slice(&value);
}

fn measure(name: &str, bytes: usize, packets: usize, mut once: impl FnMut()) {
    let mut best = Duration::MAX;
    let rounds = (20_000_000 / (bytes + 40 * packets)).max(10);
    for _ in 0..15 {
        let begun = Instant::now();
        for _ in 0..rounds {
            once();
        }
        best = best.min(begun.elapsed());
    }
    let each = best.as_secs_f64() / f64::from(u32::try_from(rounds).unwrap_or(u32::MAX));
    let (rate, time) = (bytes as f64 / each / 1e9, each * 1e9 / packets as f64);
    println!("{name:45} {rate:8.1} GB/s {time:9.1} ns");
}
