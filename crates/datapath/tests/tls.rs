//! One frame is one TLS record, over real rustls, whatever the TCP connection does (protocol, section 4 and trap 1).

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use praya_datapath::packet_io::{ChannelIo, channel};
use praya_datapath::pump::{self, Order, PumpSettings};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::{Counters, PacketIo};
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

fn settings(role: Role) -> PumpSettings {
    let off = Duration::ZERO;
    PumpSettings {
        rhythm: Rhythm { role, dpd: off, keepalive: off, rekey: off },
        mtu: 16_000,
        early: Bytes::new(),
        stall: Duration::from_secs(30),
        events: None,
    }
}

/// Sizes from empty headers to the largest, many of them.
fn sizes() -> Vec<usize> {
    (0..200).map(|n| [1, 40, 1400, 1434, 9000, 15_999, 16_000][n % 7]).collect()
}

async fn send_all(packets: ChannelIo) -> ChannelIo {
    for size in sizes() {
        packets.send(&vec![0x45; size]).await.unwrap();
    }
    packets
}

async fn check(version: &'static SupportedProtocolVersion) {
    let (server, client) = configs(version);
    let (left, right) = tokio::io::duplex(1 << 14);
    let written = Arc::new(Mutex::new(Vec::new()));
    let left = Trickle { inner: left, written: written.clone(), turn: 0 };
    let name = ServerName::try_from("vpn.example").unwrap();
    let (client, server) = tokio::join!(
        tokio_rustls::TlsConnector::from(client).connect(name, left),
        tokio_rustls::TlsAcceptor::from(server).accept(right)
    );
    let (client, server) = (client.unwrap(), server.unwrap());
    written.lock().unwrap().clear();

    let (source, inner) = channel(4);
    let (sink, outer) = channel(4);
    let (order, client_orders) = mpsc::channel(1);
    let (_keep, server_orders) = mpsc::channel(1);
    let (sent, got) = (Arc::new(Counters::default()), Arc::new(Counters::default()));
    let from = {
        let sent = sent.clone();
        tokio::spawn(
            async move { pump::run(client, inner, settings(Role::Client), &sent, client_orders).await },
        )
    };
    let to = {
        let got = got.clone();
        tokio::spawn(
            async move { pump::run(server, outer, settings(Role::Gateway), &got, server_orders).await },
        )
    };
    let source = tokio::spawn(send_all(source));
    let mut buffer = vec![0; 16_384];
    for size in sizes() {
        assert_eq!(sink.recv(&mut buffer).await.unwrap(), size);
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
