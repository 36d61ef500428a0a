//! Two channels over a link that the test holds: it delays, loses, repeats and forges, on the test's own clock.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use bytes::Bytes;
use praya_dtls::SessionId;
use proptest::prelude::*;

use super::upkeep::LONGEST_PAUSE;
use super::*;
use crate::packet::Offload;

#[path = "channel_tests/flights.rs"]
mod flights;
#[path = "channel_tests/sizes.rs"]
mod sizes;

const MS: Duration = Duration::from_millis(1);
const MTU: u16 = 1400;

/// What one end has sent, and what waits for it.
#[derive(Debug, Default)]
struct Wire {
    sent: VecDeque<(Path, Vec<u8>)>,
    arrived: VecDeque<(Path, Vec<u8>)>,
    adopted: Vec<Path>,
    rebound: usize,
    /// Every receive call tells an error instead, and how many there were.
    refuses: Option<usize>,
    /// The first link's own limit.
    longest: Option<usize>,
    full: bool,
}

#[derive(Clone, Debug, Default)]
struct Port(Arc<Mutex<Wire>>);

impl DatagramIo for Port {
    fn poll_recv(&mut self, _: &mut Context<'_>, batch: &mut Vec<Datagrams>) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        if let Some(calls) = &mut wire.refuses {
            *calls += 1;
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let Some((path, bytes)) = wire.arrived.pop_front() else { return Poll::Pending };
        batch.push(Datagrams { stride: bytes.len(), bytes: bytes.into(), path });
        Poll::Ready(Ok(()))
    }

    fn poll_send(
        &mut self,
        _: &mut Context<'_>,
        to: Path,
        contents: &[u8],
        segment: usize,
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        if wire.full {
            return Poll::Pending;
        }
        if wire.longest.is_some_and(|longest| segment.min(contents.len()) > longest) {
            return Poll::Ready(Err(io::Error::from_raw_os_error(90)));
        }
        wire.sent.extend(contents.chunks(segment).map(|datagram| (to, datagram.to_vec())));
        Poll::Ready(Ok(contents.len()))
    }

    fn adopt(&mut self, path: Path) {
        self.0.lock().unwrap().adopted.push(path);
    }

    fn rebind(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().rebound += 1;
        Ok(())
    }
}

const CLIENT: usize = 0;
const GATEWAY: usize = 1;

type Carries = Box<dyn FnMut(usize, &[u8]) -> bool>;

struct Pair {
    now: Instant,
    ends: [UdpChannel<Port>; 2],
    ports: [Port; 2],
    delay: Duration,
    under_way: Vec<(Instant, usize, Path, Vec<u8>)>,
    /// Whether the way to the client, and the one to the gateway, carries a datagram.
    carries: Carries,
    client_at: Path,
    packets: [Vec<Bytes>; 2],
    by_tls: [usize; 2],
    datagrams: usize,
}

fn address(text: &str) -> Path {
    text.parse::<SocketAddr>().unwrap().into()
}

fn psk() -> Config {
    Config::psk(&[7; 32], SessionId::new(&[9; 32]).unwrap())
}

fn settings(role: Role, config: Config) -> ChannelSettings {
    let seconds = Duration::from_secs;
    ChannelSettings {
        rhythm: Rhythm { role, dpd: seconds(30), keepalive: seconds(20), rekey: Duration::ZERO },
        config,
        peer: (role == Role::Client).then(|| address("192.0.2.1:443")),
        mtu: MTU,
        sure_datagram: SURE_DATAGRAM,
        longest_datagram: None,
    }
}

impl Pair {
    fn new() -> Self {
        Self::with(psk(), |_| {})
    }

    fn with(config: Config, change: impl Fn(&mut ChannelSettings)) -> Self {
        let now = Instant::now();
        let ports = [Port::default(), Port::default()];
        let end = |role: Role| {
            let mut settings = settings(role, config.clone());
            change(&mut settings);
            UdpChannel::new(ports[usize::from(role == Role::Gateway)].clone(), settings, now)
        };
        Self {
            now,
            ends: [end(Role::Client), end(Role::Gateway)],
            ports,
            delay: 20 * MS,
            under_way: Vec::new(),
            carries: Box::new(|_, _| true),
            client_at: address("198.51.100.7:5000"),
            packets: [Vec::new(), Vec::new()],
            by_tls: [0; 2],
            datagrams: 0,
        }
    }

    /// Both are up.
    fn up() -> Self {
        let mut pair = Self::new();
        pair.run(500);
        assert_eq!(pair.channels(), [Channel::Udp; 2]);
        pair
    }

    fn run(&mut self, millis: u32) {
        let end = self.now + MS * millis;
        while self.now < end {
            self.step();
            // To where something happens next, at most.
            let timers = self.ends.iter().filter_map(UdpChannel::next_timer);
            let arrivals = self.under_way.iter().map(|(at, ..)| *at);
            let next = timers.chain(arrivals).min().unwrap_or(end);
            self.now = next.clamp(self.now + MS, end.max(self.now + MS));
        }
        self.step();
    }

    fn step(&mut self) {
        let now = self.now;
        let (arrived, later) = self.under_way.drain(..).partition(|(at, ..)| *at <= now);
        self.under_way = later;
        for (_, to, from, bytes) in Vec::<(Instant, usize, Path, Vec<u8>)>::from_iter(arrived) {
            self.ports[to].0.lock().unwrap().arrived.push_back((from, bytes));
        }
        let mut cx = Context::from_waker(Waker::noop());
        for end in [CLIENT, GATEWAY] {
            let channel = &mut self.ends[end];
            while channel.poll_receive(&mut cx, now, &mut self.packets[end]).is_ready() {}
            if channel.take_tls_keepalive() {
                self.ends[GATEWAY].heard_by_tls(false, now);
            }
            let channel = &mut self.ends[end];
            let _ = channel.poll_flush(&mut cx, now);
            let from = if end == CLIENT { self.client_at } else { address("192.0.2.1:443") };
            let sent: Vec<_> = self.ports[end].0.lock().unwrap().sent.drain(..).collect();
            for (to, bytes) in sent {
                self.datagrams += 1;
                let there = end == CLIENT || to == self.client_at;
                if there && (self.carries)(1 - end, &bytes) {
                    self.under_way.push((now + self.delay, 1 - end, from, bytes));
                }
            }
        }
    }

    fn send(&mut self, from: usize, packet: &[u8]) {
        let packet = Packet::ordinary(Bytes::copy_from_slice(packet));
        if self.ends[from].send(&packet, self.now) == Delivery::Dropped {
            self.by_tls[from] += 1;
            self.ends[1 - from].heard_by_tls(true, self.now);
        }
    }

    fn channels(&self) -> [Channel; 2] {
        [self.ends[CLIENT].channel(), self.ends[GATEWAY].channel()]
    }

    /// Packets go through, both ways, by UDP.
    fn carries_data(&mut self) -> bool {
        self.packets.iter_mut().for_each(Vec::clear);
        self.by_tls = [0; 2];
        self.send(CLIENT, b"to the gateway");
        self.run(100);
        self.send(GATEWAY, b"to the client");
        self.run(100);
        self.by_tls == [0; 2]
            && self.packets[GATEWAY] == [&b"to the gateway"[..]]
            && self.packets[CLIENT] == [&b"to the client"[..]]
    }
}

#[test]
fn a_channel_comes_up_proves_itself_and_carries_packets_both_ways() {
    let mut pair = Pair::new();
    assert_eq!(pair.ends[CLIENT].state().reason, ChannelReason::Opening);
    pair.send(CLIENT, b"early");
    assert_eq!(pair.by_tls[CLIENT], 1, "from the first moment there is TLS");
    pair.run(500);
    assert!(pair.carries_data());
    let state = pair.ends[CLIENT].state();
    assert_eq!((state.channel, state.reason), (Channel::Udp, ChannelReason::Preferred));
    assert_eq!(state.suite, Some(Suite::PskAes256Gcm));
    assert_eq!(state.round_trip, Some(40 * MS));
    assert_eq!(state.longest_packet, usize::from(MTU));
}

#[test]
fn a_resumed_session_of_a_cisco_gateway_works_the_same() {
    for suite in Suite::RESUME {
        let config = Config::resume(&[3; 48], SessionId::new(&[9; 32]).unwrap(), suite);
        let mut pair = Pair::with(config, |_| {});
        pair.run(500);
        assert!(pair.carries_data(), "{suite:?}");
        assert_eq!(pair.ends[CLIENT].state().suite, Some(suite));
    }
}

#[test]
fn the_hello_is_repeated_and_a_network_without_udp_is_tried_less_and_less() {
    let mut pair = Pair::new();
    pair.carries = Box::new(|_, _| false);
    pair.run(7_500);
    assert_eq!(pair.datagrams, 3);
    assert_eq!(pair.ends[CLIENT].state().reason, ChannelReason::Unanswered);
    assert_eq!(pair.ends[CLIENT].take_counts().retransmits, 2);
    pair.run(600_000);
    assert!((20..60).contains(&pair.datagrams), "{}", pair.datagrams);
    pair.carries = Box::new(|_, _| true);
    pair.run(70_000);
    assert!(pair.carries_data());
}

#[test]
fn other_keys_lead_to_nothing_and_are_told_as_blocked() {
    let mut pair = Pair::new();
    let mut other = settings(Role::Gateway, Config::psk(&[8; 32], SessionId::new(&[9; 32]).unwrap()));
    other.peer = None;
    pair.ends[GATEWAY] = UdpChannel::new(pair.ports[GATEWAY].clone(), other, pair.now);
    pair.run(20_000);
    assert_eq!(pair.ends[CLIENT].state().reason, ChannelReason::Unanswered);
}

#[test]
fn replays_forgeries_and_noise_are_counted_and_nothing_else() {
    let mut pair = Pair::up();
    pair.packets[GATEWAY].clear();
    pair.send(CLIENT, b"once");
    pair.run(5);
    let (_, _, from, record) = pair.under_way.iter().find(|(_, to, ..)| *to == GATEWAY).unwrap().clone();
    pair.run(50);
    assert_eq!(pair.packets[GATEWAY], [&b"once"[..]]);
    let _ = pair.ends[GATEWAY].take_counts();
    let mut forged = record.clone();
    *forged.last_mut().unwrap() ^= 1;
    forged[10] = 200;
    let stranger = address("203.0.113.9:9");
    for bytes in [record, forged.clone(), b"noise".to_vec(), vec![23], vec![0xff; 1500]] {
        pair.ports[GATEWAY].0.lock().unwrap().arrived.push_back((stranger, bytes));
    }
    // Of forgeries, only those count that come from where the client is: others may be another session's.
    pair.ports[GATEWAY].0.lock().unwrap().arrived.push_back((from, forged));
    pair.run(1);
    let counts = pair.ends[GATEWAY].take_counts();
    assert_eq!((counts.replayed, counts.forged), (1, 1));
    assert_eq!(pair.packets[GATEWAY].len(), 1);
    let adopted = pair.ports[GATEWAY].0.lock().unwrap().adopted.clone();
    assert_eq!(adopted, [from], "no stranger draws the session away");
    assert!(pair.carries_data());
}

#[test]
fn a_replayed_hello_does_not_disturb_the_session() {
    let mut pair = Pair::new();
    pair.step();
    let hello = pair.under_way[0].3.clone();
    pair.run(500);
    for port in 1..200 {
        let stranger = address(&format!("203.0.113.9:{port}"));
        pair.ports[GATEWAY].0.lock().unwrap().arrived.push_back((stranger, hello.clone()));
    }
    pair.step();
    assert!(pair.ports[GATEWAY].0.lock().unwrap().sent.is_empty(), "nobody is answered");
    assert!(pair.carries_data());
}

#[test]
fn the_answer_to_a_hello_is_not_longer_than_the_hello() {
    let mut pair = Pair::new();
    pair.step();
    let hello: usize = pair.under_way.iter().map(|(.., bytes)| bytes.len()).sum();
    pair.now += pair.delay;
    pair.step();
    let answer: usize =
        pair.under_way.iter().filter(|(_, to, ..)| *to == CLIENT).map(|(.., bytes)| bytes.len()).sum();
    assert!(answer > 0 && answer <= hello, "{answer} for {hello}");
    // And it is not repeated by itself.
    pair.carries = Box::new(|to, _| to == GATEWAY);
    pair.under_way.clear();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        pair.now += 1000 * MS;
        let _ = pair.ends[GATEWAY].poll_receive(&mut cx, pair.now, &mut Vec::new());
    }
    assert!(pair.ports[GATEWAY].0.lock().unwrap().sent.is_empty());
}

#[test]
fn the_gateway_answers_to_where_the_newest_record_came_from() {
    let mut pair = Pair::up();
    pair.client_at = address("198.51.100.7:6000");
    assert!(pair.carries_data());
    pair.client_at = address("203.0.113.50:7000");
    assert!(pair.carries_data());
    let adopted = pair.ports[GATEWAY].0.lock().unwrap().adopted.clone();
    assert_eq!(adopted.len(), 3);
    assert_eq!(adopted.last(), Some(&pair.client_at));
}

#[test]
fn a_late_record_from_where_the_client_was_does_not_draw_the_answers_back() {
    let mut pair = Pair::up();
    pair.send(CLIENT, b"late");
    pair.run(5);
    let late = pair.under_way.remove(0);
    pair.client_at = address("203.0.113.50:7000");
    assert!(pair.carries_data());
    pair.ports[GATEWAY].0.lock().unwrap().arrived.push_back((late.2, late.3));
    assert!(pair.carries_data() || pair.packets[GATEWAY].len() == 2);
    assert_eq!(pair.ports[GATEWAY].0.lock().unwrap().adopted.last(), Some(&pair.client_at));
}

#[test]
fn after_a_change_of_the_network_the_session_goes_on_from_the_new_address() {
    let mut pair = Pair::up();
    pair.client_at = address("203.0.113.50:7000");
    pair.ends[CLIENT].network_changed(pair.now);
    pair.run(200);
    assert_eq!(pair.ports[CLIENT].0.lock().unwrap().rebound, 1);
    assert!(pair.carries_data());
}

#[test]
fn a_gateway_that_does_not_know_the_new_address_gets_a_new_hello_within_a_second() {
    let mut pair = Pair::up();
    pair.run(5000);
    let moved = address("203.0.113.50:7000");
    pair.client_at = moved;
    // What a demultiplexer does with a record from an unknown network.
    pair.carries = Box::new(|to, bytes| to == CLIENT || bytes.first() == Some(&22));
    pair.ends[CLIENT].network_changed(pair.now);
    pair.run(1000);
    pair.carries = Box::new(|_, _| true);
    pair.run(500);
    assert!(pair.carries_data());
}

#[test]
fn new_keys_take_over_while_data_flows_and_nothing_is_lost() {
    let mut pair = Pair::with(psk(), |settings| settings.rhythm.rekey = Duration::from_secs(10));
    pair.run(500);
    let mut sent = 0;
    for _ in 0..3000 {
        for from in [CLIENT, GATEWAY] {
            pair.send(from, format!("{sent:06}").as_bytes());
        }
        sent += 1;
        pair.run(10);
    }
    pair.run(200);
    assert_eq!(pair.by_tls, [0, 0]);
    for end in [CLIENT, GATEWAY] {
        let expected: Vec<Vec<u8>> = (0..sent).map(|number| format!("{number:06}").into_bytes()).collect();
        assert_eq!(pair.packets[end], expected);
    }
    let hellos = pair.ends[CLIENT].attempts.last.unwrap() - (pair.now - 30_000 * MS);
    assert!(hellos > Duration::from_secs(15), "the last new keys are no older than the others");
}

#[test]
fn a_lost_path_is_left_within_a_second_and_taken_again_without_a_new_session() {
    let mut pair = Pair::up();
    pair.carries = Box::new(|_, _| false);
    for _ in 0..100 {
        pair.send(CLIENT, b"data");
        pair.run(10);
    }
    assert_eq!(pair.ends[CLIENT].state().reason, ChannelReason::Silent);
    pair.by_tls = [0; 2];
    pair.send(CLIENT, b"data");
    pair.send(GATEWAY, b"data");
    assert_eq!(pair.by_tls, [1, 1], "the gateway follows");
    let settled = pair.ends[CLIENT].attempts.last;
    pair.carries = Box::new(|_, _| true);
    pair.run(500);
    assert!(pair.carries_data());
    assert_eq!(pair.ends[CLIENT].attempts.last, settled);
}

#[test]
fn an_idle_session_keeps_its_translator_awake_and_notices_a_peer_that_is_gone() {
    let mut pair = Pair::up();
    pair.datagrams = 0;
    pair.run(120_000);
    assert!((4..30).contains(&pair.datagrams), "{} datagrams in two minutes", pair.datagrams);
    assert_eq!(pair.channels(), [Channel::Udp; 2]);
    pair.carries = Box::new(|_, _| false);
    pair.run(300_000);
    assert_eq!(pair.channels(), [Channel::Tls; 2]);
}

#[test]
fn a_socket_without_room_holds_a_bounded_amount() {
    let mut pair = Pair::up();
    pair.ports[CLIENT].0.lock().unwrap().full = true;
    for _ in 0..1000 {
        pair.send(CLIENT, &[1; 1400]);
    }
    assert!(pair.ends[CLIENT].output.len() <= MOST_WAITING + 1500);
    assert!(pair.by_tls[CLIENT] > 500);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pair.ends[CLIENT].poll_flush(&mut cx, pair.now).is_pending());
    pair.ports[CLIENT].0.lock().unwrap().full = false;
    pair.run(100);
    assert!(pair.carries_data());
}

#[test]
fn a_closed_channel_says_so_and_the_peer_stays_on_tls() {
    for (end, other) in [(CLIENT, GATEWAY), (GATEWAY, CLIENT)] {
        let mut pair = Pair::up();
        pair.ends[end].close();
        pair.run(100);
        assert_eq!(pair.channels(), [Channel::Tls; 2]);
        assert_eq!(pair.ends[other].state().suite, None);
    }
}

#[test]
fn unknown_and_compressed_messages_are_dropped() {
    let mut pair = Pair::up();
    for message in [&[8, 1, 2][..], &[99], &[], &[0]] {
        pair.ends[CLIENT].seal(&[message]);
    }
    pair.run(100);
    assert_eq!(pair.ends[GATEWAY].take_counts().malformed, 4);
    assert!(pair.packets[GATEWAY].is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is lost, delayed and repeated on the way: no packet arrives twice or changed, nothing else arrives,
    /// and afterwards UDP carries the data.
    #[test]
    fn a_bad_link_breaks_nothing(seed in any::<u64>(), loss in 0u64..60, minutes in 0u32..2) {
        let mut pair = Pair::new();
        let mut state = seed | 1;
        let mut draw = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        pair.carries = Box::new(move |_, _| draw() % 100 >= loss);
        let mut sent = Vec::new();
        for number in 0..(minutes * 600 + 100) {
            let packet = format!("{number:08}").into_bytes();
            pair.send((number % 2) as usize, &packet);
            sent.push(packet);
            if number % 7 == 0 && let Some(again) = pair.under_way.first().cloned() {
                pair.under_way.push(again);
            }
            pair.run(100);
        }
        for end in [CLIENT, GATEWAY] {
            let mut arrived: Vec<_> = pair.packets[end].iter().map(|packet| packet.to_vec()).collect();
            prop_assert!(arrived.iter().all(|packet| sent.contains(packet)));
            arrived.sort();
            let count = arrived.len();
            arrived.dedup();
            prop_assert_eq!(arrived.len(), count);
        }
        pair.carries = Box::new(|_, _| true);
        for _ in 0..2000 {
            pair.send(CLIENT, b"x");
            pair.run(100);
            if pair.channels() == [Channel::Udp; 2] {
                break;
            }
        }
        pair.run(500);
        prop_assert!(pair.carries_data());
    }

    /// Any bytes from anywhere: nothing panics, nobody is answered, and the session goes on.
    #[test]
    fn any_datagram_is_survived(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..30)) {
        let mut pair = Pair::up();
        for (at, bytes) in datagrams.into_iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            let stranger = address("203.0.113.9:9");
            pair.ports[at % 2].0.lock().unwrap().arrived.push_back((stranger, bytes));
        }
        pair.step();
        prop_assert!(pair.carries_data());
    }
}
