//! Channels over connections in memory: what is said at their end, and who hears of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use praya_datapath::pump::Opened;
use praya_datapath::tls::TlsStream;
use praya_model::EndReason;
use praya_wire::cstp::disconnect::{self, Disconnect};
use praya_wire::cstp::{self, FrameType};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use super::*;
use crate::test_tls::vpn_test;

fn settings() -> PumpSettings {
    PumpSettings {
        rhythm: Rhythm {
            role: Role::Client,
            dpd: Duration::ZERO,
            keepalive: Duration::ZERO,
            rekey: Duration::ZERO,
        },
        mtu: 1400,
        super_packets: false,
        stall: STALL,
        events: None,
    }
}

/// A channel, and the gateway's end of it.
async fn channel() -> (TlsPort<DuplexStream, Records>, TlsStream<DuplexStream>) {
    let (server, client) = vpn_test();
    let (near, far) = tokio::io::duplex(1 << 16);
    let name = ServerName::try_from("vpn.test").unwrap();
    let (near, far) = tokio::join!(TlsStream::connect(&client, name, near), TlsStream::accept(&server, far));
    (TlsPort::new(near.unwrap(), &[]), far.unwrap())
}

#[tokio::test]
async fn the_session_hears_of_a_channel_whose_own_code_fails() {
    let (told, mut events) = mpsc::channel(1);
    let task = tokio::spawn(told_to_the_end(ChannelId(7), told, async { panic!("a defect") }));
    let event = events.recv().await.unwrap();
    assert!(matches!(
        event,
        Event::ChannelLost { channel: ChannelId(7), cause: FailureCode::Internal { .. } }
    ));
    assert_eq!(task.await.unwrap(), Goodbye::Unanswered);
}

/// Logs out on a channel that was never used.
async fn log_out<S, R>(tls: TlsPort<S, R>) -> Goodbye
where
    S: Line,
    R: RecordLayer,
{
    let (_commands, command) = oneshot::channel();
    let (orders, order) = mpsc::channel(4);
    let gateway = "vpn.example".parse().unwrap();
    // What a channel cannot do before it is used does not end it.
    orders.send(Order::RefreshKeys).await.unwrap();
    orders.send(Order::Bye { reason: EndReason::UserLogout }).await.unwrap();
    let open = Open { tls, udp: None, settings: settings(), view: ChannelView::default() };
    let (shown, _) = watch::channel(ChannelView::default());
    let (told, _) = mpsc::channel(1);
    carry(ChannelId(1), open, command, order, &shown, &gateway, &told).await.unwrap()
}

#[tokio::test]
async fn a_channel_that_was_never_used_still_says_goodbye() {
    let (near, mut far) = channel().await;
    let hear = async move {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
        far.shutdown().await.unwrap();
        bytes
    };
    let (goodbye, bytes) = tokio::join!(log_out(near), hear);
    assert_eq!(goodbye, Goodbye::Answered);
    let (frame, _) = cstp::decode(&bytes).unwrap().unwrap();
    assert_eq!(frame.kind, FrameType::Disconnect);
    assert!(matches!(
        disconnect::decode(frame.payload),
        Disconnect::Bye { reason: EndReason::UserLogout, .. }
    ));
}

#[tokio::test]
async fn a_goodbye_that_nobody_answers_is_not_taken_for_heard() {
    let (near, far) = channel().await;
    tokio::time::pause();
    assert_eq!(log_out(near).await, Goodbye::Unanswered);
    drop(far);
}

#[tokio::test]
async fn an_end_that_anybody_could_have_made_is_told_apart_from_the_gateways() {
    for (error, expected) in [
        (None, Goodbye::Cut),
        (Some(io::ErrorKind::UnexpectedEof), Goodbye::Cut),
        (Some(io::ErrorKind::ConnectionReset), Goodbye::Cut),
        (Some(io::ErrorKind::HostUnreachable), Goodbye::Unanswered),
    ] {
        let tls = TlsPort {
            stream: Ends(error),
            records: Clear,
            early: Bytes::new(),
            sealed: Vec::new(),
            unsent: Vec::new(),
        };
        assert_eq!(log_out(tls).await, expected, "{error:?}");
    }
}

/// Takes everything, and its other side is gone, without a word or by an error.
struct Ends(Option<io::ErrorKind>);

impl AsyncRead for Ends {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.map_or(Ok(()), |kind| Err(kind.into())))
    }
}

impl AsyncWrite for Ends {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Line for Ends {}

/// Records without a seal.
struct Clear;

impl RecordLayer for Clear {
    fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> io::Result<()> {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        Ok(())
    }

    fn open(&mut self, input: &mut [u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> io::Result<Opened> {
        plain.extend_from_slice(input);
        Ok(Opened { consumed: input.len(), closed: false })
    }

    fn successor_due(&self) -> bool {
        false
    }

    fn refresh_keys(&mut self, _: &mut Vec<u8>) {}

    fn close(&mut self, _: &mut Vec<u8>) {}
}

#[tokio::test]
async fn a_change_of_the_carrier_is_shown_with_its_reason_and_worn_keys_are_told() {
    let (shown, mut view) = watch::channel(ChannelView::default());
    let (tell, events) = mpsc::channel(4);
    let (told, mut wishes) = mpsc::channel(1);
    let following = tokio::spawn(async move { follow(ChannelId(1), events, &shown, &told).await });
    for reason in [ChannelReason::Preferred, ChannelReason::Silent] {
        tell.send(PumpEvent::PeerSilent).await.unwrap();
        tell.send(PumpEvent::Carried(reason)).await.unwrap();
        let seen = view.wait_for(|view| view.reason == reason).await.unwrap().clone();
        assert_eq!(seen.carrier, reason.channel());
    }
    tell.send(PumpEvent::RekeyDue).await.unwrap();
    assert!(matches!(wishes.recv().await, Some(Event::KeysWorn { channel: ChannelId(1) })));
    following.abort();
}

#[test]
fn each_end_of_a_pump_is_told_for_what_it_is() {
    let gateway: GatewayAddress = "vpn.example".parse().unwrap();
    let event = |end| ended(ChannelId(1), end, &gateway);
    assert!(event(PumpEnd::Ordered { told: true, heard: None }).is_none());
    assert!(matches!(
        event(PumpEnd::PeerEnded { reason: Some(EndReason::Admin), byte: 0, text: "x".into() }),
        Some(Event::PeerDisconnect { end: PeerEnd::Ended { reason: Some(EndReason::Admin), .. }, .. })
    ));
    assert!(matches!(
        event(PumpEnd::PeerTerminated),
        Some(Event::PeerDisconnect { end: PeerEnd::Terminated, .. })
    ));
    for end in [PumpEnd::PeerClosed, PumpEnd::PeerDead, PumpEnd::PeerStalled] {
        let Some(Event::ChannelLost { cause, .. }) = event(end) else { panic!() };
        assert!(cause.is_transient(), "{cause:?}");
    }
}

#[test]
fn the_cipher_is_named_as_people_write_it() {
    for (version, suite, text) in [
        (ProtocolVersion::TLSv1_3, CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS 1.3, AES-256-GCM"),
        (ProtocolVersion::TLSv1_3, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS 1.3, CHACHA20-POLY1305"),
        (
            ProtocolVersion::TLSv1_2,
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            "TLS 1.2, AES-128-GCM",
        ),
    ] {
        assert_eq!(protection(version, suite), text);
    }
}
