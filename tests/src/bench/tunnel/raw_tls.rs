//! The limit: a TLS stream by rustls over one TCP connection between the employee's machine and the gateway's, without
//! any tunnel. One thread writes, one reads, each with a core of its own where there are two.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use praya_testkit::certificate::Certificate;
use praya_tests::Lab;
use praya_tests::lab::{GATEWAY, GATEWAY_NAME};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection,
};

const PORT: u16 = 4433;
/// Bytes for each read from the socket: rustls alone asks for 4 KiB at a time.
const READ: usize = 256 * 1024;

/// Which end writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Employee,
    Gateway,
}

/// Gbit/s that arrive in `length` when `bytes` are written at once.
///
/// # Errors
/// When the connection fails.
pub(super) fn transfer(lab: &Lab, writer: Writer, bytes: usize, length: Duration) -> Result<f64> {
    let (client, server) = configurations(lab)?;
    let listener = lab.gateway.within(|| TcpListener::bind((GATEWAY, PORT)))??;
    let near = lab.employee.within(|| TcpStream::connect((GATEWAY, PORT)))??;
    let far = listener.accept()?.0;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let name = ServerName::try_from(GATEWAY_NAME)?;
    let client = ClientConnection::new(Arc::new(client), name)?;
    let server = ServerConnection::new(Arc::new(server))?;
    let far_end =
        thread::spawn(move || drive(server, far, (writer == Writer::Gateway).then_some(bytes), length));
    let near_end = drive(client, near, (writer == Writer::Employee).then_some(bytes), length)?;
    let far_end = far_end.join().ok().context("the gateway's end")??;
    near_end.or(far_end).context("one end reads")
}

fn configurations(lab: &Lab) -> Result<(ClientConfig, ServerConfig)> {
    let files = Certificate::make(&lab.gateway.folder("raw-tls")?, &[GATEWAY_NAME])?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_file(&files.authority)?)?;
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    let chain = vec![CertificateDer::from_pem_file(&files.chain)?];
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&files.key)?)?;
    Ok((client, server))
}

/// Shakes hands, then writes pieces of this size for `length`, or reads to the end; the reader returns Gbit/s.
fn drive<C, D>(mut tls: C, socket: TcpStream, writes: Option<usize>, length: Duration) -> Result<Option<f64>>
where
    C: std::ops::DerefMut<Target = ConnectionCommon<D>>,
    D: rustls::SideData,
{
    let mut output = socket.try_clone()?;
    let mut input = BufReader::with_capacity(READ, socket);
    while tls.is_handshaking() || tls.wants_write() {
        while tls.wants_write() {
            tls.write_tls(&mut output)?;
        }
        if tls.is_handshaking() {
            tls.read_tls(&mut input)?;
            tls.process_new_packets()?;
        }
    }
    if let Some(size) = writes {
        let piece = vec![0x5a; size];
        tls.set_buffer_limit(None);
        let until = Instant::now() + length;
        while Instant::now() < until {
            tls.writer().write_all(&piece)?;
            while tls.wants_write() {
                tls.write_tls(&mut output)?;
            }
        }
        tls.send_close_notify();
        while tls.wants_write() {
            tls.write_tls(&mut output)?;
        }
        // The reader still has what lies in the buffers to read, and closes when it is done.
        output.shutdown(std::net::Shutdown::Write)?;
        input.read_to_end(&mut Vec::new())?;
        return Ok(None);
    }
    let mut plain = vec![0; READ];
    let (mut bytes, mut began) = (0_usize, None);
    loop {
        let state = tls.process_new_packets()?;
        let mut waiting = state.plaintext_bytes_to_read();
        while waiting > 0 {
            began.get_or_insert_with(Instant::now);
            let count = tls.reader().read(&mut plain)?;
            bytes += count;
            waiting -= count.min(waiting);
        }
        if state.peer_has_closed() || tls.read_tls(&mut input)? == 0 {
            break;
        }
    }
    let took = began.map_or(length, |began| began.elapsed());
    Ok(Some(bytes as f64 * 8.0 / took.as_secs_f64() / 1e9))
}
