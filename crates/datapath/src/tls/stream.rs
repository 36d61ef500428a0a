//! A TLS connection as a byte stream: for the requests and answers before the tunnel.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rustls::{CipherSuite, ClientConfig, Error, HandshakeKind, ProtocolVersion, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::handshake::{self, Hello, Settled};
use super::records::{MAX_CONTENT, MAX_RECORD, Records};

/// Bytes read from the socket at once: one record of the longest.
const READ: usize = MAX_RECORD;
/// Bytes that may wait to be sent before no more are taken.
const MAX_UNSENT: usize = 4 * MAX_CONTENT;

thread_local! {
    /// What is read into; a connection keeps only what it cannot open or hand over at once.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A TLS connection on `S`.
///
/// Reading gives end of file after the peer's `close_notify`, and `UnexpectedEof` when the connection ends without;
/// what is wrong with the TLS of the peer is `InvalidData` around [`rustls::Error`], as with tokio-rustls. What is
/// written waits in a bounded buffer when the socket does not take it; flush it before waiting for an answer. Buffers
/// are given back when they are empty. Dropping a read or a write loses nothing.
pub struct TlsStream<S> {
    io: S,
    records: Records,
    settled: Box<Settled>,
    /// Received and not yet opened: less than a record, once it was looked at.
    sealed: Vec<u8>,
    /// Opened and not yet read.
    plain: Queue,
    /// To be sent.
    unsent: Queue,
    eof: bool,
}

/// A connection taken apart, see [`TlsStream::into_records`].
pub struct Detached<S> {
    /// What the connection is on.
    pub io: S,
    /// The record layer.
    pub records: Records,
    /// What the peer has sent and was not read.
    pub early: Bytes,
    /// Received and not yet opened: what [`Records::open_all`] is to be given first, before what comes from `io`.
    pub sealed: Vec<u8>,
    /// What `io` has to send before anything else; empty after a flush.
    pub unsent: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Connects to the server `name` that answers on `io`.
    ///
    /// # Errors
    /// `InvalidData` around [`rustls::Error`] when the handshake fails (the peer was told why), `UnexpectedEof` when
    /// the peer hangs up, and what `io` fails with.
    pub async fn connect(config: &ClientConfig, name: ServerName<'static>, io: S) -> io::Result<Self> {
        handshake::connect(config, name, io).await
    }

    /// Takes in the client on `io`. [`Hello`] is for those who want to look at the client first.
    ///
    /// # Errors
    /// As [`TlsStream::connect`].
    pub async fn accept(config: &ServerConfig, io: S) -> io::Result<Self> {
        Hello::read(io).await?.accept(config).await
    }
}

impl<S> TlsStream<S> {
    pub(super) fn new(io: S, records: Records, settled: Settled, sealed: Vec<u8>) -> Self {
        Self {
            io,
            records,
            settled: Box::new(settled),
            sealed,
            plain: Queue::default(),
            unsent: Queue::default(),
            eof: false,
        }
    }

    pub(super) fn settled_mut(&mut self) -> &mut Settled {
        &mut self.settled
    }

    /// What the connection is on.
    pub fn get_ref(&self) -> &S {
        &self.io
    }

    /// What the connection is on; reading or writing it breaks the connection.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.io
    }

    /// TLS 1.3 or 1.2.
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.settled.version
    }

    /// The negotiated suite.
    pub fn cipher_suite(&self) -> CipherSuite {
        self.records.suite()
    }

    /// Whether the handshake was a full one or a resumption.
    pub fn handshake_kind(&self) -> Option<HandshakeKind> {
        self.settled.kind
    }

    /// The protocol agreed on by ALPN.
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.settled.alpn.as_deref()
    }

    /// The certificates that the peer has shown, its own first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.settled.peer_certificates.as_deref()
    }

    /// The name that the client has asked for; `None` on the client.
    pub fn server_name(&self) -> Option<&str> {
        self.settled.server_name.as_deref()
    }

    /// Fills `output` with keying material bound to this connection (RFC 8446, section 7.5; RFC 5705).
    ///
    /// # Errors
    /// `output` is empty or longer than the hash function allows, or the peer has cut its ServerHello (TLS 1.2) into
    /// pieces that nobody sends.
    pub fn export_keying_material<T: AsMut<[u8]>>(
        &self,
        output: T,
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<T, Error> {
        let Some(exporter) = &self.settled.exporter else { return Err(Error::HandshakeNotComplete) };
        exporter.export(output, label, context)
    }

    /// Takes the connection apart, for whoever moves records himself. Secrets of exporters are wiped.
    pub fn into_records(self) -> Detached<S> {
        Detached {
            io: self.io,
            records: self.records,
            early: Bytes::copy_from_slice(self.plain.rest()),
            sealed: self.sealed,
            unsent: self.unsent.rest().to_vec(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Makes `plain` have something, or tells that nothing will come.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut sealed = std::mem::take(&mut self.sealed);
        let opened = self.open(cx, &mut sealed);
        let result = match opened {
            Ok(()) => self.read_and_open(cx, &mut sealed),
            Err(error) => Poll::Ready(Err(error)),
        };
        // Only what cannot be opened yet is kept, and nothing is kept of an empty buffer.
        self.sealed = sealed;
        result
    }

    fn read_and_open(&mut self, cx: &mut Context<'_>, sealed: &mut Vec<u8>) -> Poll<io::Result<()>> {
        let mut scratch = SCRATCH.take();
        scratch.resize(READ, 0);
        let result = self.read_by(cx, sealed, &mut scratch);
        SCRATCH.set(scratch);
        result
    }

    fn read_by(
        &mut self,
        cx: &mut Context<'_>,
        sealed: &mut Vec<u8>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>> {
        while self.plain.is_empty() && !self.records.is_closed_by_peer() {
            if self.eof {
                return Poll::Ready(Err(truncated()));
            }
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let fresh = read.filled_mut();
            if fresh.is_empty() {
                self.eof = true;
            } else if sealed.is_empty() {
                let done = self.open_slice(cx, fresh)?;
                sealed.extend_from_slice(fresh.get(done..).unwrap_or_default());
            } else {
                sealed.extend_from_slice(fresh);
                self.open(cx, sealed)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn open(&mut self, cx: &mut Context<'_>, sealed: &mut Vec<u8>) -> io::Result<()> {
        let done = self.open_slice(cx, sealed)?;
        sealed.drain(..done);
        if sealed.is_empty() {
            *sealed = Vec::new();
        }
        Ok(())
    }

    fn open_slice(&mut self, cx: &mut Context<'_>, sealed: &mut [u8]) -> io::Result<usize> {
        self.records.open_all(sealed, self.plain.end(), |_| {}).map_err(|error| {
            let mut alert = Vec::new();
            if self.records.write_due(&mut alert).is_ok() {
                self.unsent.end().extend_from_slice(&alert);
                handshake::try_send(&mut self.io, cx, self.unsent.rest());
                self.unsent = Queue::default();
            }
            error.into()
        })
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, self.unsent.rest()))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(sent);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if this.plain.is_empty() && !this.records.is_closed_by_peer() {
            let filled = ready!(this.poll_fill(cx));
            // What came before the error is read first; the error comes again.
            if this.plain.is_empty() {
                filled?;
            }
        }
        let waiting = this.plain.rest();
        let taken = waiting.len().min(buf.remaining());
        buf.put_slice(waiting.get(..taken).unwrap_or_default());
        this.plain.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.unsent.rest().len() >= MAX_UNSENT {
            ready!(this.poll_send(cx))?;
        }
        let now = buf.get(..buf.len().min(MAX_CONTENT)).unwrap_or_default();
        this.records.seal(this.unsent.end(), &[now])?;
        // The bytes are taken in; whether the socket takes them now, a later write or flush will see.
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(now.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.records.write_due(this.unsent.end())?;
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.records.close_notify(this.unsent.end())?;
        ready!(this.poll_send(cx))?;
        match ready!(Pin::new(&mut this.io).poll_shutdown(cx)) {
            // It is gone already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            done => Poll::Ready(done),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("io", &self.io)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for Detached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detached")
            .field("io", &self.io)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "peer closed connection without sending TLS close_notify")
}

/// Bytes that are put in at the end and taken from the front. Empty, it holds no memory.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    taken: usize,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    fn end(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        &mut self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.taken += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }
}
