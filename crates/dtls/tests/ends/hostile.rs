//! Bytes that nobody vouches for: they change nothing.

use std::time::{Duration, Instant};

use praya_dtls::{Connection, Dropped, Opened, Suite, records};
use proptest::prelude::*;

use super::{carry, client, connect, exchange, psk, resume, sealed, server};

/// Gives a connection a datagram of which nothing is authentic.
fn nothing_happens(to: &mut Connection, datagram: &mut [u8]) {
    for record in records(datagram) {
        assert!(to.open(record).is_err());
    }
    assert!(to.poll_transmit().is_none());
}

#[test]
fn no_flipped_bit_and_no_cut_passes_or_ends_a_connection() {
    for suite in Suite::PSK {
        let config = praya_dtls::Config { suites: vec![suite], ..psk() };
        let (mut client, mut server) = connect(config.clone(), config);
        let mut close = Vec::new();
        let genuine = sealed(&mut client, &[b"genuine"]);
        // Of an end that will not be heard of again.
        let (mut other, _) = connect(psk(), psk());
        other.close(&mut close);
        for bit in 0..genuine.len() * 8 {
            let mut flipped = genuine.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            nothing_happens(&mut server, &mut flipped);
        }
        for length in 0..genuine.len() {
            nothing_happens(&mut server, &mut genuine[..length].to_vec());
        }
        if suite != Suite::PskAes256Gcm {
            nothing_happens(&mut server, &mut close);
        }
        assert_eq!(server.open(&mut genuine.clone()), Ok(Opened::Data(b"genuine")));
        carry(&mut server, &mut client, &[b"still there"]);
    }
}

#[test]
fn a_connection_ignores_alerts_and_handshakes_in_the_clear() {
    let (mut client, mut server) = connect(psk(), psk());
    let mut alert = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 0];
    let mut hello = super::client(psk(), Instant::now()).poll_transmit().unwrap();
    for end in [&mut client, &mut server] {
        nothing_happens(end, &mut alert);
        nothing_happens(end, &mut hello);
        assert_eq!(end.counters().other_epoch, 2);
    }
    carry(&mut client, &mut server, &[b"still there"]);
}

#[test]
fn a_record_that_one_end_sealed_is_not_opened_by_itself() {
    let (mut client, _) = connect(psk(), psk());
    let mut reflected = sealed(&mut client, &[b"mirror"]);
    assert_eq!(client.open(&mut reflected), Err(Dropped::Forged));
}

#[test]
fn every_flipped_bit_of_a_handshake_leaves_it_to_be_completed_or_to_time_out() {
    let now = Instant::now();
    for config in [psk(), resume(Suite::RsaAes256Gcm)] {
        // Which datagram of the exchange is hit, and where.
        for hit in 0..5 {
            for bit in 0..1400 {
                let (mut client, mut server) = (client(config.clone(), now), server(config.clone()));
                let mut count = 0;
                let mut corrupt = |mut datagram: Vec<u8>| {
                    if count == hit && bit / 8 < datagram.len() {
                        datagram[bit / 8] ^= 1 << (bit % 8);
                    }
                    count += 1;
                    datagram
                };
                for _ in 0..4 {
                    while let Some(datagram) = client.poll_transmit() {
                        let _ = server.handle(&mut corrupt(datagram), now);
                    }
                    while let Some(datagram) = server.poll_transmit() {
                        let _ = client.handle(&mut corrupt(datagram), now);
                    }
                }
                assert!(
                    client.is_established() || client.next_timeout().is_some() || client_failed(&mut client)
                );
            }
        }
    }
}

fn client_failed(client: &mut praya_dtls::Handshake) -> bool {
    client.handle(&mut [], Instant::now()).is_err()
}

/// A fragment of a handshake message in a record of epoch 0.
fn fragment(kind: u8, length: u8, sequence: u8, offset: u8, bytes: &[u8]) -> Vec<u8> {
    let here = bytes.len() as u8;
    let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 77, 0, 12 + here];
    record.extend([kind, 0, 0, length, 0, sequence, 0, 0, offset, 0, 0, here]);
    record.extend(bytes);
    record
}

#[test]
fn a_server_repeats_itself_for_a_whole_hello_only_and_once_a_second() {
    let now = Instant::now();
    let (mut client, mut server) = (client(psk(), now), server(psk()));
    let hello = client.poll_transmit().unwrap();
    server.handle(&mut hello.clone(), now).unwrap();
    assert!(server.poll_transmit().is_some());
    // No byte of the hello, but its end.
    server.handle(&mut fragment(1, 1, 0, 1, &[]), now).unwrap();
    assert!(server.poll_transmit().is_none());
    let mut answers = 0;
    for milliseconds in (0..3000).step_by(10) {
        server.handle(&mut hello.clone(), now + Duration::from_millis(milliseconds)).unwrap();
        answers += std::iter::from_fn(|| server.poll_transmit()).count();
    }
    assert_eq!(answers, 3);
}

#[test]
fn a_client_repeats_itself_once_a_second_at_most() {
    let now = Instant::now();
    let (mut client, mut server) = (client(psk(), now), server(psk()));
    server.handle(&mut client.poll_transmit().unwrap(), now).unwrap();
    client.handle(&mut server.poll_transmit().unwrap(), now).unwrap();
    assert!(client.poll_transmit().is_some());
    for _ in 0..100 {
        client.handle(&mut fragment(14, 0, 1, 0, &[]), now).unwrap();
    }
    assert!(client.poll_transmit().is_some());
    client.handle(&mut fragment(14, 0, 1, 0, &[]), now).unwrap();
    assert!(client.poll_transmit().is_none());
}

#[test]
fn a_forged_part_of_the_server_s_hello_does_not_stop_a_handshake() {
    let now = Instant::now();
    for max_datagram in [1200, 128] {
        let of_server = praya_dtls::Config { max_datagram, ..psk() };
        let (mut client, mut server) = (client(psk(), now), server(of_server));
        client.handle(&mut fragment(2, 200, 0, 0, &[1]), now).unwrap();
        let _ = exchange(&mut client, &mut server, now);
        let due = client.next_timeout();
        if let Some(due) = due {
            client.on_timeout(due).unwrap();
            assert_eq!(exchange(&mut client, &mut server, due), (Ok(()), Ok(())));
        }
        assert!(client.is_established() && server.is_established());
    }
}

#[test]
fn forged_requests_to_repeat_the_hello_neither_stop_a_handshake_nor_prolong_it() {
    let now = Instant::now();
    let source = "192.0.2.1:4433".parse().unwrap();
    let secrets = praya_dtls::cookie::Secrets::new(&[1; 32]);
    let mut client = client(psk(), now);
    let first = client.poll_transmit().unwrap();
    let mut genuine = Vec::new();
    secrets.check(source, &first, &mut genuine);
    for forged in 0..10 {
        client.handle(&mut fragment(3, 4, 0, 0, &[0xfe, 0xff, 1, forged]), now).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| client.poll_transmit()).count(), 1, "one hello waits");
    client.handle(&mut genuine, now).unwrap();
    assert!(client.poll_transmit().is_none(), "that was asked too often");
    let due = client.next_timeout().unwrap();
    client.on_timeout(due).unwrap();
    let hello = client.poll_transmit().unwrap();
    assert_eq!(secrets.check(source, &hello, &mut Vec::new()), praya_dtls::cookie::Check::Proven);
    let mut server = server(psk());
    server.handle(&mut hello.clone(), due).unwrap();
    assert_eq!(exchange(&mut client, &mut server, due), (Ok(()), Ok(())));
    assert!(client.is_established() && server.is_established());

    let mut client = super::client(psk(), now);
    let mut timeouts = 0;
    while let Some(due) = client.next_timeout() {
        let _ = client.handle(&mut fragment(3, 4, 0, 0, &[0xfe, 0xff, 1, timeouts]), due);
        let due = client.next_timeout().unwrap();
        let _ = client.on_timeout(due);
        timeouts += 1;
    }
    assert_eq!(timeouts, 5, "four repetitions, and the end");
}

proptest! {
    #[test]
    fn any_bytes_leave_handshakes_and_connections_as_they_are(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        header in any::<bool>(),
    ) {
        let now = Instant::now();
        let (mut a, mut b) = connect(psk(), psk());
        let (mut client, mut server) = (client(psk(), now), server(psk()));
        for mut datagram in datagrams {
            if header && datagram.len() >= 26 {
                let length = datagram.len() - 13;
                datagram[..3].copy_from_slice(&[22, 0xfe, 0xfd]);
                (datagram[3], datagram[4]) = (0, datagram[4] & 1);
                datagram[11..13].copy_from_slice(&(length as u16).to_be_bytes());
                datagram[13] = [0, 1, 2, 3, 12, 14, 16, 20][usize::from(datagram[13] % 8)];
                // A small message of a low number.
                for place in [14, 17, 19, 20, 22, 23] {
                    datagram[place] = 0;
                }
                datagram[18] %= 4;
            }
            nothing_happens(&mut a, &mut datagram.clone());
            nothing_happens(&mut b, &mut datagram.clone());
            let _ = client.handle(&mut datagram.clone(), now);
            let _ = server.handle(&mut datagram, now);
        }
        carry(&mut a, &mut b, &[b"still there"]);
        while let Some(datagram) = client.poll_transmit() {
            prop_assert!(datagram.len() <= 1200);
        }
        let _ = exchange(&mut client, &mut server, now);
    }

    #[test]
    fn no_record_is_ever_opened_twice(
        order in prop::collection::vec((0usize..150, any::<bool>()), 0..400),
    ) {
        let (mut client, mut server) = connect(psk(), psk());
        let all: Vec<Vec<u8>> = (0..150u8).map(|byte| sealed(&mut client, &[&[byte]])).collect();
        let mut seen = std::collections::BTreeSet::new();
        for (at, forged) in order {
            let mut record = all[at].clone();
            if forged {
                // A forgery of any number must not make the genuine record of that number look old.
                *record.last_mut().unwrap() ^= 1;
                prop_assert!(server.open(&mut record).is_err());
            } else if let Ok(opened) = server.open(&mut record) {
                prop_assert_eq!(opened, Opened::Data(&[at as u8]));
                prop_assert!(seen.insert(at), "{} twice", at);
            } else {
                prop_assert!(seen.contains(&at) || seen.last().is_some_and(|last| at + 64 <= *last));
            }
        }
    }
}
