//! The server over loopback, with real TLS: hostile input, limits and order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::{Connect, Limits, Server, TunnelEntry};
use super::tls::ServerTls;
use crate::metrics::Metrics;

type Client = TlsStream<TcpStream>;

/// Answers CONNECT with 200 and echoes.
struct Echo;

impl TunnelEntry for Echo {
    async fn enter(&self, mut connect: Connect) {
        connect.slot.tunnel();
        connect.stream.write_all(b"HTTP/1.1 200 CONNECTED\r\n\r\n").await.unwrap();
        connect.stream.write_all(&connect.early).await.unwrap();
        let mut buffer = [0; 64];
        while let Ok(len @ 1..) = connect.stream.read(&mut buffer).await {
            connect.stream.write_all(&buffer[..len]).await.unwrap();
        }
    }
}

struct Lab {
    port: u16,
    metrics: Metrics,
    connector: TlsConnector,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    _folder: TempDir,
}

fn quick() -> Limits {
    Limits {
        connections: 1000,
        connections_per_source: 1000,
        handshakes_per_second: 0,
        handshake_time: Duration::from_secs(10),
        request_time: Duration::from_secs(10),
        keep_alive_time: Duration::from_secs(10),
        write_time: Duration::from_secs(10),
        body_bytes: 1000,
        drain_time: Duration::from_secs(5),
    }
}

async fn lab(limits: Limits) -> Lab {
    lab_with(limits, rustls::ALL_VERSIONS).await
}

async fn lab_with(limits: Limits, client: &[&'static rustls::SupportedProtocolVersion]) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["vpn.test".to_owned()]).unwrap();
    let (chain, key) = (folder.path().join("crt"), folder.path().join("key"));
    std::fs::write(&chain, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&chain).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(client)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();

    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(|body: String| async move { body }));
    let metrics = Metrics::new();
    let server = Server::new(ServerTls::load(&chain, &key).unwrap(), router, Echo, limits, metrics.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopping) = watch::channel(false);
    let server = tokio::spawn(Arc::new(server).serve(listener, stopping));
    Lab { port, metrics, connector: TlsConnector::from(Arc::new(config)), stop, server, _folder: folder }
}

impl Lab {
    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn client(&self) -> Client {
        let name = ServerName::try_from("vpn.test").unwrap();
        self.connector.connect(name, self.tcp().await).await.unwrap()
    }

    /// Everything that comes back when `bytes` are sent on a new connection, until it is closed.
    async fn ask(&self, bytes: &[u8]) -> String {
        let mut client = self.client().await;
        client.write_all(bytes).await.unwrap();
        read_all(&mut client).await
    }
}

async fn read_all(client: &mut Client) -> String {
    let mut answer = Vec::new();
    // However the server closes: what came until then counts.
    let _ = client.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Reads one answer of a connection that stays open.
async fn read_answer(client: &mut Client) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if length.is_some_and(|length| body.len() >= length.parse::<usize>().unwrap()) {
                return text;
            }
        }
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "closed after {text:?}");
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection_pipelined_too() {
    let lab = lab(quick()).await;
    let mut client = lab.client().await;
    let first = b"POST /echo HTTP/1.1\r\nHost: vpn.test\r\nContent-Length: 3\r\n\r\none";
    let last = b"GET / HTTP/1.1\r\nHost: vpn.test\r\nConnection: close\r\n\r\n";
    client.write_all(&[&first[..], &first[..], &last[..]].concat()).await.unwrap();
    let answers = read_all(&mut client).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(answers.matches("\r\n\r\none").count(), 2, "{answers}");
    assert!(answers.ends_with("hello") && answers.contains("Connection: close"), "{answers}");
}

#[tokio::test]
async fn tls_1_2_and_1_3_both_work() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let lab = lab_with(quick(), &[version]).await;
        let answer = lab.ask(b"GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(status(&answer), "200", "{answer}");
    }
}

#[tokio::test]
async fn each_misuse_has_its_answer_and_the_connection_closes() {
    let lab = lab(quick()).await;
    let host = "Host: vpn.test\r\n";
    for (request, expected) in [
        ("garbage\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\n{host}\n"), "400"),
        (format!("GET / HTTP/1.1\r\n{host} folded: x\r\n\r\n"), "400"),
        ("GET / HTTP/1.1\r\nHost : vpn.test\r\n\r\n".to_owned(), "400"),
        (
            format!("POST /echo HTTP/1.1\r\n{host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "400",
        ),
        (format!("POST /echo HTTP/1.1\r\n{host}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), "400"),
        (
            format!("POST /echo HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            "411",
        ),
        (format!("POST /echo HTTP/1.1\r\n{host}Content-Length: 1001\r\n\r\n{}", "x".repeat(1001)), "413"),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(5000)), "414"),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(40_000)), "431"),
        (format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "a".repeat(20_000)), "431"),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(70)), "431"),
        (format!("BREW / HTTP/1.1\r\n{host}\r\n"), "501"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = lab.ask(request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{} -> {answer}", &request[..request.len().min(100)]);
        assert!(answer.contains("Connection: close"), "{answer}");
        assert!(answer.contains("Content-Type: application/json"), "{answer}");
        assert!(answer.contains("{\"code\":\"protocol\",\"detail\":\""), "{answer}");
    }
    let close = "Connection: close\r\n\r\n";
    for (request, expected) in [
        (format!("GET /nothing HTTP/1.1\r\n{host}{close}"), "404"),
        (format!("GET /echo HTTP/1.1\r\n{host}{close}"), "405"),
    ] {
        let answer = lab.ask(request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }
}

#[tokio::test]
async fn head_gets_the_length_without_the_body() {
    let lab = lab(quick()).await;
    let answer = lab.ask(b"HEAD / HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("Content-Length: 5\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_is_told_to_continue() {
    let lab = lab(quick()).await;
    let mut client = lab.client().await;
    client
        .write_all(b"POST /echo HTTP/1.1\r\nHost: v\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut interim = [0; 25];
    client.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"abc").await.unwrap();
    assert!(read_all(&mut client).await.ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn a_slow_head_and_a_slow_body_end_with_408_and_silence_ends_without_a_word() {
    let lab = lab(Limits { request_time: Duration::from_millis(200), ..quick() }).await;
    for started in ["GET / HT", "POST /echo HTTP/1.1\r\nHost: v\r\nContent-Length: 10\r\n\r\nabc"] {
        let answer = lab.ask(started.as_bytes()).await;
        assert_eq!(status(&answer), "408", "{answer}");
    }
    assert_eq!(lab.ask(b"").await, "");
}

#[tokio::test]
async fn a_drip_of_bytes_does_not_stretch_the_time() {
    let lab = lab(Limits { request_time: Duration::from_millis(300), ..quick() }).await;
    let (mut reader, mut writer) = tokio::io::split(lab.client().await);
    let drip = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while writer.write_all(b"a").await.is_ok() && writer.flush().await.is_ok() {
            tick.tick().await;
        }
    });
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(8), reader.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "still open");
    drip.abort();
}

#[tokio::test]
async fn garbage_instead_of_tls_and_a_handshake_that_never_ends_are_cut() {
    let lab = lab(Limits { handshake_time: Duration::from_millis(200), ..quick() }).await;
    let mut garbage = lab.tcp().await;
    garbage.write_all(b"GET / HTTP/1.1\r\nHost: v\r\n\r\n").await.unwrap();
    let mut silent = lab.tcp().await;
    let mut sink = Vec::new();
    let _ = garbage.read_to_end(&mut sink).await;
    let _ = silent.read_to_end(&mut sink).await;
    let metrics = lab.metrics.render();
    assert!(metrics.contains("connections_refused_total{reason=\"tls\"} 1"), "{metrics}");
    assert!(metrics.contains("connections_refused_total{reason=\"tls_timeout\"} 1"), "{metrics}");
}

#[tokio::test]
async fn two_thousand_idle_connections_from_one_client_do_not_keep_it_from_its_next_request() {
    let lab = lab(Limits { connections_per_source: 50, ..quick() }).await;
    let mut idle = Vec::new();
    for _ in 0..2000 {
        idle.push(lab.tcp().await);
    }
    let answer = lab.ask(b"GET / HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), "200");
    // The first ones had to go.
    let mut sink = [0; 1];
    assert!(matches!(idle[0].read(&mut sink).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_source_that_keeps_the_gateway_computing_handshakes_has_to_wait_and_who_only_connects_costs_nothing()
 {
    let lab = lab(Limits { connections_per_source: 3, handshakes_per_second: 1, ..quick() }).await;
    for _ in 0..20 {
        drop(lab.tcp().await);
    }
    let mut refused = 0;
    for _ in 0..20 {
        let name = ServerName::try_from("vpn.test").unwrap();
        let connected = lab.connector.connect(name, lab.tcp().await).await;
        refused += u32::from(connected.is_err());
    }
    // Three at once, and one more for each second that this took.
    assert!((1..=17).contains(&refused), "{refused}");
    let metrics = lab.metrics.render();
    assert!(
        metrics.contains(&format!("connections_refused_total{{reason=\"handshake_rate\"}} {refused}")),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_tunnel_gets_what_was_sent_behind_its_head_and_is_not_evicted() {
    let lab = lab(Limits { connections_per_source: 2, ..quick() }).await;
    let mut tunnel = lab.client().await;
    tunnel.write_all(b"CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\nHost: v\r\n\r\nearly").await.unwrap();
    let expected = b"HTTP/1.1 200 CONNECTED\r\n\r\nearly";
    let mut answer = vec![0; expected.len()];
    tunnel.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, expected);
    for _ in 0..20 {
        lab.ask(b"GET / HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n").await;
    }
    tunnel.write_all(b"still").await.unwrap();
    let mut answer = [0; 5];
    tunnel.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"still");
}

#[tokio::test]
async fn stopping_ends_waiting_connections_at_once() {
    let lab = lab(quick()).await;
    let mut client = lab.client().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: v\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut client).await.contains("Connection: keep-alive"));
    lab.stop.send(true).unwrap();
    assert_eq!(read_all(&mut client).await, "");
    tokio::time::timeout(Duration::from_secs(2), lab.server).await.unwrap().unwrap();
}
