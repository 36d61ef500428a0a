//! What both ends agree on, and what a connection does then.

use std::time::{Duration, Instant};

use praya_dtls::cookie::{Check, Secrets};
use praya_dtls::{Config, Dropped, MAX_PLAINTEXT, Opened, SealError, Suite, peek, records};

use super::{carry, client, connect, exchange, id, psk, resume, sealed, server};

#[test]
fn every_suite_of_a_key_carries_data_with_and_without_extended_master_secret() {
    for suite in Suite::PSK {
        for (offers, accepts) in [(true, true), (true, false), (false, true), (false, false)] {
            let of_client = Config { suites: vec![suite], extended_master_secret: offers, ..psk() };
            let of_server = Config { extended_master_secret: accepts, ..psk() };
            let (mut client, mut server) = connect(of_client, of_server);
            assert_eq!((client.suite(), server.suite()), (suite, suite));
            assert_eq!(client.extended_master_secret(), offers && accepts);
            assert_eq!(server.extended_master_secret(), offers && accepts);
            carry(&mut client, &mut server, &[&[0], b"a packet"]);
            carry(&mut server, &mut client, &[&[], b"another"]);
            carry(&mut server, &mut client, &[]);
            carry(&mut server, &mut client, &[&[7; MAX_PLAINTEXT]]);
        }
    }
}

#[test]
fn every_suite_of_a_resumption_carries_data() {
    for suite in Suite::RESUME {
        let (mut client, mut server) = connect(resume(suite), resume(suite));
        assert!(!client.extended_master_secret());
        carry(&mut client, &mut server, &[b"there"]);
        carry(&mut server, &mut client, &[b"and back"]);
    }
}

#[test]
fn the_server_s_order_of_suites_decides() {
    let of_server = Config { suites: vec![Suite::PskChaCha20Poly1305, Suite::PskAes128Gcm], ..psk() };
    assert_eq!(connect(psk(), of_server).0.suite(), Suite::PskChaCha20Poly1305);
}

#[test]
fn a_suite_is_found_by_its_name() {
    for suite in Suite::PSK.into_iter().chain(Suite::RESUME) {
        assert_eq!(Suite::from_name(suite.name()), Some(suite));
    }
    assert_eq!(Suite::from_name("AES256-SHA"), None);
}

#[test]
fn a_hello_shows_its_session_id_where_gateways_look_for_it() {
    let mut client = client(psk(), Instant::now());
    let hello = client.poll_transmit().unwrap();
    assert_eq!((hello[59], &hello[60..92]), (32, &[9; 32][..]));
    let seen = peek::client_hello(&hello).unwrap();
    assert_eq!((seen.session_id, seen.random), (id().as_bytes(), &[1; 32]));
    assert_eq!(peek::epoch(&hello), Some(0));
    assert!((0..92).all(|length| peek::client_hello(&hello[..length]).is_none()));
}

#[test]
fn several_records_in_one_datagram_are_opened_one_by_one() {
    let (mut client, mut server) = connect(psk(), psk());
    let mut datagram = [sealed(&mut client, &[b"one"]), sealed(&mut client, &[b"two"])].concat();
    assert_eq!(peek::epoch(&datagram), Some(1));
    let opened: Vec<Vec<u8>> = records(&mut datagram)
        .map(|record| match server.open(record) {
            Ok(Opened::Data(data)) => data.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(opened, [b"one", b"two"]);
}

#[test]
fn data_behind_the_last_flight_is_left_for_the_connection() {
    let now = Instant::now();
    let (mut client, mut server) = (client(psk(), now), server(psk()));
    for _ in 0..2 {
        while let Some(mut datagram) = client.poll_transmit() {
            server.handle(&mut datagram, now).unwrap();
        }
        if !server.is_established() {
            while let Some(mut datagram) = server.poll_transmit() {
                client.handle(&mut datagram, now).unwrap();
            }
        }
    }
    let mut server = server.into_connection(now).unwrap();
    let mut datagram = server.poll_transmit().unwrap();
    let last_flight = datagram.len();
    datagram.extend(sealed(&mut server, &[b"at once"]));
    assert_eq!(client.handle(&mut datagram, now), Ok(last_flight));
    let mut client = client.into_connection(now).unwrap();
    assert_eq!(client.open(&mut datagram[last_flight..]), Ok(Opened::Data(b"at once")));
}

#[test]
fn sealing_appends_and_takes_no_more_room_than_it_says() {
    let (mut client, mut server) = connect(psk(), psk());
    let mut out = Vec::with_capacity(3 + 5 + client.overhead());
    out.extend_from_slice(b"abc");
    let (place, capacity) = (out.as_ptr(), out.capacity());
    client.seal(&mut out, &[b"he", b"", b"llo"]).unwrap();
    assert_eq!((out.as_ptr(), out.capacity(), &out[..3]), (place, capacity, &b"abc"[..]));
    assert_eq!(server.open(&mut out[3..]), Ok(Opened::Data(b"hello")));
}

#[test]
fn more_than_a_record_holds_is_refused_and_leaves_nothing_behind() {
    let (mut client, _) = connect(psk(), psk());
    let mut out = vec![1];
    assert_eq!(client.seal(&mut out, &[&[0; MAX_PLAINTEXT], &[0]]), Err(SealError::TooLong));
    assert_eq!(out, [1]);
}

#[test]
fn closing_tells_the_peer_and_ends_sealing() {
    let (mut client, mut server) = connect(psk(), psk());
    let mut out = Vec::new();
    client.close(&mut out);
    assert_eq!(server.open(&mut out), Ok(Opened::Closed));
    assert_eq!(client.seal(&mut out, &[b"more"]), Err(SealError::Closed));
    let length = out.len();
    client.close(&mut out);
    assert_eq!(out.len(), length, "a connection is closed once");
}

#[test]
fn a_successor_is_due_when_the_time_is_over() {
    let now = Instant::now();
    let config = Config { rekey_after: Some(Duration::from_secs(60)), ..psk() };
    let (mut client, mut server) = (client(config, now), server(psk()));
    assert_eq!(exchange(&mut client, &mut server, now), (Ok(()), Ok(())));
    let client = client.into_connection(now).unwrap();
    assert!(!client.rekey_due(now + Duration::from_secs(59)));
    assert!(client.rekey_due(now + Duration::from_secs(60)));
    let server = server.into_connection(now).unwrap();
    assert!(!server.rekey_due(now + Duration::from_secs(1 << 30)));
}

#[test]
fn late_records_are_opened_once_and_too_old_ones_not_at_all() {
    let (mut client, mut server) = connect(psk(), psk());
    let mut all: Vec<Vec<u8>> = (0..70u8).map(|byte| sealed(&mut client, &[&[byte]])).collect();
    let mut open = |at: usize, record: &mut Vec<u8>| {
        let opened = server.open(&mut record.clone()).map(|opened| opened == Opened::Data(&[at as u8]));
        (at, opened)
    };
    assert_eq!(open(69, &mut all[69]), (69, Ok(true)));
    assert_eq!(open(6, &mut all[6]), (6, Ok(true)));
    assert_eq!(open(6, &mut all[6]), (6, Err(Dropped::Replayed)));
    assert_eq!(open(5, &mut all[5]), (5, Err(Dropped::Replayed)));
    assert_eq!(open(69, &mut all[69]), (69, Err(Dropped::Replayed)));
    assert_eq!(server.counters().replayed, 3);
}

#[test]
fn a_client_proves_its_address_before_the_server_holds_any_state() {
    let now = Instant::now();
    let source = "192.0.2.1:4433".parse().unwrap();
    let (mut secrets, mut reply) = (Secrets::new(&[1; 32]), Vec::new());
    let mut client = client(psk(), now);
    let first = client.poll_transmit().unwrap();
    assert_eq!(secrets.check(source, &first, &mut reply), Check::Asked);
    assert!(reply.len() == 60 && reply.len() < first.len());
    client.handle(&mut reply.clone(), now).unwrap();
    let second = client.poll_transmit().unwrap();
    assert_eq!(client.handle(&mut reply, now), Ok(60));
    assert!(client.poll_transmit().is_none(), "a repeated request is obeyed once");

    let check = |secrets: &Secrets, source| secrets.check(source, &second, &mut Vec::new());
    assert_eq!(check(&secrets, source), Check::Proven);
    assert_eq!(check(&secrets, "192.0.2.2:4433".parse().unwrap()), Check::Asked);
    assert_eq!(check(&secrets, "192.0.2.1:4434".parse().unwrap()), Check::Asked);
    secrets.rotate(&[2; 32]);
    assert_eq!(check(&secrets, source), Check::Proven, "the last period's cookies count");
    secrets.rotate(&[3; 32]);
    assert_eq!(check(&secrets, source), Check::Asked);

    let mut server = server(psk());
    server.handle(&mut second.clone(), now).unwrap();
    let hello = server.poll_transmit().unwrap();
    assert_eq!(hello[5..11], second[5..11], "a client has seen the lower numbers");
    client.handle(&mut hello.clone(), now).unwrap();
    assert_eq!(exchange(&mut client, &mut server, now), (Ok(()), Ok(())));
    assert!(client.is_established() && server.is_established());
}

#[test]
fn a_cookie_is_worth_nothing_for_another_hello() {
    let now = Instant::now();
    let source = "[2001:db8::1]:4433".parse().unwrap();
    let (secrets, mut reply) = (Secrets::new(&[1; 32]), Vec::new());
    let mut client = client(psk(), now);
    secrets.check(source, &client.poll_transmit().unwrap(), &mut reply);
    client.handle(&mut reply, now).unwrap();
    let mut hello = client.poll_transmit().unwrap();
    for place in [30, 65] {
        hello[place] ^= 1;
        assert_eq!(secrets.check(source, &hello, &mut Vec::new()), Check::Asked);
        hello[place] ^= 1;
    }
    assert_eq!(secrets.check(source, &hello, &mut Vec::new()), Check::Proven);
    assert_eq!(secrets.check(source, &hello[..80], &mut Vec::new()), Check::NotAHello);
}
