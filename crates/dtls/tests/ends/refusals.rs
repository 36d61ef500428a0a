//! What one end refuses, and how the other learns of it.

use std::time::Instant;

use praya_dtls::{Alert, Config, Credentials, Handshake, HandshakeError, SessionId, Suite};

use super::{client, exchange, id, psk, resume, server};

/// The client's error, which comes when nothing better has come in time.
fn refused(client: Config, server: Config) -> (HandshakeError, Option<HandshakeError>) {
    let now = Instant::now();
    let (mut client, mut server) = (super::client(client, now), super::server(server));
    let (_, at_server) = exchange(&mut client, &mut server, now);
    assert!(!client.is_established() && !server.is_established());
    let error = ends(&mut client);
    assert!(client.next_timeout().is_none(), "it is over");
    (error, at_server.err())
}

/// Lets time pass until a handshake gives up.
fn ends(handshake: &mut Handshake) -> HandshakeError {
    loop {
        let due = handshake.next_timeout().expect("who waits has a deadline");
        if let Err(error) = handshake.on_timeout(due) {
            return error;
        }
        while handshake.poll_transmit().is_some() {}
    }
}

#[test]
fn nobody_answers() {
    let mut client = client(psk(), Instant::now());
    assert_eq!(ends(&mut client), HandshakeError::TimedOut);
}

#[test]
fn no_suite_in_common() {
    let of_client = Config { suites: vec![Suite::PskAes128Gcm], ..psk() };
    let of_server = Config { suites: vec![Suite::PskAes256Gcm], ..psk() };
    let (at_client, at_server) = refused(of_client, of_server);
    assert_eq!(at_client, HandshakeError::Refused(Alert::HANDSHAKE_FAILURE));
    assert_eq!(at_server, Some(HandshakeError::NoCommonSuite));
}

#[test]
fn another_key() {
    let (at_client, at_server) = refused(psk(), Config::psk(&[6; 32], id()));
    assert_eq!((at_client, at_server), (HandshakeError::TimedOut, None));
}

#[test]
fn another_session() {
    let suite = Suite::RsaAes256Gcm;
    let other = Config::resume(&[3; 48], SessionId::new(&[8; 32]).unwrap(), suite);
    let (at_client, at_server) = refused(resume(suite), other);
    assert_eq!(at_client, HandshakeError::Refused(Alert::HANDSHAKE_FAILURE));
    assert_eq!(at_server, Some(HandshakeError::NotResumed));
}

#[test]
fn another_master_secret() {
    let suite = Suite::RsaAes128Gcm;
    let (at_client, at_server) = refused(resume(suite), Config::resume(&[4; 48], id(), suite));
    assert_eq!((at_client, at_server), (HandshakeError::TimedOut, None));
}

#[test]
fn a_server_that_begins_a_session_instead_of_resuming_one() {
    let of_client = resume(Suite::PskAes256Gcm);
    assert_eq!(refused(of_client, psk()).0, HandshakeError::NotResumed);
}

#[test]
fn a_server_that_resumes_what_never_was() {
    let of_server = resume(Suite::PskAes256Gcm);
    let of_client = Config { extended_master_secret: false, ..psk() };
    assert!(matches!(refused(of_client, of_server).0, HandshakeError::Malformed(_)));
}

#[test]
fn a_resumption_with_extended_master_secret_of_a_session_without() {
    let credentials = Credentials::Psk(vec![5; 32].into());
    let of_client = Config { credentials, ..resume(Suite::RsaAes256Gcm) };
    let (_, at_server) = refused(of_client, resume(Suite::RsaAes256Gcm));
    assert_eq!(at_server, Some(HandshakeError::MixedMasterSecret));
}

#[test]
fn a_forged_refusal_is_not_believed_if_the_peer_answers() {
    let now = Instant::now();
    let (mut client, mut server) = (client(psk(), now), server(psk()));
    let mut forged = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    client.handle(&mut forged, now).unwrap();
    assert_eq!(exchange(&mut client, &mut server, now), (Ok(()), Ok(())));
    assert!(client.is_established());
}

#[test]
fn a_forged_request_for_another_hello_is_overcome() {
    let now = Instant::now();
    let (mut client, mut server) = (client(psk(), now), server(psk()));
    let mut forged = [
        &[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 9, 0, 16][..],
        &[3, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4],
        &[0xfe, 0xff, 1, 77],
    ]
    .concat();
    client.handle(&mut forged, now).unwrap();
    assert_eq!(exchange(&mut client, &mut server, now), (Ok(()), Ok(())));
    assert!(client.is_established());
}

#[test]
fn a_hello_of_another_version_or_with_compression_only_is_refused() {
    let now = Instant::now();
    let hello = client(psk(), now).poll_transmit().unwrap();
    // The low byte of the version: DTLS 1.0; the compression behind the session id, the cookie and three suites.
    for (place, value, error) in [
        (26, 0xff, HandshakeError::NoCommonVersion),
        (25, 3, HandshakeError::NoCommonVersion),
        (102, 1, HandshakeError::Malformed("a hello that insists on compression")),
    ] {
        let mut hello = hello.clone();
        hello[place] = value;
        assert_eq!(server(psk()).handle(&mut hello, now), Err(error), "byte {place}");
    }
}
