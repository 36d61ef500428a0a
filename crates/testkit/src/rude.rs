//! A client without manners: TLS to a server that it does not verify, and then whatever bytes a test wants.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

use crate::{HANG, Namespace};

/// A TLS connection that trusts anybody.
pub struct Rude {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Rude {
    /// Connects from a machine.
    ///
    /// # Errors
    /// When TCP or TLS fails.
    pub fn connect(from: &Namespace, to: SocketAddr) -> Result<Self> {
        Self::over(tcp(from, to)?, rustls::ALL_VERSIONS)
    }

    /// Connects from where the calling thread is.
    ///
    /// # Errors
    /// When TCP or TLS fails.
    pub fn connect_from_here(to: SocketAddr) -> Result<Self> {
        Self::over(tcp_from_here(to)?, rustls::ALL_VERSIONS)
    }

    /// Speaks TLS over a connection that stands already, with these protocol versions.
    ///
    /// # Errors
    /// When TLS fails.
    pub fn over(tcp: TcpStream, versions: &[&'static SupportedProtocolVersion]) -> Result<Self> {
        let name = ServerName::try_from("gateway.test").context("a name")?;
        let connection = ClientConnection::new(Arc::new(configuration(versions)?), name)?;
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream })
    }

    /// The TLS version in use.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.stream.conn.protocol_version()
    }

    /// The bytes that a TLS exporter yields here.
    ///
    /// # Errors
    /// When the handshake is not over.
    pub fn exporter(&self, label: &[u8]) -> Result<[u8; 32]> {
        Ok(self.stream.conn.export_keying_material([0_u8; 32], label, None)?)
    }

    /// Sends bytes in one record.
    ///
    /// # Errors
    /// When the peer has gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends bytes under TLS, as a peer that has lost its mind.
    ///
    /// # Errors
    /// When the peer has gone.
    pub fn send_below_tls(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.sock.write_all(bytes)
    }

    /// Reads whatever comes next; nothing at the peer's end.
    ///
    /// # Errors
    /// When the connection breaks or nothing comes.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 32 * 1024];
        let count = self.stream.read(&mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    /// Reads until `enough` says so of everything read, or the peer ends; returns everything.
    ///
    /// # Errors
    /// When the connection breaks first; a peer that closes without TLS's farewell counts as an end.
    pub fn receive_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while !enough(&all) {
            match self.receive() {
                Ok(more) if more.is_empty() => break,
                Ok(more) => all.extend(more),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// One HTTP exchange: sends `request` as it is, and reads a head and as much body as it announces.
    ///
    /// # Errors
    /// When the connection breaks first.
    pub fn exchange(&mut self, request: &[u8]) -> Result<String> {
        self.send(request)?;
        let all = self.receive_until(reply_is_complete)?;
        Ok(String::from_utf8_lossy(&all).into_owned())
    }

    /// Waits until the peer has closed; returns what it still sent.
    ///
    /// # Errors
    /// When it does not close.
    pub fn wait_for_close(&mut self) -> io::Result<Vec<u8>> {
        match self.receive_until(|_| false) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Vec::new()),
            other => other,
        }
    }
}

/// What a client does that trusts anybody and speaks these versions.
///
/// # Errors
/// When there is no such version.
pub fn configuration(versions: &[&'static SupportedProtocolVersion]) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth())
}

/// A bare TCP connection from a machine, with a bound on how long a read may take.
///
/// # Errors
/// When it is refused.
pub fn tcp(from: &Namespace, to: SocketAddr) -> Result<TcpStream> {
    from.within(move || tcp_from_here(to))?
}

fn tcp_from_here(to: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, HANG)?;
    stream.set_read_timeout(Some(HANG))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn reply_is_complete(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|value| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    bytes.len() >= end + 4 + length
}

/// Accepts every certificate; signatures are still checked, because a broken one would be a finding.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
