//! Bytes that nobody vouches for: they change nothing.

use std::time::Instant;

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
