//! Carries packets through one CSTP channel: a TLS stream on one side, a [`PacketIo`] on the other.
//!
//! One frame is one write followed by a flush, so that it is one TLS record: peers drop a record with two frames or
//! die on it (OpenConnect protocol, section 4). What arrives may be cut anywhere. Nothing is queued here: a packet
//! is taken only when the one before it is out, so whoever feeds the pump holds the only queue and bounds it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use praya_model::EndReason;
use praya_wire::cstp::disconnect::{self, Disconnect};
use praya_wire::cstp::{self, CstpError, FrameType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use crate::counters::{Channel, Counters};
use crate::packet_io::{Delivery, PacketIo};
use crate::timers::{Due, Rhythm, Timers};

/// How long an ordered end may take before the channel is dropped with it unsaid.
pub const GRACE: Duration = Duration::from_secs(2);
/// What the reader starts with; it grows to the largest frame that arrives, at most 16 KiB.
const FIRST_READ_BUFFER: usize = 4096;
/// A timer that is never due.
const NEVER: Duration = Duration::from_secs(86_400);
/// The text that every gateway takes as a log-out.
const BYE_TEXT: &str = "Aborted by caller";

/// How one channel is run.
#[derive(Clone, Debug)]
pub struct PumpSettings {
    /// Role, DPD, keepalive and rekey times.
    pub rhythm: Rhythm,
    /// Longest packet that is sent, in bytes; longer ones are dropped and counted. At most
    /// [`cstp::MAX_PAYLOAD`].
    pub mtu: u16,
    /// What was read from the stream beyond the CONNECT head.
    pub early: Bytes,
    /// How long one frame may wait for a peer that does not read, before the channel is given up.
    pub stall: Duration,
    /// Where to tell [`PumpEvent`]s; told without waiting, dropped when full.
    pub events: Option<mpsc::Sender<PumpEvent>>,
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
}

/// What the owner may want to know while the pump runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PumpEvent {
    /// New keys are due (the rhythm's `rekey`); said once.
    RekeyDue,
    /// The peer has been silent for the DPD time and is being probed.
    PeerSilent,
    /// The peer was silent and is heard again.
    PeerBack,
}

/// How a pump ended. In every case the stream is closed when it is returned.
#[derive(Debug)]
pub enum PumpEnd {
    /// As ordered.
    Ordered {
        /// Whether the last word went out within [`GRACE`].
        told: bool,
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
/// Fit for both ends: on a client `packets` is the TUN, on a gateway a session's [`crate::packet_io::Port`].
pub async fn run<S, P>(
    stream: S,
    packets: P,
    settings: PumpSettings,
    counters: &Counters,
    orders: mpsc::Receiver<Order>,
) -> PumpEnd
where
    S: AsyncRead + AsyncWrite + Send,
    P: PacketIo,
{
    let shared = Shared::new(&settings);
    let (reader, mut writer) = tokio::io::split(stream);
    // Random order of polling: neither direction can starve the other.
    let end = tokio::select! {
        end = receive(reader, &packets, settings.early, counters, &shared) => end,
        end = send(&mut writer, &packets, settings.mtu, settings.stall, counters, &shared) => end,
        end = direct(orders, &shared) => end,
    };
    if matches!(end, PumpEnd::PeerBye { .. }) {
        // By the end of TLS the client knows that it was heard; one that does not read cannot hold the end up.
        let _ = timeout(GRACE, writer.shutdown()).await;
    }
    // After the last word, whatever ends the channel is what was ordered.
    if shared.state().told { PumpEnd::Ordered { told: true } } else { end }
}

/// What the three loops of one pump tell each other. The lock is held for a few instructions, never over an await.
struct Shared {
    state: Mutex<State>,
    /// Wakes the sender for something other than a packet.
    wake: Notify,
    events: Option<mpsc::Sender<PumpEvent>>,
}

struct State {
    timers: Timers,
    /// A packet is being handed over: silence is ours, not the peer's.
    delivering: bool,
    silent: bool,
    /// The answer to the newest DPD request; an older one that is not out yet is not worth sending.
    reply: Option<Vec<u8>>,
    probe: bool,
    keepalive: bool,
    last_word: Option<LastWord>,
    /// The last word is out. What still arrives is read, so that closing does not reset the connection under the
    /// peer that has not read it yet, and is not carried any more.
    told: bool,
}

enum LastWord {
    Frame(FrameType, Vec<u8>),
    Nothing,
}

enum Control {
    Frame(FrameType, Vec<u8>),
    Last(LastWord),
}

impl Shared {
    fn new(settings: &PumpSettings) -> Self {
        let state = State {
            timers: Timers::new(settings.rhythm, Instant::now().into_std()),
            delivering: false,
            silent: false,
            reply: None,
            probe: false,
            keepalive: false,
            last_word: None,
            told: false,
        };
        Self { state: Mutex::new(state), wake: Notify::new(), events: settings.events.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: PumpEvent) {
        if let Some(events) = &self.events {
            // The owner is told as a courtesy; it must not be able to hold the tunnel up.
            let _ = events.try_send(event);
        }
    }

    fn heard(&self) {
        let mut state = self.state();
        state.timers.received(Instant::now().into_std());
        if std::mem::take(&mut state.silent) {
            drop(state);
            self.tell(PumpEvent::PeerBack);
        }
    }

    fn delivering(&self, delivering: bool) {
        self.state().delivering = delivering;
    }

    /// The most important thing to send besides packets.
    fn next_control(&self) -> Option<Control> {
        let mut state = self.state();
        if let Some(last) = state.last_word.take() {
            return Some(Control::Last(last));
        }
        if let Some(payload) = state.reply.take() {
            return Some(Control::Frame(FrameType::DpdResponse, payload));
        }
        if std::mem::take(&mut state.probe) {
            state.keepalive = false;
            return Some(Control::Frame(FrameType::DpdRequest, Vec::new()));
        }
        std::mem::take(&mut state.keepalive).then(|| Control::Frame(FrameType::Keepalive, Vec::new()))
    }
}

/// Orders and timers.
async fn direct(mut orders: mpsc::Receiver<Order>, shared: &Shared) -> PumpEnd {
    loop {
        let at = shared.state().timers.next().map(Instant::from_std);
        let at = at.unwrap_or_else(|| Instant::now() + NEVER);
        tokio::select! {
            order = orders.recv() => {
                let last_word = match order {
                    Some(Order::Probe { patience }) => {
                        let mut state = shared.state();
                        state.timers.probe_within(Instant::now().into_std(), patience);
                        state.probe = true;
                        drop(state);
                        shared.wake.notify_one();
                        continue;
                    }
                    Some(Order::Bye { reason }) => {
                        LastWord::Frame(FrameType::Disconnect, disconnect::encode(reason, BYE_TEXT))
                    }
                    Some(Order::Disconnect { reason, text }) => {
                        LastWord::Frame(FrameType::Disconnect, disconnect::encode(reason, &text))
                    }
                    Some(Order::Detach) => LastWord::Frame(FrameType::Disconnect, Vec::new()),
                    Some(Order::Terminate) => LastWord::Frame(FrameType::Terminate, Vec::new()),
                    Some(Order::Close) | None => LastWord::Nothing,
                };
                shared.state().last_word = Some(last_word);
                shared.wake.notify_one();
                // The sender says it and ends the pump; a peer that does not read cannot hold the end up.
                tokio::time::sleep(GRACE).await;
                return PumpEnd::Ordered { told: false };
            }
            () = sleep_until(at) => {
                if let Some(end) = ring(shared) {
                    return end;
                }
            }
        }
    }
}

fn ring(shared: &Shared) -> Option<PumpEnd> {
    let now = Instant::now().into_std();
    let mut events = [None, None];
    {
        let mut state = shared.state();
        if state.delivering {
            state.timers.received(now);
        }
        while let Some(due) = state.timers.due(now) {
            match due {
                Due::Probe => {
                    state.probe = true;
                    if !std::mem::replace(&mut state.silent, true) {
                        events[0] = Some(PumpEvent::PeerSilent);
                    }
                }
                Due::Keepalive => state.keepalive = true,
                Due::Rekey => events[1] = Some(PumpEvent::RekeyDue),
                Due::Dead => return Some(PumpEnd::PeerDead),
            }
        }
    }
    shared.wake.notify_one();
    events.into_iter().flatten().for_each(|event| shared.tell(event));
    None
}

/// Packets and control frames to the peer.
async fn send<W: AsyncWrite + Unpin>(
    mut writer: W,
    packets: &impl PacketIo,
    mtu: u16,
    stall: Duration,
    counters: &Counters,
    shared: &Shared,
) -> PumpEnd {
    let mtu = usize::from(mtu).min(cstp::MAX_PAYLOAD);
    // One byte more than may be sent shows that a packet is too long.
    let mut buffer = vec![0; cstp::HEADER_LEN + mtu + 1];
    loop {
        while let Some(control) = shared.next_control() {
            let (kind, payload, last) = match control {
                Control::Frame(kind, payload) => (kind, payload, false),
                Control::Last(LastWord::Frame(kind, payload)) => (kind, payload, true),
                Control::Last(LastWord::Nothing) => return hang_up(writer, shared).await,
            };
            let frame = match cstp::encode(kind, &payload) {
                Ok(frame) => frame,
                Err(error) => return PumpEnd::Protocol(error),
            };
            if let Err(end) = write_frame(&mut writer, &frame, stall).await {
                return end;
            }
            if last {
                return hang_up(writer, shared).await;
            }
            shared.state().timers.sent(Instant::now().into_std());
        }
        let (header, payload) = buffer.split_at_mut(cstp::HEADER_LEN);
        let received = tokio::select! {
            biased;
            () = shared.wake.notified() => continue,
            received = packets.recv(payload) => received,
        };
        let len = match received {
            Ok(len) => len,
            Err(error) => return PumpEnd::Packets(error),
        };
        if len == 0 || len > mtu {
            counters.refused_outbound();
            continue;
        }
        let Ok(wire_len) = u16::try_from(len) else { continue };
        header.copy_from_slice(&cstp::encode_header(FrameType::Data, wire_len));
        let frame = buffer.get(..cstp::HEADER_LEN + len).unwrap_or_default();
        if let Err(end) = write_frame(&mut writer, frame, stall).await {
            return end;
        }
        counters.sent(Channel::Tls, 1, len);
        shared.state().timers.sent(Instant::now().into_std());
    }
}

/// The flush empties the TLS buffer, so that the next frame meets an empty one and is not cut at its limit.
async fn write_frame<W: AsyncWrite + Unpin>(
    writer: &mut W,
    frame: &[u8],
    stall: Duration,
) -> Result<(), PumpEnd> {
    let writing = async {
        writer.write_all(frame).await?;
        writer.flush().await
    };
    match timeout(stall, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(PumpEnd::Stream(error)),
        Err(_) => Err(PumpEnd::PeerStalled),
    }
}

/// Closes our half and waits for the peer to close its own; the reader sees that, or [`GRACE`] passes.
async fn hang_up<W: AsyncWrite + Unpin>(mut writer: W, shared: &Shared) -> PumpEnd {
    shared.state().told = true;
    match writer.shutdown().await {
        Ok(()) => std::future::pending().await,
        // What had to be said is said; whether the peer still takes the goodbye of TLS does not matter.
        Err(_) => PumpEnd::Ordered { told: true },
    }
}

/// Frames from the peer.
async fn receive<R: AsyncRead + Unpin>(
    mut reader: R,
    packets: &impl PacketIo,
    early: Bytes,
    counters: &Counters,
    shared: &Shared,
) -> PumpEnd {
    const LARGEST: usize = cstp::HEADER_LEN + cstp::MAX_PAYLOAD;
    let mut buffer = vec![0; FIRST_READ_BUFFER.max(early.len())];
    if let Some(start) = buffer.get_mut(..early.len()) {
        start.copy_from_slice(&early);
    }
    let mut filled = early.len();
    drop(early);
    loop {
        if shared.state().told {
            filled = 0;
        }
        let mut used = 0;
        let end = loop {
            let frame = match cstp::decode(buffer.get(used..filled).unwrap_or_default()) {
                Ok(Some((frame, len))) => {
                    used += len;
                    frame
                }
                Ok(None) => break None,
                Err(error) => break Some(PumpEnd::Protocol(error)),
            };
            match frame.kind {
                FrameType::Data => match deliver(packets, frame.payload, counters, shared).await {
                    Ok(()) => {}
                    Err(error) => break Some(PumpEnd::Packets(error)),
                },
                FrameType::DpdRequest => {
                    shared.state().reply = Some(frame.payload.to_vec());
                    shared.wake.notify_one();
                }
                FrameType::DpdResponse | FrameType::Keepalive => {}
                // Neither is ever negotiated.
                FrameType::Compressed | FrameType::SuperPacket => counters.refused_inbound(),
                FrameType::Disconnect => {
                    break Some(match disconnect::decode(frame.payload) {
                        Disconnect::Bye { reason, .. } => PumpEnd::PeerBye { reason },
                        Disconnect::Detach => PumpEnd::PeerDetached,
                        Disconnect::Reason { reason, byte, text } => {
                            PumpEnd::PeerEnded { reason, byte, text }
                        }
                    });
                }
                FrameType::Terminate => break Some(PumpEnd::PeerTerminated),
            }
        };
        if let Some(end) = end {
            return end;
        }
        if used > 0 {
            shared.heard();
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
        if filled == buffer.len() {
            // `decode` has refused anything longer than the largest frame.
            buffer.resize((buffer.len() * 2).min(LARGEST).max(filled + 1), 0);
        }
        match reader.read(buffer.get_mut(filled..).unwrap_or_default()).await {
            Ok(0) => return PumpEnd::PeerClosed,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return PumpEnd::PeerClosed,
            Err(error) => return PumpEnd::Stream(error),
        }
    }
}

async fn deliver(
    packets: &impl PacketIo,
    packet: &[u8],
    counters: &Counters,
    shared: &Shared,
) -> io::Result<()> {
    shared.delivering(true);
    let delivery = packets.send(packet).await;
    shared.delivering(false);
    match delivery? {
        Delivery::Delivered => counters.received(Channel::Tls, 1, packet.len()),
        Delivery::Dropped => counters.refused_inbound(),
    }
    Ok(())
}
