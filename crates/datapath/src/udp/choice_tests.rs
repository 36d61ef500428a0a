//! Two ends of a path that loses what it likes, on a clock that only the test moves.

use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// A client and a gateway, and the datagrams between them.
struct Pair {
    now: Instant,
    ends: [Choice; 2],
    delay: Duration,
    /// Arrival, to whom, and what.
    under_way: Vec<(Instant, usize, Heard)>,
    /// Whether the way to the client, and the one to the gateway, carries anything.
    open: [bool; 2],
    /// When something arrives by TLS, where, and whether it is a packet or a keepalive.
    by_tls: Vec<(Instant, usize, bool)>,
}

const CLIENT: usize = 0;
const GATEWAY: usize = 1;

impl Pair {
    fn new(delay: Duration) -> Self {
        let now = Instant::now();
        let mut ends = [Choice::new(Role::Client), Choice::new(Role::Gateway)];
        ends.iter_mut().for_each(|end| end.connected(now));
        Self { now, ends, delay, under_way: Vec::new(), open: [true; 2], by_tls: Vec::new() }
    }

    fn send(&mut self, from: usize, what: Heard) {
        let to = 1 - from;
        if self.open[to] {
            self.under_way.push((self.now + self.delay, to, what));
        }
    }

    /// A packet of the user's, on whatever channel its end has chosen.
    fn packet(&mut self, from: usize) {
        match self.ends[from].channel() {
            Channel::Udp => {
                self.ends[from].sent(self.now);
                self.send(from, Heard::Data);
            }
            Channel::Tls => self.by_tls.push((self.now + self.delay, 1 - from, true)),
        }
    }

    fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now += MS;
            let now = self.now;
            let (arrived, later) = self.under_way.drain(..).partition(|(at, ..)| *at <= now);
            self.under_way = later;
            for (_, to, what) in Vec::<(Instant, usize, Heard)>::from_iter(arrived) {
                self.ends[to].heard(what, now);
                match what {
                    Heard::Request => self.send(to, Heard::Answer),
                    Heard::Answer => self.ends[to].measured(self.delay * 2),
                    Heard::Data | Heard::Keepalive => {}
                }
            }
            let (arrived, later) = self.by_tls.drain(..).partition(|(at, ..)| *at <= now);
            self.by_tls = later;
            for (_, to, data) in Vec::<(Instant, usize, bool)>::from_iter(arrived) {
                self.ends[to].heard_by_tls(data, now);
            }
            for end in [CLIENT, GATEWAY] {
                let mut probes = 0;
                while self.ends[end].due(now) {
                    probes += 1;
                    assert!(probes < 3, "a probe leads to another at once");
                    self.send(end, Heard::Request);
                }
                match self.ends[end].announcement() {
                    Some(Channel::Udp) => self.send(end, Heard::Keepalive),
                    Some(Channel::Tls) => self.by_tls.push((now + self.delay, 1 - end, false)),
                    None => {}
                }
            }
        }
    }

    fn channels(&self) -> [Channel; 2] {
        [self.ends[CLIENT].channel(), self.ends[GATEWAY].channel()]
    }
}

#[test]
fn data_goes_by_tls_until_a_probe_is_answered_and_then_both_ends_use_udp() {
    let mut pair = Pair::new(20 * MS);
    assert_eq!(pair.channels(), [Channel::Tls; 2]);
    assert_eq!(pair.ends[CLIENT].reason(), ChannelReason::Opening);
    pair.packet(CLIENT);
    pair.run(100);
    assert_eq!(pair.channels(), [Channel::Udp; 2]);
    assert_eq!(pair.ends[CLIENT].reason(), ChannelReason::Preferred);
}

#[test]
fn a_lost_first_probe_is_repeated() {
    let mut pair = Pair::new(20 * MS);
    pair.open = [false; 2];
    pair.run(100);
    pair.open = [true; 2];
    pair.run(300);
    assert_eq!(pair.channels(), [Channel::Udp; 2]);
}

#[test]
fn an_idle_pair_says_nothing() {
    let mut pair = Pair::new(20 * MS);
    pair.run(5000);
    assert_eq!((pair.ends[CLIENT].next(), pair.ends[GATEWAY].next()), (None, None));
}

#[test]
fn a_path_that_dies_while_data_flows_is_left_within_a_second_and_taken_again() {
    for flow in [vec![CLIENT], vec![GATEWAY], vec![CLIENT, GATEWAY]] {
        for dead in [[false, false], [true, false], [false, true]] {
            let mut pair = Pair::new(20 * MS);
            pair.run(200);
            let flow_on = |pair: &mut Pair, millis: u64| {
                for _ in 0..millis / 10 {
                    flow.iter().for_each(|from| pair.packet(*from));
                    pair.run(10);
                }
            };
            flow_on(&mut pair, 2000);
            assert_eq!(pair.channels(), [Channel::Udp; 2]);
            pair.open = dead;
            // Where the other end's data goes on coming in, only the proof that is asked for now and then fails.
            let whole = dead == [false, false];
            flow_on(&mut pair, if whole { 1000 } else { 7500 });
            let senders: Vec<Channel> = flow.iter().map(|from| pair.ends[*from].channel()).collect();
            let hears_nothing = flow.len() == 1 && dead[1 - flow[0]];
            if !hears_nothing {
                assert!(
                    senders.iter().all(|channel| *channel == Channel::Tls),
                    "{flow:?} {dead:?} {senders:?}"
                );
            }
            pair.open = [true; 2];
            flow_on(&mut pair, 3000);
            assert_eq!(pair.channels(), [Channel::Udp; 2], "{flow:?} {dead:?}");
        }
    }
}

#[test]
fn a_path_that_dies_one_way_under_traffic_both_ways_is_left_within_a_second() {
    for delay in [5, 20, 50] {
        for dead in [CLIENT, GATEWAY] {
            // Wherever the cut falls between the proofs.
            for quiet in [2000, 2950, 3100, 3300, 4000] {
                let mut pair = Pair::new(delay * MS);
                pair.run(300);
                let flow_on = |pair: &mut Pair, millis: u64| {
                    for _ in 0..millis / 10 {
                        [CLIENT, GATEWAY].into_iter().for_each(|from| pair.packet(from));
                        pair.run(10);
                    }
                };
                flow_on(&mut pair, quiet);
                assert_eq!(pair.channels(), [Channel::Udp; 2]);
                pair.open[dead] = false;
                flow_on(&mut pair, 1000);
                assert_eq!(
                    pair.ends[CLIENT].channel(),
                    Channel::Tls,
                    "{delay} ms, {dead} hears nothing, {quiet}"
                );
                flow_on(&mut pair, 5000);
                assert_eq!(pair.channels(), [Channel::Tls; 2]);
                pair.open = [true; 2];
                flow_on(&mut pair, 2000);
                assert_eq!(pair.channels(), [Channel::Udp; 2]);
            }
        }
    }
}

#[test]
fn a_keepalive_by_tls_moves_the_gateway_only_if_udp_answers_no_more() {
    for open in [[true, true], [false, true], [true, false]] {
        let mut pair = Pair::new(20 * MS);
        pair.packet(CLIENT);
        pair.run(5000);
        assert_eq!(pair.channels(), [Channel::Udp; 2]);
        pair.open = open;
        pair.ends[GATEWAY].heard_by_tls(false, pair.now);
        for _ in 0..100 {
            // What still comes in by UDP, as a client's probes do, is no answer.
            pair.send(CLIENT, Heard::Request);
            pair.run(10);
            assert!(open != [true; 2] || pair.ends[GATEWAY].channel() == Channel::Udp);
        }
        let expected = if open == [true; 2] { Channel::Udp } else { Channel::Tls };
        assert_eq!(pair.ends[GATEWAY].channel(), expected, "{open:?}");
    }
}

#[test]
fn a_gateway_that_pushes_into_a_dead_path_turns_to_tls_by_itself() {
    let mut pair = Pair::new(20 * MS);
    pair.run(10_000);
    pair.open = [false; 2];
    for _ in 0..100 {
        pair.packet(GATEWAY);
        pair.run(10);
    }
    assert_eq!(pair.ends[GATEWAY].channel(), Channel::Tls);
    pair.run(500);
    assert_eq!(pair.ends[CLIENT].reason(), ChannelReason::Silent);
}

#[test]
fn a_client_s_probes_do_not_draw_the_gateway_into_a_path_that_is_dead_one_way() {
    let mut pair = Pair::new(20 * MS);
    pair.run(200);
    pair.open[CLIENT] = false;
    for _ in 0..500 {
        pair.packet(CLIENT);
        pair.run(10);
    }
    assert_eq!(pair.channels(), [Channel::Tls; 2]);
}

#[test]
fn openconnect_s_probes_on_tls_do_not_draw_the_gateway_from_udp() {
    // DPD requests on TLS are not told to the choice at all; what is told is data.
    let mut gateway = Choice::new(Role::Gateway);
    let now = Instant::now();
    gateway.connected(now);
    gateway.heard(Heard::Request, now);
    assert_eq!(gateway.channel(), Channel::Udp);
    gateway.heard_by_tls(true, now);
    assert_eq!(gateway.channel(), Channel::Tls);
    gateway.heard(Heard::Request, now);
    assert_eq!(gateway.channel(), Channel::Tls);
    gateway.heard(Heard::Data, now);
    assert_eq!(gateway.channel(), Channel::Udp);
}

#[test]
fn a_slow_path_is_not_taken_for_a_dead_one() {
    let mut pair = Pair::new(450 * MS);
    pair.run(3000);
    pair.packet(CLIENT);
    for _ in 0..100 {
        pair.run(50);
        assert_eq!(pair.ends[CLIENT].channel(), Channel::Udp);
    }
}

#[test]
fn a_silent_path_is_probed_less_and_less() {
    let mut pair = Pair::new(20 * MS);
    pair.run(200);
    pair.open = [false; 2];
    pair.packet(CLIENT);
    pair.run(1000);
    let mut probes = 0;
    for _ in 0..600_000 / 50 {
        pair.now += 50 * MS;
        while pair.ends[CLIENT].due(pair.now) {
            probes += 1;
        }
    }
    assert!((40..120).contains(&probes), "{probes} in ten minutes");
}

#[test]
fn nothing_on_udp_is_told_as_such_and_forgotten_when_it_works() {
    let mut choice = Choice::new(Role::Client);
    assert_eq!(choice.reason(), ChannelReason::Opening);
    choice.disconnected(true);
    assert_eq!((choice.reason(), choice.channel()), (ChannelReason::Unanswered, Channel::Tls));
    let now = Instant::now();
    choice.connected(now);
    choice.heard(Heard::Answer, now);
    choice.disconnected(false);
    assert_eq!(choice.reason(), ChannelReason::Opening);
}

proptest! {
    /// Whatever happens: timers move on, and once the path works for a while both ends use it.
    #[test]
    fn a_path_that_works_again_is_always_used_again(
        delay in 1u32..150,
        steps in prop::collection::vec((any::<[bool; 2]>(), any::<[bool; 2]>(), 0u64..3000), 0..12),
    ) {
        let mut pair = Pair::new(delay * MS);
        for (open, sends, millis) in steps {
            pair.open = open;
            for from in [CLIENT, GATEWAY] {
                if sends[from] {
                    pair.packet(from);
                }
            }
            pair.run(millis);
        }
        pair.open = [true; 2];
        for _ in 0..8000 / 100 {
            pair.packet(CLIENT);
            pair.run(100);
        }
        prop_assert_eq!(pair.channels(), [Channel::Udp; 2]);
    }
}
