//! Carries the packets of one session: the TLS stream on one side, a [`PacketIo`] on the other.
//!
//! One task, one hand-written poll: everything is tried directly, and waited for only when nothing moved. Many packets
//! go through each system call, buffers belong to the thread and not to the session, and nothing is queued here but
//! the one buffer that the stream is about to take: whoever feeds the pump holds the only queue, and bounds it.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use praya_model::{ChannelReason, EndReason};
use praya_wire::cstp::CstpError;
use praya_wire::cstp::disconnect;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::counters::Counters;
use crate::io::PacketIo;
use crate::line::Line;
use crate::timers::Rhythm;
use crate::tls::{Records, TlsStream};
use crate::udp::{DatagramIo, UdpChannel};

mod buffers;
mod datagrams;
mod farewell;
mod inbound;
mod outbound;
mod records;
mod run;

pub use records::{Opened, RecordLayer};

use farewell::LastWord;
use run::Pump;

/// How long an ordered end may take before the channel is dropped with it unsaid.
pub const GRACE: Duration = Duration::from_secs(2);
/// The text that every gateway takes as a log-out.
const BYE_TEXT: &str = "Aborted by caller";

/// How one channel is run.
#[derive(Clone, Debug)]
pub struct PumpSettings {
    /// Role, DPD, keepalive and rekey times.
    pub rhythm: Rhythm,
    /// Longest packet inside, in bytes; longer ones are dropped and counted. At most
    /// [`praya_wire::cstp::MAX_PAYLOAD`].
    pub mtu: u16,
    /// Both ends are Praya's: super-packets go through the stream whole, and frames fill records. Otherwise one frame
    /// is one TLS record, because peers drop a record with two frames or die on it (OpenConnect protocol, section 4).
    pub super_packets: bool,
    /// How long the stream may take nothing, before the channel is given up.
    pub stall: Duration,
    /// Where to tell [`PumpEvent`]s; told without waiting, dropped when full.
    pub events: Option<mpsc::Sender<PumpEvent>>,
}

/// The TLS connection after CONNECT.
#[derive(Debug)]
pub struct TlsPort<S, R> {
    /// What carries the records.
    pub stream: S,
    /// What makes and opens them.
    pub records: R,
    /// Plaintext that was read beyond the CONNECT head.
    pub early: Bytes,
    /// What was read and is no whole record yet.
    pub sealed: Vec<u8>,
    /// What the stream has to send before anything else.
    pub unsent: Vec<u8>,
}

impl<S> TlsPort<S, Records> {
    /// A connection on which CONNECT was answered; `early` was read beyond the head.
    pub fn new(stream: TlsStream<S>, early: &[u8]) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let detached = stream.into_records();
        let early = if early.is_empty() { detached.early } else { [early, &detached.early].concat().into() };
        Self {
            stream: detached.io,
            records: detached.records,
            early,
            sealed: detached.sealed,
            unsent: detached.unsent,
        }
    }
}

impl<S, R> TlsPort<S, R> {
    /// The same connection with its stream made into something else.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn with_stream<T>(self, change: impl FnOnce(S) -> io::Result<T>) -> io::Result<TlsPort<T, R>> {
        let Self { stream, records, early, sealed, unsent } = self;
        Ok(TlsPort { stream: change(stream)?, records, early, sealed, unsent })
    }
}

/// What the owner tells a running pump. Dropping the sender is [`Order::Close`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The client logs out: the gateway ends the session. [`EndReason::UserLogout`] or [`EndReason::TrayExit`].
    Bye {
        /// What the gateway shall write down.
        reason: EndReason,
    },
    /// The client leaves and may come back with the same cookie.
    Detach,
    /// The gateway ends the session.
    Disconnect {
        /// Why.
        reason: EndReason,
        /// English text for clients that show it.
        text: String,
    },
    /// The gateway goes down for good.
    Terminate,
    /// End the channel in order, without a word about the session: the client comes back by itself.
    Close,
    /// Ask the peer for a sign of life now, and give it up when none comes in time: after a sleep or a network
    /// change.
    Probe {
        /// How long to wait.
        patience: Duration,
    },
    /// Take new sending keys before the next record (RFC 8446, section 4.6.3). TLS 1.2 has no such thing: there the
    /// order changes nothing.
    RefreshKeys,
}

impl Order {
    fn last_word(self) -> Result<LastWord, Self> {
        Ok(match self {
            Self::Bye { reason } => LastWord::Disconnect(disconnect::encode(reason, BYE_TEXT)),
            Self::Disconnect { reason, text } => LastWord::Disconnect(disconnect::encode(reason, &text)),
            Self::Detach => LastWord::Disconnect(Vec::new()),
            Self::Terminate => LastWord::Terminate,
            Self::Close => LastWord::Nothing,
            order @ (Self::Probe { .. } | Self::RefreshKeys) => return Err(order),
        })
    }
}

/// What the owner may want to know while the pump runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PumpEvent {
    /// New keys are due: by the rhythm's `rekey`, said once, or because the stream's cannot be renewed and are nearly
    /// used up, said once.
    RekeyDue,
    /// The peer has been silent for the DPD time and is being probed.
    PeerSilent,
    /// The peer was silent and is heard again.
    PeerBack,
    /// From now on data goes by UDP ([`ChannelReason::Preferred`]), or by TLS, and this is why.
    Carried(ChannelReason),
}

/// How the peer ended the stream after our last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// By the end of TLS, which only the peer can say: it has heard us.
    Answered,
    /// By the end of TCP or by a reset, which anybody on the way can make.
    Cut,
}

/// How a pump ended. In every case the stream is closed when it is returned.
#[derive(Debug)]
pub enum PumpEnd {
    /// As ordered.
    Ordered {
        /// Whether the last word went out within [`GRACE`].
        told: bool,
        /// What came back within that time.
        heard: Option<Heard>,
    },
    /// The client logged out.
    PeerBye {
        /// By which of its two ways.
        reason: EndReason,
    },
    /// An empty DISCONNECT: a client that may come back; from a gateway, another connection took the session over.
    PeerDetached,
    /// The peer ended the session.
    PeerEnded {
        /// Why, when the byte is one of ours.
        reason: Option<EndReason>,
        /// The reason byte.
        byte: u8,
        /// Its text, one line, bounded.
        text: String,
    },
    /// The gateway goes down for good.
    PeerTerminated,
    /// The stream ended without a word.
    PeerClosed,
    /// Dead peer detection gave up.
    PeerDead,
    /// The peer did not read for longer than [`PumpSettings::stall`].
    PeerStalled,
    /// What arrived is not CSTP.
    Protocol(CstpError),
    /// The stream failed.
    Stream(io::Error),
    /// The packet side failed or closed.
    Packets(io::Error),
}

/// Runs one channel to its end. `counters` count user packets only.
///
/// Fit for both ends: on a client `packets` is the TUN, on a gateway a session's port on the switch. Data goes by TLS
/// until `datagrams` has proven itself, and again whenever that falls silent.
pub async fn run<S, R, D, P>(
    tls: TlsPort<S, R>,
    datagrams: Option<UdpChannel<D>>,
    packets: P,
    settings: PumpSettings,
    counters: &Counters,
    orders: mpsc::Receiver<Order>,
) -> PumpEnd
where
    S: Line,
    R: RecordLayer,
    D: DatagramIo,
    P: PacketIo,
{
    let mut pump = Pump::new(tls, datagrams, packets, settings, counters, orders);
    let end = poll_fn(|cx| pump.poll(cx)).await;
    pump.leave(end).await
}
