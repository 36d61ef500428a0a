//! Two ends of this crate with each other: what they agree on, and what a connection does.

use std::time::Instant;

use praya_dtls::{Config, Connection, Handshake, HandshakeError, Opened, SessionId, Suite, records};

const KEY: &[u8] = &[5; 32];
const APP_ID: &[u8] = &[9; 32];

fn id() -> SessionId {
    SessionId::new(APP_ID).unwrap()
}

fn psk() -> Config {
    Config::psk(KEY, id())
}

fn resume(suite: Suite) -> Config {
    Config::resume(&[3; 48], id(), suite)
}

/// Carries datagrams both ways until nobody has any left.
fn exchange(
    client: &mut Handshake,
    server: &mut Handshake,
    now: Instant,
) -> (Result<(), HandshakeError>, Result<(), HandshakeError>) {
    let (mut at_client, mut at_server) = (Ok(()), Ok(()));
    loop {
        let mut quiet = true;
        while let Some(mut datagram) = client.poll_transmit() {
            quiet = false;
            at_server = server.handle(&mut datagram, now).map(drop);
        }
        while let Some(mut datagram) = server.poll_transmit() {
            quiet = false;
            at_client = client.handle(&mut datagram, now).map(drop);
        }
        if quiet {
            return (at_client, at_server);
        }
    }
}

fn connect(client: Config, server: Config) -> (Connection, Connection) {
    let now = Instant::now();
    let mut client = Handshake::client(client, [1; 32], now);
    let mut server = Handshake::server(server, [2; 32]);
    assert_eq!(exchange(&mut client, &mut server, now), (Ok(()), Ok(())));
    (client.into_connection(now).unwrap(), server.into_connection(now).unwrap())
}

/// What one end sends and the other gets.
fn carry(from: &mut Connection, to: &mut Connection, parts: &[&[u8]]) {
    let mut datagram = Vec::new();
    from.seal(&mut datagram, parts).unwrap();
    assert_eq!(datagram.len(), parts.concat().len() + from.overhead());
    let mut all = records(&mut datagram);
    assert_eq!(to.open(all.next().unwrap()), Ok(Opened::Data(&parts.concat())));
    assert!(all.next().is_none());
}

#[test]
fn every_suite_of_a_key_carries_data_with_and_without_extended_master_secret() {
    for suite in Suite::PSK {
        for (offers, accepts) in [(true, true), (true, false), (false, true), (false, false)] {
            let client = Config { suites: vec![suite], extended_master_secret: offers, ..psk() };
            let server = Config { extended_master_secret: accepts, ..psk() };
            let (mut client, mut server) = connect(client, server);
            assert_eq!((client.suite(), server.suite()), (suite, suite));
            assert_eq!(client.extended_master_secret(), offers && accepts);
            assert_eq!(server.extended_master_secret(), offers && accepts);
            carry(&mut client, &mut server, &[&[0], b"a packet"]);
            carry(&mut server, &mut client, &[&[], b"another"]);
            carry(&mut server, &mut client, &[]);
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
    let server = Config { suites: vec![Suite::PskChaCha20Poly1305, Suite::PskAes128Gcm], ..psk() };
    assert_eq!(connect(psk(), server).0.suite(), Suite::PskChaCha20Poly1305);
}
