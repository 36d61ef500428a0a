//! One function per decoder of a peer's bytes: the fuzz targets in `tests/fuzz` and the corpus replay both call these.
//!
//! Each takes any bytes and must return. What it asserts beyond that holds for every input. Keys and random values are
//! always the same, so that a recorded exchange is a seed that gets to the end of the handshake.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::cookie::{Check, Secrets};
use crate::{Config, Connection, Handshake, Opened, SessionId, Suite, peek, records};

/// Datagrams to a server: the first byte chooses the kind of secret, then two bytes of length before each datagram.
pub fn server(data: &[u8]) {
    let (config, datagrams) = split(data);
    drive(Handshake::server(config, [2; 32]), datagrams);
}

/// Datagrams to a client, as for [`server`].
pub fn client(data: &[u8]) {
    let (config, datagrams) = split(data);
    drive(Handshake::client(config, [1; 32], Instant::now()), datagrams);
}

/// Datagrams to an established connection, two bytes of length before each.
pub fn connection(data: &[u8]) {
    let (mut client, mut server) = connected();
    for mut datagram in Datagrams(data) {
        open_all(&mut server, &mut datagram);
    }
    // Whatever came: what the peer seals with a new number is opened.
    client.sealer.sequence = 1 << 40;
    let mut genuine = Vec::new();
    assert_eq!(client.seal(&mut genuine, &[b"genuine"]), Ok(()));
    assert_eq!(server.open(&mut genuine), Ok(Opened::Data(b"genuine")));
}

/// A datagram whose sender nobody knows.
pub fn peek(data: &[u8]) {
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 4433));
    let mut reply = Vec::new();
    let hello = peek::client_hello(data);
    match Secrets::new(&[7; 32]).check(source, data, &mut reply) {
        Check::Asked => {
            assert!(
                reply.len() == 60 && reply.len() < data.len(),
                "an answer is shorter than what it answers"
            );
            assert!(hello.is_some(), "whoever is asked for a cookie has said hello");
        }
        Check::Proven => assert!(hello.is_some() && reply.is_empty(), "only a hello proves anything"),
        Check::NotAHello => assert!(reply.is_empty(), "nobody is answered"),
    }
    assert!(hello.is_none() || peek::epoch(data) == Some(0), "a hello belongs to the first epoch");
    let mut copy = data.to_vec();
    let covered: usize = records(&mut copy).map(|record| record.len()).sum();
    assert!(covered <= data.len(), "records lie within their datagram");
    assert_eq!(covered > 0, peek::epoch(data).is_some(), "an epoch is that of a record");
}

/// Two connected ends, the same each time.
pub(crate) fn connected() -> (Connection, Connection) {
    let (now, config) = (Instant::now(), || Config::psk(&[5; 32], id()));
    let mut client = Handshake::client(config(), [1; 32], now);
    let mut server = Handshake::server(config(), [2; 32]);
    for _ in 0..2 {
        while let Some(mut datagram) = client.poll_transmit() {
            assert!(server.handle(&mut datagram, now).is_ok(), "both ends are this one");
        }
        while let Some(mut datagram) = server.poll_transmit() {
            assert!(client.handle(&mut datagram, now).is_ok(), "both ends are this one");
        }
    }
    let ends = client.into_connection(now).zip(server.into_connection(now));
    ends.expect("nothing is lost between the two")
}

fn id() -> SessionId {
    SessionId::new(&[9; 32]).unwrap_or_default()
}

fn split(data: &[u8]) -> (Config, Datagrams<'_>) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let config = if first % 2 == 0 {
        Config::psk(&[5; 32], id())
    } else {
        Config::resume(&[3; 48], id(), Suite::RsaAes256Gcm)
    };
    (config, Datagrams(rest))
}

struct Datagrams<'a>(&'a [u8]);

impl Iterator for Datagrams<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (datagram, rest) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes(*length))));
        self.0 = rest;
        Some(datagram.to_vec())
    }
}

fn drive(mut handshake: Handshake, mut datagrams: Datagrams<'_>) {
    let mut now = Instant::now();
    for mut datagram in datagrams.by_ref() {
        let length = datagram.len();
        match handshake.handle(&mut datagram, now) {
            Ok(used) => assert!(used <= length, "a handshake takes no more than there is"),
            Err(error) => assert_eq!(handshake.on_timeout(now), Err(error), "an end is an end"),
        }
        for _ in 0..8 {
            let Some(datagram) = handshake.poll_transmit() else { break };
            assert!(datagram.len() <= 1200, "a datagram is not longer than it may be");
        }
        now += Duration::from_millis(300);
        let _ = handshake.on_timeout(now);
        if handshake.is_established() {
            break;
        }
    }
    if let Some(mut connection) = handshake.into_connection(now) {
        for mut datagram in datagrams {
            open_all(&mut connection, &mut datagram);
        }
    }
}

fn open_all(connection: &mut Connection, datagram: &mut [u8]) {
    for record in records(datagram) {
        let length = record.len();
        if let Ok(Opened::Data(data)) = connection.open(record) {
            assert!(data.len() + connection.overhead() == length, "a record is its content and its overhead");
        }
    }
    while connection.poll_transmit().is_some() {}
}
