//! One frame is one TLS record, over real rustls, whatever the TCP connection does (protocol, section 4 and trap 1).

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use praya_datapath::io::memory::{MemoryEnd, pair};
use praya_datapath::line::Line;
use praya_datapath::pump::{self, Order, PumpSettings, TlsPort};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::tls::TlsStream;
use praya_datapath::udp::{UdpChannel, UdpIo};
use praya_datapath::{Counters, DropReason, Offload, Packet};
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// Records what is written, and accepts only a few bytes at a time, now and then none.
struct Trickle<S> {
    inner: S,
    written: Arc<Mutex<Vec<u8>>>,
    turn: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Line for Trickle<S> {}

impl<S: AsyncRead + Unpin> AsyncRead for Trickle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Trickle<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let some = &buf[..buf.len().min(313)];
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, some))?;
        self.written.lock().unwrap().extend(&some[..written]);
        Poll::Ready(Ok(written))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// (content type, length) of each TLS record.
fn records(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut records = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<5>() {
        let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
        records.push((header[0], len));
        bytes = rest.get(len..).unwrap_or_default();
    }
    records
}

fn configs(version: &'static SupportedProtocolVersion) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let made = rcgen::generate_simple_self_signed(vec!["vpn.example".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

const NO_UDP: Option<UdpChannel<UdpIo>> = None;

fn settings(role: Role) -> PumpSettings {
    let off = Duration::ZERO;
    PumpSettings {
        rhythm: Rhythm { role, dpd: off, keepalive: off, rekey: off },
        mtu: 16_000,
        super_packets: false,
        stall: Duration::from_secs(30),
        events: None,
    }
}

/// Sizes from empty headers to the largest, many of them.
fn sizes() -> Vec<usize> {
    (0..200).map(|n| [1, 40, 1400, 1434, 9000, 15_999, 16_000][n % 7]).collect()
}

async fn connect<C, S>(
    version: &'static SupportedProtocolVersion,
    client: C,
    server: S,
) -> (TlsStream<C>, TlsStream<S>)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (accepts, asks) = configs(version);
    let name = ServerName::try_from("vpn.example").unwrap();
    let (client, server) =
        tokio::join!(TlsStream::connect(&asks, name, client), TlsStream::accept(&accepts, server));
    (client.unwrap(), server.unwrap())
}

async fn send_all(packets: MemoryEnd) -> MemoryEnd {
    for size in sizes() {
        assert!(packets.send(Packet::ordinary(vec![0x45; size].into())).await);
    }
    packets
}

async fn check(version: &'static SupportedProtocolVersion) {
    let (left, right) = tokio::io::duplex(1 << 14);
    let written = Arc::new(Mutex::new(Vec::new()));
    let left = Trickle { inner: left, written: written.clone(), turn: 0 };
    let (client, server) = connect(version, left, right).await;
    written.lock().unwrap().clear();

    let (source, inner) = pair(4);
    let (mut sink, outer) = pair(400);
    let (order, client_orders) = mpsc::channel(1);
    let (_keep, server_orders) = mpsc::channel(1);
    let (sent, got) = (Arc::new(Counters::default()), Arc::new(Counters::default()));
    let from = {
        let sent = sent.clone();
        tokio::spawn(async move {
            let tls = TlsPort::new(client, b"");
            pump::run(tls, NO_UDP, inner, settings(Role::Client), &sent, client_orders).await
        })
    };
    let to = {
        let got = got.clone();
        tokio::spawn(async move {
            let tls = TlsPort::new(server, b"");
            pump::run(tls, NO_UDP, outer, settings(Role::Gateway), &got, server_orders).await
        })
    };
    let source = tokio::spawn(send_all(source));
    for size in sizes() {
        assert_eq!(sink.recv().await.unwrap().bytes.len(), size);
    }
    let _source = source.await.unwrap();
    order.send(Order::Detach).await.unwrap();
    from.await.unwrap();
    to.await.unwrap();

    let records = records(&written.lock().unwrap());
    let data: Vec<usize> = records.iter().filter(|(kind, _)| *kind == 23).map(|(_, len)| *len).collect();
    let overhead = data[0] - (sizes()[0] + 8);
    assert!(overhead < 64, "{overhead}");
    let expected: Vec<usize> = sizes().iter().map(|size| size + 8 + overhead).collect();
    assert_eq!(data[..expected.len()], expected[..]);
    // The detach, and in TLS 1.3 the encrypted goodbye.
    assert!(data.len() - expected.len() <= 2, "{:?}", &data[expected.len()..]);
    assert_eq!(sent.values().packets_sent, got.values().packets_received);
    assert_eq!(got.values().packets_received, 200);
}

#[tokio::test]
async fn one_frame_is_one_record_in_tls_1_3() {
    check(&rustls::version::TLS13).await;
}

#[tokio::test]
async fn one_frame_is_one_record_in_tls_1_2() {
    check(&rustls::version::TLS12).await;
}

/// A UDP packet over IPv4, joined from pieces of `segment` bytes, with the checksum left to do.
fn joined(segment: u16, payload: usize) -> Packet {
    let len = u16::try_from(28 + payload).unwrap();
    let mut bytes = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    let sum = bytes.chunks(2).fold(0u32, |sum, word| sum + u32::from(word[0]) * 256 + u32::from(word[1]));
    let sum = !u16::try_from(sum % 0xffff).unwrap();
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend([0x30, 0x39, 0x30, 0x3a]);
    bytes.extend((len - 20).to_be_bytes());
    // The pseudo-header's sum: addresses, protocol, length; small enough to need no folding, or folded once.
    let sum = 0x1403 + 17 + u32::from(len - 20);
    bytes.extend(u16::try_from(sum % 0xffff).unwrap().to_be_bytes());
    bytes.extend((0..payload).map(|n| n as u8));
    Packet { bytes: bytes.into(), offload: Offload { partial_checksum: true, segment_size: segment } }
}

#[tokio::test]
async fn between_our_own_ends_super_packets_go_whole_and_frames_fill_records() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let (left, right) = tokio::io::duplex(1 << 14);
    let left = Trickle { inner: left, written: written.clone(), turn: 0 };
    let (client, server) = connect(&rustls::version::TLS13, left, right).await;
    written.lock().unwrap().clear();
    let (source, inner) = pair(100);
    let (mut sink, outer) = pair(100);
    let (order, client_orders) = mpsc::channel(1);
    let (_keep, server_orders) = mpsc::channel(1);
    let whole = |role| PumpSettings { super_packets: true, mtu: 1400, ..settings(role) };
    for n in 0..10 {
        assert!(source.send(joined(1000, 50_000 + n)).await);
        assert!(source.send(Packet::ordinary(Bytes::from_static(&[0x45; 100]))).await);
    }
    let (sent, got) = (Counters::default(), Counters::default());
    let from = pump::run(TlsPort::new(client, b""), NO_UDP, inner, whole(Role::Client), &sent, client_orders);
    let to = pump::run(TlsPort::new(server, b""), NO_UDP, outer, whole(Role::Gateway), &got, server_orders);
    let check = async {
        for n in 0..10 {
            assert_eq!(sink.recv().await.unwrap(), joined(1000, 50_000 + n));
            assert_eq!(sink.recv().await.unwrap(), Packet::ordinary(Bytes::from_static(&[0x45; 100])));
        }
        order.send(Order::Detach).await.unwrap();
    };
    tokio::join!(from, to, check);
    let records = records(&written.lock().unwrap());
    assert!(records.len() < 10 * 5, "{records:?}");
    assert_eq!(sent.values().packets_sent, got.values().packets_received);
    assert_eq!(got.values().packets_received, 10 + 50 + 9 * 51);
}

#[tokio::test]
async fn a_super_packet_that_does_not_add_up_is_dropped_alone() {
    let (left, right) = tokio::io::duplex(1 << 16);
    let (client, server) = connect(&rustls::version::TLS13, left, right).await;
    let (mut sink, outer) = pair(100);
    let (_keep, orders) = mpsc::channel(1);
    let forged = async move {
        use praya_wire::super_packet::{Meta, encode_header};
        use tokio::io::AsyncWriteExt;
        let mut client = client;
        let good = joined(1000, 5000);
        for segment_size in [1000, 1, 27, 1400, 5000] {
            let meta = Meta { partial_checksum: true, segment_size };
            client.write_all(&encode_header(meta, good.bytes.len()).unwrap()).await.unwrap();
            client.write_all(&good.bytes).await.unwrap();
        }
        client.flush().await.unwrap();
        client.shutdown().await.unwrap();
        client
    };
    let counters = Counters::default();
    let settings = PumpSettings { super_packets: true, mtu: 1400, ..settings(Role::Gateway) };
    let pump = pump::run(TlsPort::new(server, b""), NO_UDP, outer, settings, &counters, orders);
    let (_, client) = tokio::join!(pump, forged);
    drop(client);
    assert_eq!(sink.recv().await, Some(joined(1000, 5000)));
    assert_eq!(sink.recv().await, None);
    assert_eq!(counters.values().dropped(DropReason::Malformed), 4);
}
