//! [`TlsStream`] against tokio-rustls, as client and as server.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, HandshakeKind, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::testing::{CASES, Case, TLS12, TLS13, certificate, name};
use super::{Hello, TlsStream};

type Theirs<C> = tokio_rustls::TlsStream<C>;

fn wrapped(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

async fn our_client<S: AsyncRead + AsyncWrite + Unpin>(
    case: Case,
    client: S,
    server: S,
) -> (TlsStream<S>, Theirs<S>) {
    let acceptor = TlsAcceptor::from(Arc::new(case.server()));
    let config = case.client();
    let (ours, theirs) = tokio::join!(TlsStream::connect(&config, name(), client), acceptor.accept(server));
    (ours.unwrap(), theirs.unwrap().into())
}

async fn our_server<S: AsyncRead + AsyncWrite + Unpin>(
    case: Case,
    client: S,
    server: S,
) -> (TlsStream<S>, Theirs<S>) {
    let connector = TlsConnector::from(Arc::new(case.client()));
    let config = case.server();
    let (ours, theirs) = tokio::join!(TlsStream::accept(&config, server), connector.connect(name(), client));
    (ours.unwrap(), theirs.unwrap().into())
}

async fn both_roles(case: Case, buffer: usize) -> [(TlsStream<DuplexStream>, Theirs<DuplexStream>); 2] {
    let ((a, b), (c, d)) = (duplex(buffer), duplex(buffer));
    [our_client(case, a, b).await, our_server(case, c, d).await]
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[tokio::test]
async fn a_hello_in_endless_small_pieces_takes_a_bounded_amount_of_memory() {
    // A message of 60 kB, whose bytes come in a record each.
    let mut head = vec![22, 3, 1, 0, 4, 1, 0, 0xea, 0x60];
    head.extend([22, 3, 1, 0, 1, 0].repeat(40_000));
    let (mut client, server) = duplex(1024);
    let (read, written) = tokio::join!(async { Hello::read(server).await.map(drop) }, async {
        let mut written = 0;
        while let Some(piece) = head.chunks(1000).nth(written) {
            if client.write_all(piece).await.is_err() {
                break;
            }
            written += 1;
        }
        written * 1000
    });
    assert!(read.is_err() && written < 140_000, "{written}");
}

#[tokio::test]
async fn data_goes_both_ways_in_every_version_suite_and_role_however_small_the_pipe() {
    for case in CASES {
        // The smaller one still holds the tickets, which a client reads with the first data only.
        for buffer in [2048, 1 << 20] {
            for (mut ours, mut theirs) in both_roles(case, buffer).await {
                let sent = pattern(100_000);
                let forth = async {
                    ours.write_all(&sent).await.unwrap();
                    ours.flush().await.unwrap();
                    let mut back = vec![0; sent.len()];
                    ours.read_exact(&mut back).await.unwrap();
                    back
                };
                let back = async {
                    let mut received = vec![0; sent.len()];
                    theirs.read_exact(&mut received).await.unwrap();
                    theirs.write_all(&received).await.unwrap();
                    theirs.flush().await.unwrap();
                };
                let (received, ()) = tokio::join!(forth, back);
                assert!(received == sent, "{case:?}");
            }
        }
    }
}

#[tokio::test]
async fn data_goes_both_ways_over_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for case in [TLS13, TLS12] {
        let address = listener.local_addr().unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut ours, mut theirs) = our_client(case, client.unwrap(), server.unwrap().0).await;
        let sent = pattern(3_000_000);
        let write = async {
            ours.write_all(&sent).await.unwrap();
            ours.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let ((), read) = tokio::join!(write, theirs.read_to_end(&mut received));
        assert_eq!(read.unwrap(), sent.len());
        assert!(received == sent);
    }
}

#[tokio::test]
async fn both_ends_export_the_same_keying_material() {
    for case in CASES {
        for (ours, theirs) in both_roles(case, 1 << 16).await {
            for context in [None, Some(&b""[..]), Some(&b"context"[..])] {
                for length in [1, 32, 100] {
                    let label = b"EXPORTER-test";
                    let expected = match &theirs {
                        Theirs::Client(stream) => {
                            stream.get_ref().1.export_keying_material(vec![0; length], label, context)
                        }
                        Theirs::Server(stream) => {
                            stream.get_ref().1.export_keying_material(vec![0; length], label, context)
                        }
                    };
                    let exported = ours.export_keying_material(vec![0; length], label, context);
                    assert_eq!(exported.unwrap(), expected.unwrap(), "{case:?}");
                }
            }
            assert!(ours.export_keying_material([], b"EXPORTER-test", None).is_err());
        }
    }
}

#[tokio::test]
async fn both_ends_tell_what_was_settled() {
    for case in CASES {
        let [(client, _), (server, _)] = both_roles(case, 1 << 16).await;
        for ours in [&client, &server] {
            assert_eq!((ours.protocol_version(), ours.cipher_suite()), (case.0.version, case.1));
            assert_eq!(ours.alpn_protocol(), Some(&b"praya"[..]));
            assert_eq!(ours.handshake_kind(), Some(HandshakeKind::Full));
        }
        assert_eq!(client.peer_certificates(), Some(&[certificate()][..]));
        assert_eq!(server.peer_certificates(), None);
        assert_eq!((client.server_name(), server.server_name()), (None, Some("vpn.test")));
    }
}

#[tokio::test]
async fn a_second_connection_resumes_the_first() {
    for case in CASES {
        let (client_config, server_config) = (case.client(), case.server());
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (client, server) = duplex(1 << 16);
            let (ours, theirs) = tokio::join!(
                TlsStream::connect(&client_config, name(), client),
                TlsStream::accept(&server_config, server)
            );
            let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
            assert_eq!((ours.handshake_kind(), theirs.handshake_kind()), (Some(expected), Some(expected)));
            let material =
                |stream: &TlsStream<_>| stream.export_keying_material([0; 32], b"label", None).unwrap();
            assert_eq!(material(&ours), material(&theirs), "{case:?}");
            // The tickets of TLS 1.3 come with the first data.
            theirs.write_all(b"x").await.unwrap();
            assert_eq!(ours.read_u8().await.unwrap(), b'x');
        }
    }
}

#[tokio::test]
async fn an_end_in_order_is_the_end_of_the_file_and_writing_goes_on() {
    for case in [TLS13, TLS12] {
        for (mut ours, mut theirs) in both_roles(case, 1 << 16).await {
            theirs.write_all(b"last words").await.unwrap();
            theirs.shutdown().await.unwrap();
            let mut received = Vec::new();
            ours.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, b"last words");
            assert_eq!(ours.read(&mut [0; 8]).await.unwrap(), 0);

            ours.write_all(b"answer").await.unwrap();
            ours.shutdown().await.unwrap();
            ours.shutdown().await.unwrap();
            let mut answer = Vec::new();
            theirs.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"answer");
            assert_eq!(ours.write(b"more").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }
}

#[tokio::test]
async fn a_connection_cut_short_is_told_from_one_that_ends() {
    for case in [TLS13, TLS12] {
        for (mut ours, mut theirs) in both_roles(case, 1 << 16).await {
            theirs.write_all(b"half").await.unwrap();
            theirs.flush().await.unwrap();
            drop(theirs);
            assert_eq!(ours.read(&mut [0; 8]).await.unwrap(), 4);
            for _ in 0..2 {
                assert_eq!(ours.read(&mut [0; 8]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_believed_is_told_to_both() {
    for case in [TLS13, TLS12] {
        let (client, server) = duplex(1 << 16);
        let acceptor = TlsAcceptor::from(Arc::new(case.server()));
        let stranger = case.client_trusting(RootCertStore::empty());
        let refused = TlsStream::connect(&stranger, name(), client);
        let (ours, theirs) = tokio::join!(refused, acceptor.accept(server));
        let (ours, theirs) = (ours.err().unwrap(), theirs.err().unwrap());
        assert_eq!(ours.kind(), io::ErrorKind::InvalidData);
        assert!(matches!(wrapped(&ours), Some(rustls::Error::InvalidCertificate(_))), "{ours:?}");
        assert_eq!(wrapped(&theirs), Some(&rustls::Error::AlertReceived(AlertDescription::UnknownCA)));

        let (client, server) = duplex(1 << 16);
        let connector = TlsConnector::from(Arc::new(stranger));
        let config = case.server();
        let (ours, theirs) =
            tokio::join!(TlsStream::accept(&config, server), connector.connect(name(), client));
        assert!(theirs.is_err());
        // In TLS 1.3 the alert comes instead of the client's last word, too.
        let ours = ours.err().unwrap();
        assert_eq!(wrapped(&ours), Some(&rustls::Error::AlertReceived(AlertDescription::UnknownCA)));
    }
}

#[tokio::test]
async fn what_is_no_tls_is_refused_with_an_alert_before_a_key_is_touched() {
    let (mut client, server) = duplex(1 << 16);
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let error = Hello::read(server).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(matches!(wrapped(&error), Some(rustls::Error::InvalidMessage(_))), "{error:?}");
    let mut alert = Vec::new();
    client.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert.first(), Some(&21), "{alert:?}");
}

#[tokio::test]
async fn a_hello_tells_the_name_and_can_be_left_unanswered() {
    let (client, server) = duplex(64);
    let connector = TlsConnector::from(Arc::new(TLS13.client()));
    let refuse = async {
        let hello = Hello::read(server).await.unwrap();
        assert_eq!(hello.server_name(), Some("vpn.test"));
    };
    let (connected, ()) = tokio::join!(connector.connect(name(), client), refuse);
    assert!(connected.is_err());
}

#[tokio::test]
async fn a_peer_that_hangs_up_during_the_handshake_is_an_unexpected_end() {
    let (client, server) = duplex(1 << 16);
    drop(server);
    let config = TLS13.client();
    let error = TlsStream::connect(&config, name(), client).await.err().unwrap();
    assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof), "{error:?}");
    let (client, server) = duplex(1 << 16);
    drop(client);
    assert_eq!(Hello::read(server).await.err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_fatal_alert_is_read_after_the_data_before_it_and_again_each_time() {
    for case in [TLS13, TLS12] {
        let (client, server) = duplex(1 << 16);
        let (client_config, server_config) = (case.client(), case.server());
        let (ours, theirs) = tokio::join!(
            TlsStream::connect(&client_config, name(), client),
            TlsStream::accept(&server_config, server)
        );
        let mut theirs = theirs.unwrap().into_records();
        let mut bytes = Vec::new();
        theirs.records.seal(&mut bytes, &[b"data"]).unwrap();
        theirs.records.alert(&mut bytes, AlertDescription::AccessDenied).unwrap();
        theirs.io.write_all(&bytes).await.unwrap();
        let mut ours = ours.unwrap();
        let mut received = [0; 8];
        assert_eq!(ours.read(&mut received).await.unwrap(), 4);
        for _ in 0..2 {
            let error = ours.read(&mut received).await.unwrap_err();
            assert_eq!(
                (error.kind(), wrapped(&error)),
                (
                    io::ErrorKind::InvalidData,
                    Some(&rustls::Error::AlertReceived(AlertDescription::AccessDenied))
                )
            );
        }
    }
}

#[tokio::test]
async fn a_tampered_record_is_refused_and_the_peer_is_told() {
    for case in [TLS13, TLS12] {
        let (client, server) = duplex(1 << 16);
        let (mut ours, theirs) = our_client(case, client, server).await;
        let Theirs::Server(theirs) = theirs else { unreachable!() };
        let (mut io, mut peer) = theirs.into_inner();
        io::Write::write_all(&mut peer.writer(), b"data").unwrap();
        let mut bytes = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut bytes).unwrap();
        }
        *bytes.last_mut().unwrap() ^= 1;
        io.write_all(&bytes).await.unwrap();
        let error = ours.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(wrapped(&error), Some(&rustls::Error::DecryptError));
        let mut answer = vec![0; 64];
        let length = io.read(&mut answer).await.unwrap();
        peer.read_tls(&mut &answer[..length]).unwrap();
        let told = peer.process_new_packets().unwrap_err();
        assert_eq!(told, rustls::Error::AlertReceived(AlertDescription::BadRecordMac));
    }
}

#[tokio::test]
async fn nothing_is_lost_between_the_stream_and_the_records() {
    for case in CASES {
        for (mut ours, mut theirs) in both_roles(case, 1 << 20).await {
            theirs.write_all(b"HTTP/1.1 200 OK\r\n\r\nSTF").await.unwrap();
            theirs.write_all(&pattern(40_000)).await.unwrap();
            theirs.flush().await.unwrap();
            let mut head = [0; 19];
            ours.read_exact(&mut head).await.unwrap();
            let mut detached = ours.into_records();
            let mut plain = detached.early.to_vec();
            let mut input = detached.sealed;
            while plain.len() < 3 + 40_000 {
                detached.io.read_buf(&mut input).await.unwrap();
                let done = detached.records.open_all(&mut input, &mut plain, |_| {}).unwrap();
                input.drain(..done);
            }
            assert!(plain.starts_with(b"STF") && plain[3..] == pattern(40_000), "{case:?}");
            assert!(detached.unsent.is_empty());
        }
    }
}
