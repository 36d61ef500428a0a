//! Two ends of this crate with each other, over links of every quality.

mod established;
mod hostile;
mod link;
mod refusals;

use std::time::Instant;

use praya_dtls::{Config, Connection, Handshake, HandshakeError, Opened, SessionId, Suite, records};

fn id() -> SessionId {
    SessionId::new(&[9; 32]).expect("32 bytes")
}

fn psk() -> Config {
    Config::psk(&[5; 32], id())
}

fn resume(suite: Suite) -> Config {
    Config::resume(&[3; 48], id(), suite)
}

fn client(config: Config, now: Instant) -> Handshake {
    Handshake::client(config, [1; 32], now)
}

fn server(config: Config) -> Handshake {
    Handshake::server(config, [2; 32])
}

/// Carries datagrams both ways until nobody has any left: how it ended at the client and at the server.
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

/// Both ends' connections.
fn connect(of_client: Config, of_server: Config) -> (Connection, Connection) {
    let now = Instant::now();
    let (mut client, mut server) = (client(of_client, now), server(of_server));
    assert_eq!(exchange(&mut client, &mut server, now), (Ok(()), Ok(())));
    client.into_connection(now).zip(server.into_connection(now)).expect("both are established")
}

/// One record with this in it.
fn sealed(by: &mut Connection, parts: &[&[u8]]) -> Vec<u8> {
    let mut record = Vec::new();
    by.seal(&mut record, parts).expect("there is room and a number");
    assert_eq!(record.len(), parts.concat().len() + by.overhead());
    record
}

/// What one end sends and the other gets.
fn carry(from: &mut Connection, to: &mut Connection, parts: &[&[u8]]) {
    let mut datagram = sealed(from, parts);
    let mut all = records(&mut datagram);
    assert_eq!(to.open(all.next().expect("one record")), Ok(Opened::Data(&parts.concat())));
    assert!(all.next().is_none());
}
