//! [`Records`] against rustls' own connections, and against themselves where rustls does not misbehave.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use proptest::prelude::*;
use rustls::{AlertDescription, Connection, Error, PeerMisbehaved};
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::tls::testing::{CASES, Case, TLS12, TLS13, name};
use crate::tls::{Detached, TlsStream};

mod refused;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

async fn rest_of(mut io: DuplexStream) -> Vec<u8> {
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await.unwrap();
    rest
}

/// Records of one role, connected to a connection of rustls; what came with the handshake has been read by both.
fn with_rustls(case: Case, role: Role) -> (Records, Connection) {
    let (ours, theirs, mut connection) = run(async {
        let (client, server) = duplex(1 << 16);
        let (detached, io, connection) = match role {
            Role::Client => {
                let (config, acceptor) = (case.client(), TlsAcceptor::from(Arc::new(case.server())));
                let (ours, theirs) =
                    tokio::join!(TlsStream::connect(&config, name(), client), acceptor.accept(server));
                let (io, connection) = theirs.unwrap().into_inner();
                (ours.unwrap().into_records(), io, Connection::from(connection))
            }
            Role::Server => {
                let (config, connector) = (case.server(), TlsConnector::from(Arc::new(case.client())));
                let (ours, theirs) =
                    tokio::join!(TlsStream::accept(&config, server), connector.connect(name(), client));
                let (io, connection) = theirs.unwrap().into_inner();
                (ours.unwrap().into_records(), io, Connection::from(connection))
            }
        };
        let Detached { io: our_io, records, mut sealed, .. } = detached;
        // Each end is gone before the other's pipe is emptied.
        let (mut our_io, mut io) = (our_io, io);
        tokio::io::AsyncWriteExt::shutdown(&mut our_io).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut io).await.unwrap();
        sealed.extend(rest_of(our_io).await);
        ((records, sealed), rest_of(io).await, connection)
    });
    let (mut records, mut sealed) = ours;
    assert_eq!(records.open_all(&mut sealed, &mut Vec::new(), |_| {}).unwrap(), sealed.len());
    let mut theirs = theirs.as_slice();
    while !theirs.is_empty() {
        connection.read_tls(&mut theirs).unwrap();
        connection.process_new_packets().unwrap();
    }
    (records, connection)
}

/// A client and a server, both ours.
fn ours(case: Case) -> (Records, Records) {
    run(async {
        let (client, server) = duplex(1 << 16);
        let (client_config, server_config) = (case.client(), case.server());
        let (client, server) = tokio::join!(
            TlsStream::connect(&client_config, name(), client),
            TlsStream::accept(&server_config, server)
        );
        let (client, server) = (client.unwrap().into_records(), server.unwrap().into_records());
        let (mut records, mut sealed) = (client.records, client.sealed);
        drop(server.io);
        sealed.extend(rest_of(client.io).await);
        assert_eq!(records.open_all(&mut sealed, &mut Vec::new(), |_| {}).unwrap(), sealed.len());
        (records, server.records)
    })
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn sent_by(peer: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Writes all of `data`; the peer's own buffer is smaller.
fn written_by(peer: &mut Connection, mut data: &[u8]) -> Vec<u8> {
    let mut bytes = sent_by(peer);
    while !data.is_empty() {
        let taken = peer.writer().write(data).unwrap();
        data = &data[taken..];
        bytes.extend(sent_by(peer));
    }
    bytes
}

fn read_by(peer: &mut Connection, mut bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        peer.read_tls(&mut bytes).unwrap();
        peer.process_new_packets()?;
        let _ = peer.reader().read_to_end(&mut plain);
    }
    Ok(plain)
}

fn open(records: &mut Records, bytes: &[u8]) -> Result<(Vec<u8>, Vec<Event>), TlsError> {
    let (mut plain, mut events) = (Vec::new(), Vec::new());
    let done = records.open_all(&mut bytes.to_vec(), &mut plain, |event| events.push(event))?;
    assert_eq!(done, bytes.len());
    Ok((plain, events))
}

/// What the peer is told after an error.
fn told(records: &mut Records) -> Option<AlertDescription> {
    records.due.fatal
}

fn sealed(records: &mut Records, content_type: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    records.message(&mut out, content_type, content).unwrap();
    out
}

fn failed_with(records: &mut Records, bytes: &[u8]) -> Error {
    match open(records, bytes) {
        Err(TlsError::Tls(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rustls_reads_what_is_sealed_and_is_read_in_every_version_suite_and_role() {
    for case in CASES {
        for role in [Role::Client, Role::Server] {
            let (mut records, mut peer) = with_rustls(case, role);
            assert_eq!((records.version(), records.suite()), (case.0.version, case.1));
            for length in [1, 1400, MAX_CONTENT, MAX_CONTENT + 1, 70_000] {
                let data = pattern(length);
                let mut out = b"before".to_vec();
                records.seal(&mut out, &[&data[..length / 3], &[], &data[length / 3..]]).unwrap();
                let count = length.div_ceil(MAX_CONTENT);
                assert_eq!(out.len(), 6 + length + count * records.overhead(), "{case:?}");
                assert!(records.overhead() <= MAX_OVERHEAD);
                assert!(read_by(&mut peer, &out[6..]).unwrap() == data, "{case:?} {role:?} {length}");

                let bytes = written_by(&mut peer, &data);
                let (plain, events) = open(&mut records, &bytes).unwrap();
                assert!(plain == data, "{case:?} {role:?} {length}");
                assert_eq!(events.len(), count);
                assert_eq!(events.last(), Some(&Event::RecordEnd(length)));
            }
        }
    }
}

#[test]
fn no_content_makes_no_record() {
    let (mut records, _) = with_rustls(TLS13, Role::Client);
    let mut out = Vec::new();
    records.seal(&mut out, &[]).unwrap();
    records.seal(&mut out, &[b"", b""]).unwrap();
    assert!(out.is_empty());
}

#[test]
fn tickets_that_come_after_the_handshake_are_used_by_the_next_connection() {
    run(async {
        let (client_config, acceptor) = (TLS13.client(), TlsAcceptor::from(Arc::new(TLS13.server())));
        for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
            let (client, server) = duplex(1 << 16);
            let (ours, theirs) =
                tokio::join!(TlsStream::connect(&client_config, name(), client), acceptor.accept(server));
            let ours = ours.unwrap();
            assert_eq!(ours.handshake_kind(), Some(expected));
            let Detached { io, mut records, mut sealed, .. } = ours.into_records();
            drop(theirs.unwrap());
            sealed.extend(rest_of(io).await);
            assert!(!sealed.is_empty(), "the server sends its tickets last");
            assert_eq!(records.open_all(&mut sealed, &mut Vec::new(), |_| {}).unwrap(), sealed.len());
        }
    });
}

#[test]
fn both_sides_change_keys_as_often_as_they_like_between_data() {
    for role in [Role::Client, Role::Server] {
        let (mut records, mut peer) = with_rustls(TLS13, role);
        for round in 0..200 {
            let mut out = Vec::new();
            records.refresh_keys(&mut out).unwrap();
            for _ in 0..10 {
                records.seal(&mut out, &[b"ours"]).unwrap();
            }
            assert_eq!(read_by(&mut peer, &out).unwrap(), b"ours".repeat(10), "{round}");

            peer.refresh_traffic_keys().unwrap();
            let mut bytes = Vec::new();
            for _ in 0..10 {
                bytes.extend(written_by(&mut peer, b"theirs"));
            }
            let (plain, events) = open(&mut records, &bytes).unwrap();
            assert_eq!(plain, b"theirs".repeat(10));
            // Its own, and its answer to ours.
            assert_eq!(events.iter().filter(|event| **event == Event::KeyUpdated).count(), 2);
            assert!(records.is_due());
        }
    }
}

#[test]
fn a_peer_that_asks_for_new_keys_gets_them_before_the_next_data_or_when_told() {
    let (mut records, mut peer) = with_rustls(TLS13, Role::Server);
    for alone in [true, false] {
        peer.refresh_traffic_keys().unwrap();
        open(&mut records, &sent_by(&mut peer)).unwrap();
        assert!(records.is_due());
        let mut out = Vec::new();
        if alone {
            records.write_due(&mut out).unwrap();
            assert_eq!(out.len(), 5 + records.overhead());
        }
        records.seal(&mut out, &[b"data"]).unwrap();
        assert!(!records.is_due());
        assert_eq!(read_by(&mut peer, &out).unwrap(), b"data");
    }
}

#[test]
fn keys_are_changed_before_they_are_used_up() {
    for role in [Role::Client, Role::Server] {
        let (mut records, mut peer) = with_rustls(TLS13, role);
        records.limit = 16;
        let data = pattern(100 * MAX_CONTENT);
        let mut out = Vec::new();
        records.seal(&mut out, &[&data]).unwrap();
        assert!(out.len() > data.len() + 100 * records.overhead(), "there are key updates in between");
        assert!(read_by(&mut peer, &out).unwrap() == data);
        assert!(records.send.used() <= 16);
    }
}

#[test]
fn the_real_limits_are_those_of_the_suites() {
    for case in CASES {
        let (records, _) = ours(case);
        let chacha = format!("{case:?}").contains("CHACHA");
        assert_eq!(records.limit, if chacha { u64::MAX } else { 1 << 24 }, "{case:?}");
    }
}

#[test]
fn used_up_keys_of_tls12_end_the_connection_in_order_and_seal_nothing_more() {
    let (mut records, mut peer) = with_rustls(TLS12, Role::Server);
    records.limit = records.send.used() + RESERVE + 2;
    let mut out = Vec::new();
    records.seal(&mut out, &[b"one"]).unwrap();
    let length = out.len();
    assert_eq!(records.seal(&mut out, &[&pattern(2 * MAX_CONTENT)]), Err(TlsError::Exhausted));
    assert_eq!(out.len(), length);
    records.seal(&mut out, &[b"two"]).unwrap();
    assert_eq!(records.seal(&mut out, &[b"three"]), Err(TlsError::Exhausted));
    assert_eq!(records.refresh_keys(&mut out), Err(TlsError::NoKeyUpdate));
    records.close_notify(&mut out).unwrap();
    assert_eq!(read_by(&mut peer, &out).unwrap(), b"onetwo");
    assert_eq!(peer.reader().read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_successor_is_due_well_before_the_keys_of_tls12_are_used_up() {
    for case in CASES {
        let (mut records, _) = ours(case);
        records.limit = 40;
        let due = std::iter::repeat_with(|| {
            records.seal(&mut Vec::new(), &[b"data"]).unwrap();
            records.successor_due().then(|| records.send.used())
        });
        let due = due.take(30).flatten().next();
        assert_eq!(due, (records.version() == ProtocolVersion::TLSv1_2).then_some(30), "{case:?}");
    }
}

#[test]
fn closing_is_told_and_heard_once_and_what_follows_is_ignored() {
    for case in CASES {
        let (mut records, mut peer) = with_rustls(case, Role::Client);
        let mut bytes = written_by(&mut peer, b"last");
        peer.send_close_notify();
        bytes.extend(sent_by(&mut peer));
        bytes.extend(b"whatever");
        let (plain, events) = open(&mut records, &bytes).unwrap();
        assert_eq!(plain, b"last");
        assert_eq!(events, [Event::RecordEnd(4), Event::CloseNotify]);
        assert!(records.is_closed_by_peer());

        let mut out = Vec::new();
        records.seal(&mut out, &[b"still"]).unwrap();
        records.close_notify(&mut out).unwrap();
        let length = out.len();
        records.close_notify(&mut out).unwrap();
        assert_eq!(records.seal(&mut out, &[b"more"]), Err(TlsError::Closed));
        assert_eq!(out.len(), length);
        assert_eq!(read_by(&mut peer, &out).unwrap(), b"still");
        assert_eq!(peer.reader().read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_fatal_alert_ends_both_ways() {
    for case in [TLS13, TLS12] {
        let (mut client, mut server) = ours(case);
        let mut out = Vec::new();
        server.alert(&mut out, AlertDescription::AccessDenied).unwrap();
        let denied = Error::AlertReceived(AlertDescription::AccessDenied);
        assert_eq!(failed_with(&mut client, &out), denied);
        assert_eq!(failed_with(&mut client, b""), denied);
        assert_eq!(client.seal(&mut out, &[b"data"]), Err(TlsError::Tls(denied)));
        assert!(!client.is_due());
        assert!(server.seal(&mut out, &[b"data"]).is_err());
    }
}

#[test]
fn debug_output_shows_no_keys() {
    let (client, _) = ours(TLS13);
    let shown = format!("{client:?}");
    assert!(shown.contains("TLS13_AES_256_GCM_SHA384") && shown.len() < 120, "{shown}");
}

/// What happens between two ends, one step after another.
#[derive(Clone, Debug)]
enum Step {
    Ours(usize),
    Theirs(usize),
    RefreshOurs,
    RefreshTheirs,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = prop_oneof![1..2_000_usize, Just(MAX_CONTENT), 1..40_000_usize];
    let step = prop_oneof![
        4 => length.clone().prop_map(Step::Ours),
        4 => length.prop_map(Step::Theirs),
        1 => Just(Step::RefreshOurs),
        1 => Just(Step::RefreshTheirs),
    ];
    proptest::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn records_may_be_cut_anywhere(
        case in proptest::sample::select(&CASES[..]),
        client in any::<bool>(),
        steps in steps(),
        cuts in proptest::collection::vec(1..20_000_usize, 1..12),
    ) {
        let (mut records, mut peer) =
            with_rustls(case, if client { Role::Client } else { Role::Server });
        let (mut to_peer, mut from_peer) = (Vec::new(), Vec::new());
        let (mut expected, mut expected_by_peer) = (Vec::new(), Vec::new());
        let (mut got, mut got_by_peer) = (Vec::new(), Vec::new());
        let mut cuts = cuts.into_iter().cycle();
        for step in steps {
            match step {
                Step::Ours(length) => {
                    let data = pattern(length);
                    records.seal(&mut to_peer, &[&data]).unwrap();
                    expected_by_peer.extend(data);
                }
                Step::Theirs(length) => {
                    let data = pattern(length);
                    from_peer.extend(written_by(&mut peer, &data));
                    expected.extend(data);
                }
                Step::RefreshOurs => {
                    let _ = records.refresh_keys(&mut to_peer);
                }
                Step::RefreshTheirs => {
                    let _ = peer.refresh_traffic_keys();
                    from_peer.extend(sent_by(&mut peer));
                }
            }
            let cut = cuts.next().unwrap().min(to_peer.len());
            got_by_peer.extend(read_by(&mut peer, &to_peer.drain(..cut).collect::<Vec<_>>()).unwrap());
            from_peer.extend(sent_by(&mut peer));
            let cut = cuts.next().unwrap().min(from_peer.len());
            let done = records.open_all(&mut from_peer[..cut], &mut got, |_| {}).unwrap();
            from_peer.drain(..done);
            records.write_due(&mut to_peer).unwrap();
        }
        got_by_peer.extend(read_by(&mut peer, &to_peer).unwrap());
        from_peer.extend(sent_by(&mut peer));
        let done = records.open_all(&mut from_peer, &mut got, |_| {}).unwrap();
        prop_assert_eq!(done, from_peer.len());
        prop_assert!(got == expected);
        prop_assert!(got_by_peer == expected_by_peer);
    }
}
