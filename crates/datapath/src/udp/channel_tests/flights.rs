//! Keys that are worn, flights that are lost, handshakes that come to nothing: what is tried again, and when.

use super::*;

#[test]
fn a_gateway_whose_keys_are_worn_ends_them_and_the_client_gets_new_ones() {
    let mut pair = Pair::with(psk(), |settings| {
        if settings.rhythm.role == Role::Gateway {
            settings.config.rekey_after = Some(Duration::from_secs(30));
        }
    });
    pair.run(500);
    let first = pair.ends[CLIENT].attempts.last;
    pair.run(25_000);
    assert!(pair.carries_data());
    assert_eq!(pair.ends[CLIENT].attempts.last, first);
    pair.run(25_000);
    assert!(pair.carries_data());
    assert!(pair.ends[CLIENT].attempts.last > first);
}

/// Loses the next flight of its end that begins so, on the way to an end.
fn lose_one(to: usize, kind: u8) -> Carries {
    let mut lost = false;
    Box::new(move |end, bytes| {
        let hit = !lost && end == to && bytes.first() == Some(&kind);
        lost |= hit;
        !hit
    })
}

/// The content type of the mark that begins the last flight of a handshake.
const MARK: u8 = 20;

#[test]
fn the_gateway_s_last_flight_is_repeated_when_it_is_lost() {
    let mut pair = Pair::new();
    pair.carries = lose_one(CLIENT, MARK);
    pair.run(1500);
    assert!(pair.carries_data());
    assert_eq!(pair.ends[CLIENT].attempts.last, Some(pair.now - 1700 * MS), "by the first hello");
    assert_eq!(pair.ends[CLIENT].take_counts().retransmits, 1);
}

#[test]
fn a_lost_flight_for_new_keys_loses_no_packet() {
    let mut pair = Pair::with(psk(), |settings| settings.rhythm.rekey = Duration::from_secs(10));
    pair.run(500);
    pair.carries = lose_one(CLIENT, MARK);
    for number in 0..1500 {
        for from in [CLIENT, GATEWAY] {
            pair.send(from, format!("{number:06}").as_bytes());
        }
        pair.run(10);
    }
    pair.run(200);
    assert_eq!(pair.ends[CLIENT].take_counts().retransmits, 1);
    assert_eq!((pair.by_tls, pair.packets.each_ref().map(Vec::len)), ([0; 2], [1500; 2]));
}

#[test]
fn a_resumption_whose_last_flight_is_lost_is_completed() {
    let config = Config::resume(&[3; 48], SessionId::new(&[9; 32]).unwrap(), Suite::RsaAes256Gcm);
    let mut pair = Pair::with(config, |_| {});
    pair.carries = lose_one(GATEWAY, MARK);
    pair.run(2500);
    assert!(pair.carries_data());
    assert_eq!(pair.ends[CLIENT].attempts.last, Some(pair.now - 2700 * MS), "by the first hello");
}

#[test]
fn a_resumption_s_answer_is_not_repeated_to_an_address_that_says_nothing_more() {
    let config = Config::resume(&[3; 48], SessionId::new(&[9; 32]).unwrap(), Suite::RsaAes256Gcm);
    let mut pair = Pair::with(config, |_| {});
    pair.step();
    pair.carries = Box::new(|_, _| false);
    pair.now += pair.delay;
    pair.step();
    let before = pair.datagrams;
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..60 {
        pair.now += 1000 * MS;
        let _ = pair.ends[GATEWAY].poll_receive(&mut cx, pair.now, &mut Vec::new());
    }
    assert!(before > 1 && pair.ports[GATEWAY].0.lock().unwrap().sent.is_empty());
}

#[test]
fn new_keys_that_came_to_nothing_are_tried_again() {
    let mut pair = Pair::with(psk(), |settings| settings.rhythm.rekey = Duration::from_secs(10));
    pair.run(500);
    let first = pair.ends[CLIENT].attempts.last;
    // Hellos are lost, all else arrives.
    pair.carries = Box::new(|_, bytes| bytes.first() != Some(&22));
    for _ in 0..2000 {
        pair.send(CLIENT, b"data");
        pair.run(10);
    }
    assert_eq!(pair.channels(), [Channel::Udp; 2]);
    pair.carries = Box::new(|_, _| true);
    let failed = pair.ends[CLIENT].attempts.last;
    assert_ne!(failed, first);
    pair.run(20_000);
    assert_ne!(pair.ends[CLIENT].attempts.last, failed);
    assert!(pair.carries_data());
}

#[test]
fn a_client_whose_last_flight_was_lost_shakes_hands_again() {
    let config = Config::resume(&[3; 48], SessionId::new(&[9; 32]).unwrap(), Suite::RESUME[0]);
    let mut pair = Pair::with(config, |_| {});
    // Without its last flight the gateway has no keys, and it does not repeat its own.
    let mut flights = 0;
    pair.carries = Box::new(move |to, bytes| {
        flights += usize::from(to == GATEWAY && bytes.first() == Some(&20));
        flights != 1 || to == CLIENT
    });
    pair.run(500);
    assert_eq!(pair.ends[CLIENT].state().reason, ChannelReason::Opening);
    pair.carries = Box::new(|_, _| true);
    pair.run(6000);
    assert!(pair.carries_data());
}

#[test]
fn keys_without_an_answer_lead_to_hellos_less_and_less() {
    let mut pair = Pair::new();
    pair.carries = Box::new(|_, bytes| bytes.first() != Some(&23));
    pair.run(2000);
    let settled = pair.ends[CLIENT].attempts.last;
    pair.run(20_000);
    assert_ne!(pair.ends[CLIENT].attempts.last, settled);
    pair.run(300_000);
    assert_eq!(pair.ends[CLIENT].attempts.pause, LONGEST_PAUSE);
    pair.carries = Box::new(|_, _| true);
    pair.run(20_000);
    assert!(pair.carries_data());
}

#[test]
fn a_socket_that_only_tells_errors_is_left_alone_for_a_second_and_no_longer() {
    let mut pair = Pair::up();
    let port = pair.ports[CLIENT].clone();
    let calls = || port.0.lock().unwrap().refuses.unwrap();
    port.0.lock().unwrap().refuses = Some(0);
    let mut cx = Context::from_waker(Waker::noop());
    let mut poll = |pair: &mut Pair, millis: u32| {
        let _ = pair.ends[CLIENT].poll_receive(&mut cx, pair.now, &mut Vec::new());
        pair.now += MS * millis;
    };
    (0..100).for_each(|_| poll(&mut pair, 0));
    let most = calls();
    // It is polled all the time, for the sake of TLS.
    (0..90).for_each(|_| poll(&mut pair, 10));
    assert_eq!(calls(), most);
    (0..20).for_each(|_| poll(&mut pair, 10));
    assert!(calls() > most);
    (0..100).for_each(|_| poll(&mut pair, 0));
    port.0.lock().unwrap().refuses = None;
    pair.ends[CLIENT].network_changed(pair.now);
    pair.run(200);
    assert!(pair.carries_data(), "a new socket is heard at once");
}

#[test]
fn a_gateway_that_has_lost_the_keys_gets_new_ones() {
    let mut pair = Pair::up();
    let fresh = settings(Role::Gateway, psk());
    pair.ends[GATEWAY] = UdpChannel::new(pair.ports[GATEWAY].clone(), fresh, pair.now);
    for _ in 0..1000 {
        pair.send(CLIENT, b"data");
        pair.run(10);
    }
    pair.run(100);
    assert!(pair.carries_data());
}
