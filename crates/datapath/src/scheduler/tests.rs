//! The scheduler as a whole, with a simulated clock.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::offload::Sum;
use crate::packet::Offload;

const SEED: u64 = 7;
const WIDE: Limits = Limits {
    packets: 100_000,
    bytes: 1 << 30,
    target: Duration::from_millis(5),
    interval: Duration::from_millis(100),
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A TCP packet of the flow, `size` bytes long, with `number` in it; `ecn` are the two bits.
fn packet_with_ecn(flow: u8, number: u32, size: usize, ecn: u8) -> Packet {
    let mut bytes = BytesMut::zeroed(size.max(28));
    bytes[0] = 0x45;
    bytes[1] = ecn;
    bytes[9] = 6;
    bytes[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    bytes[21] = flow;
    bytes[24..28].copy_from_slice(&number.to_be_bytes());
    let checksum = Sum::of(&bytes[..20]).checksum();
    bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
    Packet::ordinary(bytes.freeze())
}

fn packet(flow: u8, number: u32, size: usize) -> Packet {
    packet_with_ecn(flow, number, size, 0)
}

fn push_all(scheduler: &mut Scheduler, now: Instant, flow: u8, sizes: impl IntoIterator<Item = usize>) {
    for (number, size) in (0..).zip(sizes) {
        scheduler.push(packet(flow, number, size), now);
    }
}

fn flow_of(packet: &Packet) -> u8 {
    packet.bytes[21]
}

fn number_of(packet: &Packet) -> u32 {
    u32::from_be_bytes(packet.bytes[24..28].try_into().unwrap())
}

#[test]
fn an_empty_scheduler_is_tiny_also_after_work() {
    assert!(size_of::<Scheduler>() <= 200, "{}", size_of::<Scheduler>());
    let now = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    for number in 0..100 {
        scheduler.push(packet(number as u8, number, 100), now);
    }
    while scheduler.pop(now).is_some() {}
    assert!(scheduler.is_empty() && scheduler.flows.is_none());
}

#[test]
fn packets_that_come_one_by_one_cost_no_allocation() {
    let now = Instant::now();
    let mut schedulers = [Scheduler::new(WIDE, SEED), Scheduler::new(WIDE, SEED + 1)];
    let mut places = Vec::new();
    for number in 0..20 {
        for scheduler in &mut schedulers {
            scheduler.push(packet(number as u8, number, 100), now);
            let flows = scheduler.flows.as_deref().unwrap();
            places.push((std::ptr::from_ref(flows), flows.entries()));
            assert_eq!(scheduler.pop(now).map(|packet| number_of(&packet)), Some(number));
        }
    }
    assert!(places.iter().all(|place| *place == places[0]));
}

#[test]
fn a_queue_that_was_long_leaves_no_room_behind() {
    let now = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    push_all(&mut scheduler, now, 1, [100; 10_000]);
    while scheduler.pop(now).is_some() {}
    scheduler.push(packet(1, 0, 100), now);
    assert!(scheduler.flows.unwrap().room() < 1000);
}

#[test]
fn a_new_queue_knows_nothing_of_the_one_before() {
    let now = Instant::now();
    let mut before = Scheduler::new(WIDE, SEED);
    // The flow has used up its turn, and waits behind others.
    push_all(&mut before, now, 1, [1500; 20]);
    push_all(&mut before, now, 2, [1500; 20]);
    while before.pop(now).is_some() {}
    let order = move |scheduler: &mut Scheduler| {
        for flow in [3, 1, 2, 1] {
            scheduler.push(packet(flow, 0, 1000), now);
        }
        let mut out = Vec::new();
        scheduler.take(now, usize::MAX, &mut out);
        out.iter().map(flow_of).collect::<Vec<_>>()
    };
    let after = order(&mut before);
    let fresh = std::thread::spawn(move || order(&mut Scheduler::new(WIDE, SEED))).join().unwrap();
    assert_eq!(after, fresh);
}

#[test]
fn too_much_costs_the_fattest_flow_its_oldest_packets() {
    let now = Instant::now();
    let mut scheduler = Scheduler::new(Limits { packets: 10, bytes: 10_000, ..WIDE }, SEED);
    assert_eq!(scheduler.push(packet(2, 0, 60), now), Delivery::Delivered);
    for number in 0..20 {
        assert_eq!(scheduler.push(packet(1, number, 1000), now), Delivery::Delivered);
    }
    assert_eq!(scheduler.push(packet(3, 0, 10_001), now), Delivery::Dropped, "more than all that may wait");
    assert_eq!(scheduler.drops(), Drops { overlimit: 12, codel: 0 });
    assert_eq!((scheduler.len(), scheduler.bytes()), (10, 9060));
    let mut left = Vec::new();
    scheduler.take(now, usize::MAX, &mut left);
    let [thin, fat] = [2, 1].map(|flow| left.iter().filter(|packet| flow_of(packet) == flow).count());
    assert_eq!((thin, fat), (1, 9));
    assert!(left.iter().filter(|packet| flow_of(packet) == 1).map(number_of).eq(11..20));
}

#[test]
fn who_is_dropped_at_once_is_told() {
    let now = Instant::now();
    let mut scheduler = Scheduler::new(Limits { packets: 2, bytes: 10_000, ..WIDE }, SEED);
    scheduler.push(packet(1, 0, 100), now);
    scheduler.push(packet(2, 0, 100), now);
    assert_eq!(scheduler.push(packet(3, 0, 200), now), Delivery::Dropped);
    let mut none = Scheduler::new(Limits { packets: 0, ..WIDE }, SEED);
    assert_eq!(none.push(packet(1, 0, 100), now), Delivery::Dropped);
}

#[test]
fn a_batch_ends_when_it_is_large_enough_and_is_never_empty() {
    let now = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    push_all(&mut scheduler, now, 1, [1000; 10]);
    for (bytes, packets) in [(0, 1), (1000, 1), (1001, 2), (usize::MAX, 6), (1, 0)] {
        let mut batch = Vec::new();
        scheduler.take(now, bytes, &mut batch);
        assert_eq!(batch.len(), packets);
    }
}

/// Pushes at one rate and pops at another, in microseconds between packets of 1250 bytes; returns the scheduler after
/// so many packets, and the simulated time of each drop or mark.
fn drive(every: u64, served_every: u64, packets: u32, ecn: u8) -> (Scheduler, Vec<Duration>) {
    let start = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    let mut signals = Vec::new();
    let mut served = 0;
    for number in 0..packets {
        let now = Duration::from_micros(every * u64::from(number));
        while Duration::from_micros(served_every * served) <= now {
            let at = Duration::from_micros(served_every * served);
            let before = scheduler.drops().codel + scheduler.marked();
            scheduler.pop(start + at);
            let after = scheduler.drops().codel + scheduler.marked();
            signals.extend((before..after).map(|_| at));
            served += 1;
        }
        scheduler.push(packet_with_ecn(1, number, 1250, ecn), start + now);
    }
    (scheduler, signals)
}

#[test]
fn a_flow_within_the_rate_is_left_alone() {
    let (scheduler, signals) = drive(1000, 900, 5000, 0);
    assert!(signals.is_empty());
    assert_eq!(scheduler.drops(), Drops::default());
}

#[test]
fn a_flow_that_is_too_fast_loses_packets_after_an_interval_and_then_ever_faster() {
    let (scheduler, signals) = drive(500, 1000, 5000, 0);
    assert!(signals[0] > ms(100) && signals[0] < ms(200), "{:?}", signals[0]);
    let gaps: Vec<_> = signals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() > 10);
    // RFC 8289, 5.3: the interval through the root of how many there were; packets leave every millisecond.
    for (gap, count) in gaps.iter().zip(1..) {
        let expected = ms(100).div_f64(f64::from(count).sqrt());
        assert!(gap.abs_diff(expected) <= ms(2), "{gap:?} where {expected:?} were due");
    }
    assert_eq!(scheduler.drops().codel as usize, signals.len());
    assert_eq!(scheduler.marked(), 0);
}

#[test]
fn a_flow_that_understands_marks_loses_nothing() {
    for ecn in [1, 2] {
        let (scheduler, signals) = drive(900, 1000, 5000, ecn);
        assert!(signals.len() > 10);
        assert_eq!(scheduler.marked() as usize, signals.len());
        assert_eq!(scheduler.drops(), Drops::default());
    }
}

/// A sender that halves its window when it loses a packet and else opens it, as TCP does, at 10 Mbit/s and 20 ms.
#[test]
fn a_sender_that_listens_keeps_the_line_busy_and_its_queue_short() {
    let start = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    let (mut window, mut flying, mut sent, mut lost) = (10.0_f64, 0_u32, 0, 0);
    let mut acknowledged: VecDeque<u64> = VecDeque::new();
    let (mut busy, mut waits) = (0, Vec::new());
    let mut since = VecDeque::new();
    for now in 0_u64..60_000 {
        while acknowledged.front().is_some_and(|at| *at <= now) {
            acknowledged.pop_front();
            flying -= 1;
            window += 1.0 / window;
        }
        while f64::from(flying) < window {
            scheduler.push(packet(1, sent, 1250), start + ms(now));
            since.push_back(now);
            flying += 1;
            sent += 1;
        }
        let popped = scheduler.pop(start + ms(now));
        for _ in lost..scheduler.drops().codel {
            since.pop_front();
            flying -= 1;
            window = (window / 2.0).max(1.0);
        }
        lost = scheduler.drops().codel;
        if popped.is_some() {
            busy += 1;
            waits.push(now - since.pop_front().unwrap());
            acknowledged.push_back(now + 20);
        }
    }
    waits.sort_unstable();
    assert!(busy > 60_000 * 8 / 10, "the line was busy for {busy} of 60,000 ms");
    assert!(waits[waits.len() / 2] <= 10, "half of the packets waited for {} ms", waits[waits.len() / 2]);
    assert!(lost > 0);
}

#[test]
fn a_mark_keeps_everything_else_and_the_checksum_right() {
    let offload = Offload { partial_checksum: true, segment_size: 1000 };
    let first = Packet { offload, ..packet_with_ecn(1, 5, 5000, 0b10) };
    let shared = first.clone();
    let marked = ecn::mark(first).unwrap();
    assert_eq!(shared.bytes[1], 0b10, "others still see the old one");
    assert_eq!((marked.bytes[1], marked.offload), (0b11, offload));
    assert_eq!(Sum::of(&marked.bytes[..20]).checksum(), 0);
    assert_eq!(marked.bytes[20..], shared.bytes[20..]);
    assert_eq!(ecn::mark(marked.clone()), Some(marked), "marked before us");

    let mut v6 = vec![0; 60];
    v6[..2].copy_from_slice(&[0x6a, 0b1001_1111]);
    let marked = ecn::mark(Packet::ordinary(v6.clone().into())).unwrap();
    v6[1] = 0b1011_1111;
    assert_eq!(marked.bytes, v6);
    v6[1] = 0b1000_1111;
    for none in [Bytes::from(v6), Bytes::new(), vec![0x45; 19].into(), vec![0xf0; 40].into()] {
        assert_eq!(ecn::mark(Packet::ordinary(none)), None);
    }
}

#[test]
fn without_a_rate_nothing_waits_for_time() {
    let now = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    scheduler.set_rate(Some(Rate { bits_per_second: NonZeroU64::new(8000).unwrap(), burst: 0 }));
    assert_eq!(scheduler.next_at(now), None, "nothing waits");
    push_all(&mut scheduler, now, 1, [1000; 3]);
    assert!(scheduler.pop(now).is_some());
    assert_eq!(scheduler.next_at(now), Some(now + ms(1000)));
    assert!(scheduler.pop(now + ms(999)).is_none());
    assert!(scheduler.pop(now + ms(1000)).is_some());
    scheduler.set_rate(None);
    assert_eq!(scheduler.next_at(now), None);
    assert!(scheduler.pop(now).is_some());
}

#[test]
fn a_slow_rate_alone_drops_nothing() {
    let mut now = Instant::now();
    let mut scheduler = Scheduler::new(WIDE, SEED);
    // A packet takes 50 ms, ten times the target.
    scheduler.set_rate(Some(Rate { bits_per_second: NonZeroU64::new(1514 * 8 * 20).unwrap(), burst: 0 }));
    for number in 0..200 {
        scheduler.push(packet(1, number, 1514), now);
        scheduler.pop(now);
        now += ms(50);
    }
    assert_eq!(scheduler.drops(), Drops::default());
}

proptest! {
    /// What was pushed was popped, dropped, or waits; within the limits, in each flow's order, and flows that were
    /// not dropped from lose nothing.
    #[test]
    fn nothing_is_lost_or_reordered(
        steps in prop::collection::vec((0u8..4, 0u8..6, 28usize..4000, 0u64..40), 1..600),
        packets in 1usize..50,
        bytes in 4000usize..100_000,
    ) {
        let mut now = Instant::now();
        let mut scheduler = Scheduler::new(Limits { packets, bytes, ..Limits::default() }, SEED);
        let (mut pushed, mut popped, mut waiting) = (0, 0, 0);
        let mut last = [None; 6];
        for (number, (action, flow, size, millis)) in (0..).zip(steps) {
            if action < 2 {
                let outcome = scheduler.push(packet(flow, number, size), now);
                pushed += 1;
                prop_assert!(outcome == Delivery::Delivered || scheduler.drops().overlimit > 0);
                prop_assert!(!scheduler.is_empty());
            } else if action == 2 {
                now += Duration::from_millis(millis);
            } else {
                let was_empty = scheduler.is_empty();
                let next = scheduler.pop(now);
                prop_assert_eq!(next.is_none(), was_empty);
                if let Some(next) = next {
                    popped += 1;
                    let flow = usize::from(flow_of(&next));
                    prop_assert!(last[flow] < Some(number_of(&next)));
                    last[flow] = Some(number_of(&next));
                }
            }
            let drops = scheduler.drops();
            prop_assert_eq!(pushed, popped + drops.overlimit + drops.codel + scheduler.len() as u64);
            prop_assert!(scheduler.len() <= packets && scheduler.bytes() <= bytes);
            waiting = scheduler.bytes();
        }
        let mut rest = Vec::new();
        let codel = scheduler.drops().codel;
        scheduler.take(now, usize::MAX, &mut rest);
        if scheduler.drops().codel == codel {
            prop_assert_eq!(rest.iter().map(|packet| packet.bytes.len()).sum::<usize>(), waiting);
        }
        prop_assert_eq!((scheduler.len(), scheduler.bytes()), (0, 0));
    }

    /// Flows that always have something to send get the same number of bytes, whatever their packets are like.
    #[test]
    fn busy_flows_share_by_bytes(sizes in prop::collection::vec(28usize..65_535, 2..8), pops in 1usize..2000) {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(WIDE, SEED);
        let mut sent = vec![0usize; sizes.len()];
        for (flow, size) in sizes.iter().enumerate() {
            push_all(&mut scheduler, now, flow as u8, [*size; 2]);
        }
        for _ in 0..pops {
            let next = scheduler.pop(now).unwrap();
            let flow = usize::from(flow_of(&next));
            sent[flow] += next.bytes.len();
            scheduler.push(next, now);
        }
        let bound = 1514 + 2 * sizes.iter().max().unwrap();
        let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
        prop_assert!(most - least <= bound, "{sent:?}");
    }

    /// A flow that sends little waits for one super-packet of another at most, however many wait.
    #[test]
    fn a_thin_flow_waits_for_one_super_packet_at_most(
        sizes in prop::collection::vec(1515usize..65_535, 2..40),
        ping in 28usize..1515,
    ) {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(WIDE, SEED);
        push_all(&mut scheduler, now, 1, sizes);
        while scheduler.len() > 1 {
            scheduler.push(packet(2, 0, ping), now);
            let order = [scheduler.pop(now), scheduler.pop(now)];
            prop_assert!(order.iter().flatten().any(|packet| flow_of(packet) == 2));
        }
    }

    /// In any time no more passes than the rate, the burst and one packet; and no less while packets wait.
    #[test]
    fn the_rate_is_kept_and_used_up(
        kilobits in 100u64..1_000_000,
        burst in 0u32..100_000,
        sizes in prop::collection::vec(28usize..65_535, 1..200),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut scheduler = Scheduler::new(WIDE, SEED);
        scheduler.set_rate(Some(Rate { bits_per_second: NonZeroU64::new(kilobits * 1000).unwrap(), burst }));
        // Each in a flow of its own, so that nothing is dropped.
        for (flow, size) in sizes.iter().enumerate() {
            scheduler.push(packet(flow as u8, 0, *size), now);
        }
        let largest = *sizes.iter().max().unwrap() as f64;
        let mut sent = 0.0;
        let allowed = |now: Instant| (now - start).as_secs_f64() * kilobits as f64 * 125.0 + f64::from(burst);
        while !scheduler.is_empty() {
            if let Some(packet) = scheduler.pop(now) {
                sent += packet.bytes.len() as f64;
                prop_assert!(sent <= allowed(now) + largest + 1.0, "{sent} of {}", allowed(now));
            } else {
                prop_assert!(sent >= allowed(now) - 50.0, "{sent} of {}", allowed(now));
                let next = scheduler.next_at(now).unwrap();
                prop_assert!(next > now);
                now = next;
            }
        }
    }
}
