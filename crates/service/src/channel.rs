//! Opens the tunnel channel: TCP, TLS, the CONNECT head with the proof of the device key, the gateway's answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use praya_model::api::PROOF_EXPORTER;
use praya_model::{FailureCode, GatewayAddress};
use praya_wire::http::{RequestHead, ResponseHead, parse_response, write_request};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
    /// Whether the connection is TLS 1.3.
    pub tls13: bool,
}

/// Connects to whichever of `addresses` answers first and sends the head that `build` makes.
///
/// # Errors
/// The gateway is not reachable, not believed, or does not speak HTTP. A status code is never an error here.
pub async fn open(
    gateway: &GatewayAddress,
    addresses: &[SocketAddr],
    tls: &Arc<ClientConfig>,
    build: impl FnOnce(&Binding) -> RequestHead,
) -> Result<Channel, FailureCode> {
    let host_port = gateway.host_port();
    let late = || FailureCode::Unreachable { gateway: host_port.clone(), cause: "timeout".to_owned() };
    let failed = |error: &std::io::Error| tls::failure(error, &host_port);
    let name = ServerName::try_from(gateway.host().to_owned()).map_err(|_| FailureCode::BadProfile {
        detail: "the host name cannot stand in a certificate".to_owned(),
    })?;

    let tcp = timeout(TCP, first_to_answer(addresses)).await.map_err(|_| late())?.map_err(|e| failed(&e))?;
    let peer = tcp.peer_addr().map_err(|e| failed(&e))?;
    tcp.set_nodelay(true).map_err(|e| failed(&e))?;
    rustix::net::sockopt::set_tcp_user_timeout(&tcp, USER_TIMEOUT_MILLIS).map_err(|e| failed(&e.into()))?;
    let base_mtu = base_mtu(&tcp, peer);

    let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, tcp);
    let mut stream = timeout(HANDSHAKE, handshake).await.map_err(|_| late())?.map_err(|e| failed(&e))?;
    let (_, connection) = stream.get_ref();
    let exporter = connection.export_keying_material([0; 32], PROOF_EXPORTER, None).ok();
    let tls13 = connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);

    let request = write_request(&build(&Binding { exporter, base_mtu }))
        .map_err(|error| FailureCode::Internal { detail: error.to_string() })?;
    let exchange = async {
        stream.write_all(&request).await.map_err(|e| failed(&e))?;
        stream.flush().await.map_err(|e| failed(&e))?;
        let mut bytes = BytesMut::with_capacity(8 * 1024);
        loop {
            let parsed = parse_response(&bytes)
                .map_err(|error| FailureCode::Protocol { detail: error.to_string() })?;
            if let Some((head, length)) = parsed {
                return Ok((head, bytes.split_off(length).freeze()));
            }
            // The parser refuses a head above its limit, so the buffer is bounded by it.
            if stream.read_buf(&mut bytes).await.map_err(|e| failed(&e))? == 0 {
                return Err(failed(&std::io::ErrorKind::ConnectionReset.into()));
            }
        }
    };
    let (head, early) = timeout(ANSWER, exchange).await.map_err(|_| late())??;
    Ok(Channel { stream, head, early, peer, tls13 })
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
