//! Drives rustls' unbuffered connections through the handshake, and takes the secrets over when it is done.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{Acceptor, ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{
    ClientConfig, CommonState, Error, ExtractedSecrets, HandshakeKind, ProtocolVersion, ServerConfig,
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::exporter::{Exporter, Keeper, RANDOM, server_random};
use super::records::{KeySchedule, Records};
use super::stream::TlsStream;

/// Bytes asked of the socket at once.
const READ: usize = 4096;
/// Longest record that rustls takes, in bytes: with the expansion that RFC 5246, section 6.2.3 allows.
const MAX_WIRE: usize = 5 + (1 << 14) + 2048;
/// Most bytes of a handshake that wait to be understood: the longest message that rustls takes, cut into records.
const MAX_WAITING: usize = 128 * 1024;

/// What a handshake has settled, beside the keys.
pub(super) struct Settled {
    pub(super) version: ProtocolVersion,
    pub(super) kind: Option<HandshakeKind>,
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) peer_certificates: Option<Vec<CertificateDer<'static>>>,
    /// What the client has asked for; on the server only.
    pub(super) server_name: Option<String>,
    pub(super) exporter: Option<Exporter>,
}

/// A client that has said hello and was not answered yet; costs nothing but its bytes.
pub struct Hello<S> {
    io: S,
    received: Vec<u8>,
    server_name: Option<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Hello<S> {
    /// Waits for the whole ClientHello.
    ///
    /// # Errors
    /// As [`TlsStream::accept`].
    pub async fn read(mut io: S) -> io::Result<Self> {
        let mut acceptor = Acceptor::default();
        let mut received = Vec::new();
        loop {
            let known = received.len();
            read_more(&mut io, &mut received).await?;
            let mut fresh = received.get(known..).unwrap_or_default();
            // It takes a part at a time, and has to be asked before it takes the next.
            while !fresh.is_empty() {
                acceptor.read_tls(&mut fresh)?;
                match acceptor.accept() {
                    Ok(Some(accepted)) => {
                        let server_name = accepted.client_hello().server_name().map(str::to_owned);
                        return Ok(Self { io, received, server_name });
                    }
                    Ok(None) => {}
                    Err((error, mut alert)) => {
                        let mut bytes = Vec::new();
                        alert.write_all(&mut bytes)?;
                        last_gasp(&mut io, &bytes).await;
                        return Err(invalid(error));
                    }
                }
            }
            if received.len() > MAX_WAITING {
                return Err(invalid(Error::PeerSentOversizedRecord));
            }
        }
    }

    /// The name that the client asks for.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The rest of the handshake.
    ///
    /// # Errors
    /// As [`TlsStream::accept`].
    pub async fn accept(self, config: &ServerConfig) -> io::Result<TlsStream<S>> {
        let Self { io, received, server_name } = self;
        let keeper = Keeper::new(Arc::clone(&config.key_log));
        let mut config = config.clone();
        config.enable_secret_extraction = true;
        config.max_early_data_size = 0;
        config.key_log = Arc::clone(&keeper) as _;
        let connection = UnbufferedServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        let driver = Driver { connection, io, received, given: 0, out: Vec::new(), random: None };
        let mut stream = driver.run(&keeper).await?;
        stream.settled_mut().server_name = server_name;
        Ok(stream)
    }
}

/// The client's handshake.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: &ClientConfig,
    name: ServerName<'static>,
    io: S,
) -> io::Result<TlsStream<S>> {
    let keeper = Keeper::new(Arc::clone(&config.key_log));
    let mut config = config.clone();
    config.enable_secret_extraction = true;
    config.enable_early_data = false;
    config.key_log = Arc::clone(&keeper) as _;
    let connection = UnbufferedClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let driver = Driver { connection, io, received: Vec::new(), given: 0, out: Vec::new(), random: None };
    driver.run(&keeper).await
}

/// What clients' and servers' unbuffered connections have in common.
trait Unbuffered {
    type Data;
    const IS_CLIENT: bool;

    fn process<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    fn state(&self) -> &CommonState;
    fn into_kernel(self) -> Result<(ExtractedSecrets, Box<dyn KeySchedule>), Error>;
}

impl Unbuffered for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    const IS_CLIENT: bool = true;

    fn process<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(received)
    }

    fn state(&self) -> &CommonState {
        self
    }

    fn into_kernel(self) -> Result<(ExtractedSecrets, Box<dyn KeySchedule>), Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Ok((secrets, Box::new(kernel)))
    }
}

impl Unbuffered for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    const IS_CLIENT: bool = false;

    fn process<'c, 'i>(&'c mut self, received: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(received)
    }

    fn state(&self) -> &CommonState {
        self
    }

    fn into_kernel(self) -> Result<(ExtractedSecrets, Box<dyn KeySchedule>), Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Ok((secrets, Box::new(kernel)))
    }
}

/// One handshake under way.
struct Driver<C, S> {
    connection: C,
    io: S,
    received: Vec<u8>,
    /// How many bytes of `received` the connection has seen and not done with. It is shown one more record at a time,
    /// so that no record behind the handshake's last is opened by it.
    given: usize,
    out: Vec<u8>,
    /// The server's random value, once it was seen.
    random: Option<[u8; RANDOM]>,
}

enum Step {
    Again,
    NeedRecord,
    Failed(Error),
}

impl<C: Unbuffered, S: AsyncRead + AsyncWrite + Unpin> Driver<C, S> {
    async fn run(mut self, keeper: &Keeper) -> io::Result<TlsStream<S>> {
        loop {
            let step = self.step();
            let state = self.connection.state();
            match step {
                Step::Failed(error) => {
                    self.collect_alert();
                    last_gasp(&mut self.io, &self.out).await;
                    return Err(invalid(error));
                }
                _ if !state.is_handshaking() && !state.wants_write() => break,
                Step::Again => {}
                Step::NeedRecord => {
                    self.send().await?;
                    self.give_record().await?;
                }
            }
        }
        self.send().await?;
        self.finish(keeper)
    }

    /// Asks the connection once.
    fn step(&mut self) -> Step {
        let Self { connection, received, given, out, random, .. } = self;
        let UnbufferedStatus { discard, state } =
            connection.process(received.get_mut(..*given).unwrap_or_default());
        let step = match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let start = out.len();
                let mut encoded = data.encode(&mut []);
                if let Err(EncodeError::InsufficientSize(size)) = &encoded {
                    out.resize(start + size.required_size, 0);
                    encoded = data.encode(out.get_mut(start..).unwrap_or_default());
                }
                match encoded {
                    Ok(_) => Step::Again,
                    Err(error) => Step::Failed(Error::General(error.to_string())),
                }
            }
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                Step::Again
            }
            // A server may send before the client's last word; there is nothing to say yet.
            Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => Step::NeedRecord,
            Ok(_) => Step::Failed(Error::HandshakeNotComplete),
            Err(error) => Step::Failed(error),
        };
        if random.is_none() {
            *random = server_random(if C::IS_CLIENT { received } else { out });
        }
        received.drain(..discard.min(received.len()));
        *given = given.saturating_sub(discard);
        step
    }

    /// Gives the connection one more record, when all of it is there.
    async fn give_record(&mut self) -> io::Result<()> {
        loop {
            let fresh = self.received.get(self.given..).unwrap_or_default();
            if let Some((&[_, _, _, high, low], _)) = fresh.split_first_chunk::<5>() {
                let record = 5 + usize::from(u16::from_be_bytes([high, low]));
                // What is too long for a record is refused by its header.
                if fresh.len() >= record || record > MAX_WIRE {
                    self.given += record.min(fresh.len());
                    return Ok(());
                }
            }
            if self.received.len() > MAX_WAITING {
                return Err(invalid(Error::PeerSentOversizedRecord));
            }
            read_more(&mut self.io, &mut self.received).await?;
        }
    }

    async fn send(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.io.write_all(&self.out).await?;
            self.io.flush().await?;
            self.out.clear();
        }
        Ok(())
    }

    /// What the connection wants to tell the peer about its error.
    fn collect_alert(&mut self) {
        while self.connection.state().wants_write() {
            if matches!(self.step(), Step::Failed(_)) {
                return;
            }
        }
    }

    fn finish(self, keeper: &Keeper) -> io::Result<TlsStream<S>> {
        let Self { connection, io, received, given, random, .. } = self;
        if given != 0 {
            // Part of a message behind the handshake's last; nobody sends that.
            return Err(invalid(rustls::PeerMisbehaved::KeyEpochWithPendingFragment.into()));
        }
        let state = connection.state();
        let incomplete = || invalid(Error::HandshakeNotComplete);
        let settled = Settled {
            version: state.protocol_version().ok_or_else(incomplete)?,
            kind: state.handshake_kind(),
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: state.peer_certificates().map(<[_]>::to_vec),
            server_name: None,
            exporter: keeper.exporter(state.negotiated_cipher_suite().ok_or_else(incomplete)?, random),
        };
        let (secrets, schedule) = connection.into_kernel().map_err(invalid)?;
        let records = Records::new(secrets, schedule).map_err(invalid)?;
        Ok(TlsStream::new(io, records, settled, received))
    }
}

async fn read_more<S: AsyncRead + Unpin>(io: &mut S, received: &mut Vec<u8>) -> io::Result<()> {
    received.reserve(READ);
    if io.read_buf(received).await? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof"));
    }
    Ok(())
}

/// Tries to send, and does not wait: the peer may not read any longer, and the error is more important.
pub(super) async fn last_gasp<S: AsyncWrite + Unpin>(io: &mut S, bytes: &[u8]) {
    poll_fn(|cx| {
        try_send(io, cx, bytes);
        Poll::Ready(())
    })
    .await;
}

/// As [`last_gasp`].
pub(super) fn try_send<S: AsyncWrite + Unpin>(io: &mut S, cx: &mut Context<'_>, bytes: &[u8]) {
    if !bytes.is_empty() && matches!(Pin::new(&mut *io).poll_write(cx, bytes), Poll::Ready(Ok(_))) {
        let _ = Pin::new(io).poll_flush(cx);
    }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
