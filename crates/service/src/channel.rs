//! Opens the tunnel channel: TCP, TLS, the CONNECT head with the proof of the device key, the gateway's answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use praya_datapath::tls::TlsStream;
use praya_model::api::PROOF_EXPORTER;
use praya_model::profile::ProfileError;
use praya_model::{FailureCode, GatewayAddress};
use praya_wire::http::{RequestHead, ResponseHead, parse_response, write_request};
use rustls::{AlertDescription, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::tls;

/// How long all attempts to connect by TCP may take together.
const TCP: Duration = Duration::from_secs(6);
/// The head start of each address before the next is tried too (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(6);
/// How long the answer to CONNECT may take.
const ANSWER: Duration = Duration::from_secs(6);
/// Dead connections that the pump does not notice, because a packet is stuck in them, are ended by the kernel.
const USER_TIMEOUT_MILLIS: u32 = 60_000;

/// What the builder of the CONNECT head may need to know of the connection.
#[derive(Debug)]
pub struct Binding {
    /// The TLS exporter that a device proof signs; `None` where the TLS version gives none.
    pub exporter: Option<[u8; 32]>,
    /// The link's MTU towards the gateway, in bytes.
    pub base_mtu: Option<u16>,
}

/// A channel on which the gateway has answered; with status 200 it carries CSTP from here on.
#[derive(Debug)]
pub struct Channel {
    /// The connection.
    pub stream: TlsStream<TcpStream>,
    /// The answer, whatever its status.
    pub head: ResponseHead,
    /// What came after the answer's head.
    pub early: Bytes,
    /// The gateway's address that answered.
    pub peer: SocketAddr,
}

/// Why there is no channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The gateway is not reachable, not believed, or does not speak HTTP.
    Failed(FailureCode),
    /// The gateway answered CONNECT with the TLS alert `access_denied`: what ocserv does with a cookie that it does
    /// not know.
    Denied,
}

impl From<FailureCode> for OpenError {
    fn from(failure: FailureCode) -> Self {
        Self::Failed(failure)
    }
}

/// Connects to whichever of `addresses` answers first and sends the head that `build` makes.
///
/// # Errors
/// See [`OpenError`]. A status code is never an error here.
pub async fn open(
    gateway: &GatewayAddress,
    addresses: &[SocketAddr],
    tls: &Arc<ClientConfig>,
    build: impl FnOnce(&Binding) -> RequestHead,
) -> Result<Channel, OpenError> {
    let host_port = gateway.host_port();
    let late = || FailureCode::Unreachable { gateway: host_port.clone(), cause: "timeout".to_owned() };
    let failed = |error: &std::io::Error| tls::failure(error, &host_port);
    // Not every name that a resolver takes can stand in a certificate.
    let name = ServerName::try_from(gateway.host().to_owned())
        .map_err(|_| FailureCode::BadProfile { problem: ProfileError::Address })?;

    let tcp = timeout(TCP, first_to_answer(addresses)).await.map_err(|_| late())?.map_err(|e| failed(&e))?;
    let peer = tcp.peer_addr().map_err(|e| failed(&e))?;
    tcp.set_nodelay(true).map_err(|e| failed(&e))?;
    rustix::net::sockopt::set_tcp_user_timeout(&tcp, USER_TIMEOUT_MILLIS).map_err(|e| failed(&e.into()))?;
    let base_mtu = base_mtu(&tcp, peer);

    let handshake = TlsStream::connect(tls, name, tcp);
    let mut stream = timeout(HANDSHAKE, handshake).await.map_err(|_| late())?.map_err(|e| failed(&e))?;
    let exporter = stream.export_keying_material([0; 32], PROOF_EXPORTER, None).ok();

    let request = write_request(&build(&Binding { exporter, base_mtu }))
        .map_err(|error| FailureCode::Internal { detail: error.to_string() })?;
    let exchange = async {
        stream.write_all(&request).await?;
        stream.flush().await?;
        let mut bytes = BytesMut::with_capacity(8 * 1024);
        loop {
            match parse_response(&bytes) {
                Ok(Some((head, length))) => return Ok(Ok((head, bytes.split_off(length).freeze()))),
                // The parser refuses a head above its limit, so the buffer is bounded by it.
                Ok(None) => {}
                Err(error) => return Ok(Err(FailureCode::Protocol { detail: error.to_string() })),
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
        }
    };
    let answered = timeout(ANSWER, exchange).await.map_err(|_| late())?;
    let (head, early) = answered.map_err(|error: std::io::Error| {
        if is_denial(&error) { OpenError::Denied } else { OpenError::Failed(failed(&error)) }
    })??;
    Ok(Channel { stream, head, early, peer })
}

fn is_denial(error: &std::io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::AlertReceived(AlertDescription::AccessDenied)))
}

/// Happy eyeballs: each address gets a head start over the next, the first connection wins.
async fn first_to_answer(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut attempts: FuturesUnordered<_> = addresses
        .iter()
        .zip(0u32..)
        .map(|(address, rank)| async move {
            sleep(HEAD_START * rank).await;
            TcpStream::connect(address).await
        })
        .collect();
    let mut first_error = None;
    while let Some(result) = attempts.next().await {
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()))
}

fn base_mtu(tcp: &TcpStream, peer: SocketAddr) -> Option<u16> {
    let mtu =
        if peer.is_ipv6() { rustix::net::sockopt::ipv6_mtu(tcp) } else { rustix::net::sockopt::ip_mtu(tcp) };
    u16::try_from(mtu.ok()?.min(u32::from(u16::MAX))).ok()
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use tokio::net::TcpListener;

    use super::*;
    use crate::test_tls::vpn_test;

    struct Gateway {
        server: ServerConfig,
        listener: TcpListener,
        name: GatewayAddress,
        addresses: Vec<SocketAddr>,
        tls: Arc<ClientConfig>,
    }

    async fn gateway() -> Gateway {
        let (server, client) = vpn_test();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Gateway {
            server,
            listener,
            name: format!("vpn.test:{}", address.port()).parse().unwrap(),
            addresses: vec![address],
            tls: client,
        }
    }

    fn connect(_: &Binding) -> RequestHead {
        RequestHead::new("CONNECT", "/CSCOSSLC/tunnel")
    }

    #[tokio::test]
    async fn both_ends_see_the_same_exporter_and_early_frames_are_kept() {
        let gateway = gateway().await;
        let serve = async {
            let (tcp, _) = gateway.listener.accept().await.unwrap();
            let mut stream = TlsStream::accept(&gateway.server, tcp).await.unwrap();
            let exporter = stream.export_keying_material([0; 32], PROOF_EXPORTER, None).unwrap();
            let mut request = vec![0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 CONNECTED\r\nX-CSTP-MTU: 1400\r\n\r\nSTF").await.unwrap();
            stream.flush().await.unwrap();
            (exporter, String::from_utf8(request[..length].to_vec()).unwrap())
        };
        let mut bound = None;
        let build = |binding: &Binding| {
            bound = binding.exporter;
            assert!(binding.base_mtu.is_some_and(|mtu| mtu >= 1280));
            connect(binding)
        };
        let (opened, (exporter, request)) =
            tokio::join!(open(&gateway.name, &gateway.addresses, &gateway.tls, build), serve);
        let opened = opened.unwrap();
        assert_eq!(bound, Some(exporter));
        assert!(request.starts_with("CONNECT /CSCOSSLC/tunnel HTTP/1.1\r\n"), "{request}");
        assert_eq!(
            (opened.head.status, &opened.early[..], opened.peer),
            (200, &b"STF"[..], gateway.addresses[0])
        );
        assert_eq!(opened.stream.protocol_version(), rustls::ProtocolVersion::TLSv1_3);
    }

    #[tokio::test]
    async fn what_is_no_http_is_a_protocol_failure_and_a_hang_up_is_transient() {
        for (reply, transient) in [(&b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..], false), (&b""[..], true)] {
            let gateway = gateway().await;
            let serve = async {
                let (tcp, _) = gateway.listener.accept().await.unwrap();
                let mut stream = TlsStream::accept(&gateway.server, tcp).await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
                stream.write_all(reply).await.unwrap();
                stream.shutdown().await.unwrap();
            };
            let (opened, ()) =
                tokio::join!(open(&gateway.name, &gateway.addresses, &gateway.tls, connect), serve);
            let Err(OpenError::Failed(failure)) = opened else { panic!("{opened:?}") };
            assert_eq!(failure.is_transient(), transient, "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_dead_first_address_does_not_hold_up_the_second() {
        let gateway = gateway().await;
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = closed.local_addr().unwrap();
        drop(closed);
        let stream = first_to_answer(&[dead, gateway.addresses[0]]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), gateway.addresses[0]);
    }

    #[test]
    fn the_alert_of_ocserv_for_a_dead_cookie_is_told_apart() {
        let of = |alert| is_denial(&std::io::Error::other(rustls::Error::AlertReceived(alert)));
        assert!(of(AlertDescription::AccessDenied));
        assert!(!of(AlertDescription::HandshakeFailure));
        assert!(!is_denial(&std::io::ErrorKind::ConnectionReset.into()));
    }
}
