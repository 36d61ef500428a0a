//! Tunnels over loopback with real TLS: CONNECT, frames, and every way to end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use bytes::Bytes;
use data_encoding::BASE64;
use praya_datapath::udp::socket::Socket;
use praya_datapath::udp::{ChannelSettings, SURE_DATAGRAM, UdpIo};
use praya_datapath::{Channel, Delivery, Packet};
use praya_dtls::{Config, SessionId};
use praya_model::{EndReason, Secret};
use praya_wire::cstp::disconnect::{self, Disconnect};
use praya_wire::cstp::{self, FrameType};
use praya_wire::http::{ResponseHead, parse_response, write_request};
use praya_wire::ip;
use praya_wire::tunnel_headers::datagrams::{DatagramKey, PSK_EXPORTER};
use praya_wire::tunnel_headers::{ConnectRequest, parse_connect_reply, write_connect_request};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::lab::{Lab, WEB, now};
use super::super::packets::{ACK, SYN, tcp};
use super::*;
use crate::http::tls::ServerTls;
use crate::http::{Limits, Server};
use crate::store::DeviceKey;

struct Gateway {
    lab: Lab,
    port: u16,
    connector: TlsConnector,
    stop: watch::Sender<bool>,
    _folder: TempDir,
}

/// One client connection behind CONNECT.
struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
    head: ResponseHead,
}

async fn gateway() -> Gateway {
    let lab = Lab::new(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["vpn.test".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("crt"), folder.path().join("key"));
    std::fs::write(&chain, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&chain).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();

    let (stop, stopping) = watch::channel(false);
    let socket = Socket::listen(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
    let datagrams = Datagrams::new(vec![socket], lab.metrics.clone()).unwrap();
    tokio::spawn(Arc::clone(&datagrams).receive(0, stopping.clone()));
    let tunnels = Tunnels::new(
        Arc::clone(&lab.config),
        Arc::clone(&lab.sessions),
        Arc::clone(&lab.switch),
        Arc::clone(&lab.shards),
        Some(datagrams),
        lab.metrics.clone(),
    );
    let limits = Limits::from(&lab.config.limits);
    let tls = ServerTls::load(&chain, &key).unwrap();
    let server = Arc::new(Server::new(tls, Router::new(), tunnels, limits, lab.metrics.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(server.serve(listener, stopping));
    Gateway { lab, port, connector: TlsConnector::from(Arc::new(config)), stop, _folder: folder }
}

impl Gateway {
    async fn connect(&self, cookie: &Secret) -> Client {
        self.connect_as(cookie, None, |_| {}).await
    }

    async fn connect_as(
        &self,
        cookie: &Secret,
        device: Option<&Ed25519KeyPair>,
        change: impl FnOnce(&mut ConnectRequest),
    ) -> Client {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("vpn.test").unwrap();
        let mut stream = self.connector.connect(name, socket).await.unwrap();
        let mut request = ConnectRequest {
            host: "vpn.test".into(),
            user_agent: "test".into(),
            cookie: Some(cookie.clone()),
            ..ConnectRequest::default()
        };
        if let Some(device) = device {
            let exporter =
                stream.get_ref().1.export_keying_material([0_u8; 32], PROOF_EXPORTER, None).unwrap();
            request.proof = Some(BASE64.encode(device.sign(&exporter).as_ref()));
        }
        change(&mut request);
        stream.write_all(&write_request(&write_connect_request(&request)).unwrap()).await.unwrap();
        let mut buffer = Vec::new();
        let (head, len) = loop {
            if let Some(parsed) = parse_response(&buffer).unwrap() {
                break parsed;
            }
            assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0, "closed before the reply");
        };
        buffer.drain(..len);
        Client { stream, buffer, head }
    }
}

impl Client {
    fn address(&self) -> String {
        parse_connect_reply(&self.head).unwrap().config.addresses[0].addr().to_string()
    }

    async fn send(&mut self, kind: FrameType, payload: &[u8]) {
        self.stream.write_all(&cstp::encode(kind, payload).unwrap()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next frame; `None` when the gateway has closed.
    async fn frame(&mut self) -> Option<(FrameType, Vec<u8>)> {
        let next = async {
            loop {
                if let Some((frame, used)) = cstp::decode(&self.buffer).unwrap() {
                    let frame = (frame.kind, frame.payload.to_vec());
                    self.buffer.drain(..used);
                    return Some(frame);
                }
                if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                    return None;
                }
            }
        };
        timeout(Duration::from_secs(5), next).await.expect("neither a frame nor an end")
    }

    async fn pong(&mut self) {
        self.send(FrameType::DpdRequest, b"1234").await;
        assert_eq!(self.frame().await, Some((FrameType::DpdResponse, b"1234".to_vec())));
    }
}

#[tokio::test]
async fn a_cookie_opens_a_tunnel_and_packets_go_through() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    assert_eq!(client.head.status, 200);
    // openconnect looks for these by their exact case.
    for name in ["X-CSTP-Address", "X-CSTP-MTU", "X-CSTP-DPD", "X-CSTP-Keepalive", "X-CSTP-Split-Include"] {
        assert!(
            client.head.headers.iter().any(|(have, _)| have == name),
            "{name}: {:?}",
            client.head.headers
        );
    }
    assert!(!client.head.headers.iter().any(|(name, _)| name.starts_with("X-DTLS")));
    let (mine, session) = (client.address(), grant.session.unwrap());
    let syn = tcp(&mine, 40_000, WEB, 80, SYN);
    client.send(FrameType::Data, &syn).await;
    client.pong().await;
    assert_eq!(gateway.lab.outside.take(), [syn]);
    client.send(FrameType::Data, &tcp(&mine, 40_000, WEB, 443, SYN)).await;
    let (kind, packet) = client.frame().await.unwrap();
    assert_eq!((kind, ip::Packet::parse(&packet).unwrap().icmp()), (FrameType::Data, Some((3, 13))));
    assert!(gateway.lab.sessions.get(&session).unwrap().is_attached());
}

#[tokio::test]
async fn a_dead_cookie_gets_401_and_another_target_404() {
    let gateway = gateway().await;
    assert_eq!(gateway.connect(&Secret::new("nonsense")).await.head.status, 401);
    assert_eq!(gateway.connect_as(&Secret::new("x"), None, |r| r.cookie = None).await.head.status, 401);
    let grant = gateway.lab.sign_in(None);
    gateway.lab.sessions.end(grant.session.as_ref().unwrap(), EndReason::Idle, "gateway", now()).await;
    let refused = gateway.connect(&grant.cookie).await;
    assert_eq!(refused.head.status, 401);
    assert_eq!(refused.head.headers.get("X-Reason"), Some(EndReason::Idle.as_str()));
}

#[tokio::test]
async fn a_session_that_opens_one_tunnel_after_another_is_told_to_wait() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut opened = 0;
    let refused = loop {
        let client = gateway.connect(&grant.cookie).await;
        if client.head.status != 200 {
            break client.head;
        }
        opened += 1;
        assert!(opened < 1000);
    };
    assert!(opened >= 10, "{opened}");
    assert_eq!(refused.status, 503);
    assert_eq!(refused.headers.get("X-Reason"), Some(text::TOO_OFTEN));
    assert_eq!(refused.headers.get("Retry-After"), Some("1"));
}

#[tokio::test]
async fn a_bye_ends_the_session_and_its_cookie() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    client.send(FrameType::Disconnect, b"\xb0Aborted by caller").await;
    assert_eq!(client.frame().await, None);
    assert_eq!(gateway.connect(&grant.cookie).await.head.status, 401);
    let id = grant.session.unwrap();
    let ended = loop {
        match gateway.lab.store.session(&id).unwrap().unwrap().ended {
            Some((_, reason)) => break reason,
            // Another thread is about to write it down.
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(ended, EndReason::UserLogout);
}

#[tokio::test]
async fn a_detach_and_a_lost_connection_keep_session_and_address() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    let address = client.address();
    client.send(FrameType::Disconnect, b"").await;
    assert_eq!(client.frame().await, None);
    let client = gateway.connect(&grant.cookie).await;
    assert_eq!(client.address(), address);
    drop(client);
    let mut client = gateway.connect(&grant.cookie).await;
    assert_eq!(client.address(), address);
    client.pong().await;
}

#[tokio::test]
async fn a_session_whose_tunnel_fails_by_the_gateways_own_code_is_away_and_its_client_can_come_back() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    let session = gateway.lab.sessions.get(&grant.session.unwrap()).unwrap();
    gateway.lab.outside.fail();
    client.send(FrameType::Data, &tcp(&client.address(), 40_000, WEB, 80, SYN)).await;
    assert_eq!(client.frame().await, None);
    let away = async {
        while session.is_attached() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), away).await.expect("still attached to a tunnel that is gone");
    assert_eq!(gateway.lab.metrics.tunnels.get(), 0);
    gateway.connect(&grant.cookie).await.pong().await;
}

#[tokio::test]
async fn the_newest_connection_wins_and_the_old_one_is_told_by_an_empty_disconnect() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut old = gateway.connect(&grant.cookie).await;
    let mut new = gateway.connect(&grant.cookie).await;
    assert_eq!(old.frame().await, Some((FrameType::Disconnect, Vec::new())));
    assert_eq!(old.frame().await, None);
    new.pong().await;
    let session = gateway.lab.sessions.get(&grant.session.unwrap()).unwrap();
    assert!(session.is_attached());
    while gateway.lab.metrics.tunnels.get() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_administrator_s_end_reaches_the_client_with_its_reason() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    gateway.lab.sessions.end(grant.session.as_ref().unwrap(), EndReason::Admin, "admin:root", now()).await;
    let (kind, payload) = client.frame().await.unwrap();
    assert_eq!(kind, FrameType::Disconnect);
    let Disconnect::Reason { reason, text, .. } = disconnect::decode(&payload) else { panic!("{payload:?}") };
    assert_eq!((reason, text.as_str()), (Some(EndReason::Admin), text::ended(EndReason::Admin)));
    assert_eq!(client.frame().await, None);
}

#[tokio::test]
async fn a_client_that_is_still_sending_gets_to_read_why_its_session_ended() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    gateway.lab.sessions.end(grant.session.as_ref().unwrap(), EndReason::Admin, "admin:root", now()).await;
    // Into a connection that was reset, the second write would fail, or kill a client that does not ignore SIGPIPE.
    for _ in 0..50 {
        client.send(FrameType::DpdRequest, b"").await;
        tokio::task::yield_now().await;
    }
    let mut last = None;
    while let Some((kind, _)) = client.frame().await {
        // The first questions may have come before the order.
        assert_ne!(last, Some(FrameType::Disconnect));
        last = Some(kind);
    }
    assert_eq!(last, Some(FrameType::Disconnect));
}

#[tokio::test]
async fn a_gateway_that_stops_says_nothing_about_the_session() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    gateway.stop.send(true).unwrap();
    assert_eq!(client.frame().await, None);
    assert!(gateway.lab.sessions.get(&grant.session.unwrap()).is_some());
}

#[tokio::test]
async fn garbage_and_a_cut_frame_end_the_channel_and_not_the_session() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect(&grant.cookie).await;
    client.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(client.frame().await, None);
    let mut client = gateway.connect(&grant.cookie).await;
    let frame = cstp::encode(FrameType::Data, &[0x45; 100]).unwrap();
    client.stream.write_all(&frame[..50]).await.unwrap();
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.frame().await, None);
    gateway.connect(&grant.cookie).await.pong().await;
}

#[tokio::test]
async fn a_bound_session_needs_its_device_and_its_cookie_rotates() {
    let gateway = gateway().await;
    let device = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = DeviceKey(device.public_key().as_ref().try_into().unwrap());
    let grant = gateway.lab.sign_in(Some(key));
    assert_eq!(gateway.connect(&grant.cookie).await.head.status, 401, "no proof");
    let stranger = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let refused = gateway.connect_as(&grant.cookie, Some(&stranger), |_| {}).await;
    assert_eq!(refused.head.status, 401, "another device");

    let first = gateway.connect_as(&grant.cookie, Some(&device), |_| {}).await;
    let next = Secret::new(first.head.headers.get("X-Praya-Cookie").unwrap());
    assert_ne!(next, grant.cookie);
    // The old one is good until the new one is used.
    let again = gateway.connect_as(&grant.cookie, Some(&device), |_| {}).await;
    assert_eq!(again.head.status, 200);
    let next = Secret::new(again.head.headers.get("X-Praya-Cookie").unwrap());
    assert_eq!(gateway.connect_as(&next, Some(&device), |_| {}).await.head.status, 200);
    assert_eq!(gateway.connect_as(&grant.cookie, Some(&device), |_| {}).await.head.status, 401);
}

#[tokio::test]
async fn a_small_link_gets_a_small_mtu_and_no_ipv6() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let client = gateway.connect_as(&grant.cookie, None, |r| r.base_mtu = Some(1300)).await;
    let config = parse_connect_reply(&client.head).unwrap().config;
    assert_eq!(config.mtu, 1211);
    assert!(config.addresses.iter().all(|net| net.addr().is_ipv4()));
    let client = gateway.connect_as(&grant.cookie, None, |r| r.base_mtu = Some(1500)).await;
    let config = parse_connect_reply(&client.head).unwrap().config;
    assert_eq!((config.mtu, config.addresses.len()), (1400, 2));
}

#[tokio::test]
async fn a_client_of_no_family_that_the_gateway_has_is_told_so() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let client = gateway
        .connect_as(&grant.cookie, None, |r| (r.ipv4, r.ipv6, r.base_mtu) = (false, true, Some(1300)))
        .await;
    assert_eq!((client.head.status, client.head.headers.get("X-Reason")), (503, Some(text::NO_ADDRESS)));
}

/// Runs a client's channel until `done`.
async fn drive(
    udp: &mut UdpChannel<UdpIo>,
    packets: &mut Vec<Bytes>,
    mut done: impl FnMut(&mut UdpChannel<UdpIo>, &[Bytes]) -> bool,
) {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let driving = poll_fn(|cx| {
        // Its own timers are met by the tick.
        while tick.poll_tick(cx).is_ready() {}
        let now = Instant::now();
        while udp.poll_receive(cx, now, packets).is_ready() {}
        let _ = udp.take_tls_keepalive();
        let _ = udp.poll_flush(cx, now);
        if done(udp, packets) { Poll::Ready(()) } else { Poll::Pending }
    });
    timeout(Duration::from_secs(20), driving).await.unwrap();
}

#[tokio::test]
async fn packets_go_by_udp_both_ways_once_its_handshake_is_over() {
    let gateway = gateway().await;
    let grant = gateway.lab.sign_in(None);
    let mut client = gateway.connect_as(&grant.cookie, None, |request| request.datagrams.psk = true).await;
    let answer = parse_connect_reply(&client.head).unwrap().datagrams.unwrap();
    let DatagramKey::Psk { app_id } = answer.key else { panic!("{answer:?}") };
    let key = client.stream.get_ref().1.export_keying_material([0_u8; 32], PSK_EXPORTER, None).unwrap();
    let peer = SocketAddr::from(([127, 0, 0, 1], answer.port));
    let rhythm = Rhythm {
        role: Role::Client,
        dpd: Duration::from_secs(30),
        keepalive: Duration::ZERO,
        rekey: Duration::ZERO,
    };
    let settings = ChannelSettings {
        rhythm,
        config: Config::psk(&key, SessionId::new(&app_id).unwrap()),
        peer: Some(peer.into()),
        mtu: 1400,
        sure_datagram: SURE_DATAGRAM,
        longest_datagram: None,
    };
    let mut udp = UdpChannel::new(UdpIo::connect(peer).unwrap(), settings, Instant::now());
    let syn = tcp(&client.address(), 40_000, WEB, 80, SYN);
    let answer = tcp(WEB, 80, &client.address(), 40_000, SYN | ACK);
    let mut packets = Vec::new();
    drive(&mut udp, &mut packets, |udp, _| udp.channel() == Channel::Udp).await;
    assert_eq!(udp.send(&Packet::ordinary(syn.clone().into()), Instant::now()), Delivery::Delivered);
    drive(&mut udp, &mut packets, |_, _| gateway.lab.outside.take() == [syn.clone()]).await;
    // The gateway answers where the client has spoken.
    let from_network = &mut vec![Packet::ordinary(answer.clone().into())];
    gateway.lab.switch.deliver(from_network, &gateway.lab.outside, Instant::now());
    drive(&mut udp, &mut packets, |_, packets| !packets.is_empty()).await;
    assert_eq!(packets, [answer]);
    let session = gateway.lab.sessions.get(&grant.session.unwrap()).unwrap();
    assert_eq!(session.counters.values().udp.packets_received, 1);
    client.pong().await;
}

#[tokio::test]
async fn the_tunnel_is_to_be_renewed_and_its_udp_channel_only_with_it() {
    let gateway = gateway().await;
    let cookie = gateway.lab.sign_in(None).cookie;
    let client = gateway.connect_as(&cookie, None, |request| request.datagrams.psk = true).await;
    let headers: Vec<_> = client.head.headers.iter().map(|(name, _)| name).collect();
    assert!(headers.contains(&"X-CSTP-Rekey-Time") && headers.contains(&"X-DTLS-Port"), "{headers:?}");
    assert!(!headers.iter().any(|name| name.starts_with("X-DTLS-Rekey")), "{headers:?}");
}

#[tokio::test]
async fn who_offers_no_udp_is_told_of_none() {
    let gateway = gateway().await;
    let client = gateway.connect(&gateway.lab.sign_in(None).cookie).await;
    assert_eq!(parse_connect_reply(&client.head).unwrap().datagrams, None);
}
