//! The life of one tunnel channel: opened, waiting to be used, pumping, ended with the right last word.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use praya_datapath::packet_io::{self, PacketIo};
use praya_datapath::pump::{self, Order, PumpEnd, PumpSettings};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::{Counters, TunDevice};
use praya_model::{FailureCode, GatewayAddress};
use praya_session::{ChannelId, Event, Farewell, Goodbye, OpenChannel, PeerEnd};
use praya_wire::tunnel_headers::{
    ConnectRequest, TunnelHeaderError, parse_connect_reply, write_connect_request,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use crate::channel::{self, Binding, OpenError};
use crate::device_key::DeviceKey;
use crate::gateways::Gateway;
use crate::metered::Metered;
use crate::tls;

/// How long opening a channel may take in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one frame may wait for a gateway that does not read.
const STALL: Duration = Duration::from_secs(60);
/// How ocserv recognises a client of its protocol.
pub const USER_AGENT: &str =
    concat!("AnyConnect-compatible OpenConnect VPN Agent (Praya ", env!("CARGO_PKG_VERSION"), ")");

/// The tunnel device as the pump uses it.
pub type Device = Metered<TunDevice>;

/// A channel's handle. Dropping it ends the channel without a word.
#[derive(Debug)]
pub struct ChannelHandle {
    channel: ChannelId,
    commands: Option<oneshot::Sender<Use>>,
    orders: mpsc::Sender<Order>,
    rekey: Arc<AtomicBool>,
    task: JoinHandle<Goodbye>,
    events: mpsc::Sender<Event>,
}

/// What a channel needs to carry packets.
#[derive(Debug)]
pub struct Use {
    /// Where packets come from and go to.
    pub device: Arc<Device>,
    /// What counts them.
    pub counters: Arc<Counters>,
}

impl ChannelHandle {
    /// Begins to open a channel; what becomes of it goes to `events`. `inside` says whether the tunnel's network
    /// settings are in force already.
    pub fn open(
        wish: OpenChannel,
        gateway: Arc<Gateway>,
        key: Arc<DeviceKey>,
        inside: bool,
        host_name: Option<String>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (commands, command) = oneshot::channel();
        let (orders, order) = mpsc::channel(4);
        let rekey = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&rekey);
        let (channel, told) = (wish.channel, events.clone());
        let task = tokio::spawn(async move {
            let address = gateway.address().clone();
            let opening = open(wish, &gateway, &key, inside, host_name);
            let opened = tokio::time::timeout(PATIENCE, opening).await.unwrap_or_else(|_| {
                Err(Box::new(Event::ChannelFailed { channel, failure: unreachable(&address, "timeout") }))
            });
            let (open, up) = match opened {
                Ok(opened) => opened,
                Err(event) => {
                    tell(&events, *event).await;
                    return Goodbye::Unanswered;
                }
            };
            tell(&events, up).await;
            let stream = Rekeyable { stream: open.stream, rekey: flag };
            match carry(channel, stream, open.settings, command, order, &address).await {
                Ok(goodbye) => goodbye,
                Err(event) => {
                    tell(&events, event).await;
                    Goodbye::Unanswered
                }
            }
        });
        Self { channel, commands: Some(commands), orders, rekey, task, events: told }
    }

    /// From now on the channel carries packets.
    pub fn use_it(&mut self, with: Use) {
        if let Some(commands) = self.commands.take() {
            // A channel that has ended meanwhile has told so by an event.
            let _ = commands.send(with);
        }
    }

    /// Demands a sign of life.
    pub fn probe(&self, patience: Duration) {
        // A full queue holds a probe already, or the channel has ended.
        let _ = self.orders.try_send(Order::Probe { patience });
    }

    /// Asks for new keys with the next record that is sent.
    pub fn refresh_keys(&self) {
        self.rekey.store(true, Ordering::Relaxed);
    }

    /// Ends the channel, or the attempt to open it. The task that comes back is done when the last word is out; what
    /// came of a goodbye goes to the events.
    pub fn close(self, farewell: Farewell) -> JoinHandle<()> {
        let opening = self.commands.is_some();
        let order = match farewell {
            Farewell::Bye(reason) => Order::Bye { reason },
            Farewell::Detach => Order::Detach,
            Farewell::Close => Order::Close,
        };
        // A channel that was never used has nothing to take back; only a goodbye is worth finishing to open it.
        if (opening && !matches!(farewell, Farewell::Bye(_))) || self.orders.try_send(order).is_err() {
            self.task.abort();
        }
        tokio::spawn(async move {
            let goodbye = self.task.await.unwrap_or(Goodbye::Unanswered);
            if matches!(farewell, Farewell::Bye(_)) {
                tell(&self.events, Event::ChannelClosed { channel: self.channel, goodbye }).await;
            }
        })
    }
}

/// The owner is gone only when the service is going down.
async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

struct Open {
    stream: TlsStream<TcpStream>,
    settings: PumpSettings,
}

async fn open(
    wish: OpenChannel,
    gateway: &Gateway,
    key: &DeviceKey,
    inside: bool,
    host_name: Option<String>,
) -> Result<(Open, Event), Box<Event>> {
    let id = wish.channel;
    let failed = |failure| Box::new(Event::ChannelFailed { channel: id, failure });
    let addresses = gateway.addresses(inside).await.map_err(failed)?;
    let head = |binding: &Binding| {
        let proof =
            binding.exporter.as_ref().filter(|_| wish.proof).map(|exporter| key.prove_connect(exporter));
        write_connect_request(&ConnectRequest {
            host: wish.gateway.authority(),
            user_agent: USER_AGENT.to_owned(),
            cookie: Some(wish.cookie.clone()),
            host_name,
            base_mtu: binding.base_mtu,
            previous: wish.addresses.iter().map(ipnet::IpNet::addr).collect(),
            proof,
            ..ConnectRequest::default()
        })
    };
    let opened =
        channel::open(&wish.gateway, &addresses, gateway.tls(), head).await.map_err(|error| match error {
            OpenError::Failed(failure) => failed(failure),
            // The same as a 401: the cookie opens nothing any more.
            OpenError::Denied => Box::new(Event::ChannelRefused { channel: id, status: 401, reason: None }),
        })?;
    gateway.reached_at(opened.peer);
    match parse_connect_reply(&opened.head) {
        Ok(reply) => {
            for name in &reply.ignored {
                tracing::debug!(header = %name, "a header of the gateway makes no sense and is left out");
            }
            let config = &reply.config;
            let settings = PumpSettings {
                // New keys are the session's own business: it may want a second channel for them.
                rhythm: Rhythm {
                    role: Role::Client,
                    dpd: config.dpd,
                    keepalive: config.keepalive,
                    rekey: Duration::ZERO,
                },
                mtu: config.mtu,
                early: opened.early,
                stall: STALL,
                events: None,
            };
            let up = Event::connect_answered(id, Ok(reply), opened.peer.ip(), opened.tls13);
            Ok((Open { stream: opened.stream, settings }, up))
        }
        Err(error) => {
            if let TunnelHeaderError::Refused { status, .. } = &error {
                tracing::info!(status, "the gateway refused the tunnel");
            }
            Err(Box::new(Event::connect_answered(id, Err(error), opened.peer.ip(), opened.tls13)))
        }
    }
}

/// Waits to be used or closed, then pumps. What came of the last word, or the event that tells how the channel ended
/// without one.
async fn carry<S: AsyncRead + AsyncWrite + Unpin + Send>(
    channel: ChannelId,
    stream: S,
    mut settings: PumpSettings,
    command: oneshot::Receiver<Use>,
    mut orders: mpsc::Receiver<Order>,
    gateway: &GatewayAddress,
) -> Result<Goodbye, Event> {
    let heard = Arc::new(OnceLock::new());
    let stream = Listening { stream, heard: Arc::clone(&heard) };
    let end = tokio::select! {
        used = command => match used {
            Ok(Use { device, counters }) => pump::run(stream, device, settings, &counters, orders).await,
            Err(_) => return Ok(Goodbye::Unanswered),
        },
        order = orders.recv() => {
            // Nobody used it: it says its last word and goes.
            let (nowhere, _other_end) = packet_io::channel(1);
            let (last_word, orders) = mpsc::channel(1);
            let Some(order) = order else { return Ok(Goodbye::Unanswered) };
            // The receiver is two lines below.
            let _ = last_word.send(order).await;
            settings.early = Bytes::new();
            pump::run(stream, nowhere, settings, &Counters::default(), orders).await
        }
    };
    tracing::info!(channel = channel.0, end = ?end, "channel ended");
    match ended(channel, end, gateway) {
        Some(event) => Err(event),
        None => Ok(heard.get().copied().unwrap_or(Goodbye::Unanswered)),
    }
}

/// What the session needs to know about a pump's end; nothing where it was ordered.
fn ended(channel: ChannelId, end: PumpEnd, gateway: &GatewayAddress) -> Option<Event> {
    let lost = |cause| Some(Event::ChannelLost { channel, cause });
    let peer = |end| Some(Event::PeerDisconnect { channel, end });
    match end {
        PumpEnd::Ordered { .. } => None,
        PumpEnd::PeerDetached => peer(PeerEnd::Detached),
        PumpEnd::PeerBye { reason } => peer(PeerEnd::Ended { reason: Some(reason), text: String::new() }),
        PumpEnd::PeerEnded { reason, text, .. } => peer(PeerEnd::Ended { reason, text }),
        PumpEnd::PeerTerminated => peer(PeerEnd::Terminated),
        PumpEnd::PeerClosed => lost(unreachable(gateway, "reset")),
        PumpEnd::PeerDead | PumpEnd::PeerStalled => lost(unreachable(gateway, "timeout")),
        PumpEnd::Protocol(error) => lost(FailureCode::Protocol { detail: error.to_string() }),
        PumpEnd::Stream(error) => lost(tls::failure(&error, &gateway.host_port())),
        PumpEnd::Packets(error) => lost(FailureCode::NoTunDevice { detail: error.to_string() }),
    }
}

fn unreachable(gateway: &GatewayAddress, cause: &str) -> FailureCode {
    FailureCode::Unreachable { gateway: gateway.host_port(), cause: cause.to_owned() }
}

/// A stream that notices how the other side ends it.
struct Listening<S> {
    stream: S,
    heard: Arc<OnceLock<Goodbye>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Listening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let end = match &read {
            Poll::Ready(Ok(())) if buffer.filled().len() == before && buffer.remaining() > 0 => {
                Some(Goodbye::Answered)
            }
            // The peer's system sent that, and so can anybody on the way.
            Poll::Ready(Err(error))
                if matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted) =>
            {
                Some(Goodbye::Cut)
            }
            Poll::Ready(Ok(()) | Err(_)) | Poll::Pending => None,
        };
        if let Some(end) = end {
            // The first end is the end.
            let _ = self.heard.set(end);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Listening<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A TLS stream that takes new sending keys before the next record once the flag is up (RFC 8446, section 4.6.3).
struct Rekeyable {
    stream: TlsStream<TcpStream>,
    rekey: Arc<AtomicBool>,
}

impl AsyncRead for Rekeyable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Rekeyable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.rekey.swap(false, Ordering::Relaxed)
            && let Err(error) = self.stream.get_mut().1.refresh_traffic_keys()
        {
            // TLS 1.2 has no key update; the session was told so and asks for a new channel instead.
            tracing::debug!(%error, "no key update");
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whether [`PacketIo`] is what the pump gets; keeps the alias honest at compile time.
const _: fn() = || {
    fn is_packet_io<P: PacketIo>() {}
    is_packet_io::<Arc<Device>>();
};

#[cfg(test)]
mod tests {
    use praya_model::EndReason;
    use praya_wire::cstp::disconnect::{self, Disconnect};
    use praya_wire::cstp::{self, FrameType};
    use tokio::io::AsyncReadExt;

    use super::*;

    fn settings() -> PumpSettings {
        PumpSettings {
            rhythm: Rhythm {
                role: Role::Client,
                dpd: Duration::ZERO,
                keepalive: Duration::ZERO,
                rekey: Duration::ZERO,
            },
            mtu: 1400,
            early: Bytes::new(),
            stall: STALL,
            events: None,
        }
    }

    #[tokio::test]
    async fn a_channel_that_was_never_used_still_says_goodbye() {
        let (near, mut far) = tokio::io::duplex(4096);
        let (_commands, command) = oneshot::channel();
        let (orders, order) = mpsc::channel(1);
        let gateway = "vpn.example".parse().unwrap();
        orders.send(Order::Bye { reason: EndReason::UserLogout }).await.unwrap();
        let hear = async move {
            let mut bytes = Vec::new();
            far.read_to_end(&mut bytes).await.unwrap();
            bytes
        };
        let (event, bytes) =
            tokio::join!(carry(ChannelId(1), near, settings(), command, order, &gateway), hear);
        assert_eq!(event.unwrap(), Goodbye::Answered);
        let (frame, _) = cstp::decode(&bytes).unwrap().unwrap();
        assert_eq!(frame.kind, FrameType::Disconnect);
        assert!(matches!(
            disconnect::decode(frame.payload),
            Disconnect::Bye { reason: EndReason::UserLogout, .. }
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_goodbye_that_nobody_answers_is_not_taken_for_heard() {
        let (near, far) = tokio::io::duplex(4096);
        let (_commands, command) = oneshot::channel();
        let (orders, order) = mpsc::channel(1);
        let gateway = "vpn.example".parse().unwrap();
        orders.send(Order::Bye { reason: EndReason::UserLogout }).await.unwrap();
        let end = carry(ChannelId(1), near, settings(), command, order, &gateway).await;
        assert_eq!(end.unwrap(), Goodbye::Unanswered);
        drop(far);
    }

    #[tokio::test]
    async fn an_end_that_anybody_could_have_made_is_told_apart_from_the_gateways() {
        let mut buffer = [0; 8];
        for (error, expected) in [
            (None, Some(Goodbye::Answered)),
            (Some(io::ErrorKind::UnexpectedEof), Some(Goodbye::Cut)),
            (Some(io::ErrorKind::ConnectionReset), Some(Goodbye::Cut)),
            (Some(io::ErrorKind::HostUnreachable), None),
        ] {
            let mut script = stream_that_ends(error);
            let heard = Arc::new(OnceLock::new());
            let mut stream = Listening { stream: &mut script, heard: Arc::clone(&heard) };
            let _ = stream.read(&mut buffer).await;
            assert_eq!(heard.get().copied(), expected, "{error:?}");
        }
    }

    /// Ends at once, in order or by an error.
    fn stream_that_ends(error: Option<io::ErrorKind>) -> impl AsyncRead + Unpin {
        struct Ends(Option<io::ErrorKind>);
        impl AsyncRead for Ends {
            fn poll_read(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                _: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Poll::Ready(self.0.map_or(Ok(()), |kind| Err(kind.into())))
            }
        }
        Ends(error)
    }

    #[test]
    fn each_end_of_a_pump_is_told_for_what_it_is() {
        let gateway: GatewayAddress = "vpn.example".parse().unwrap();
        let event = |end| ended(ChannelId(1), end, &gateway);
        assert!(event(PumpEnd::Ordered { told: true }).is_none());
        assert!(matches!(
            event(PumpEnd::PeerEnded { reason: Some(EndReason::Admin), byte: 0, text: "x".into() }),
            Some(Event::PeerDisconnect { end: PeerEnd::Ended { reason: Some(EndReason::Admin), .. }, .. })
        ));
        assert!(matches!(
            event(PumpEnd::PeerTerminated),
            Some(Event::PeerDisconnect { end: PeerEnd::Terminated, .. })
        ));
        for end in [PumpEnd::PeerClosed, PumpEnd::PeerDead, PumpEnd::PeerStalled] {
            let Some(Event::ChannelLost { cause, .. }) = event(end) else { panic!() };
            assert!(cause.is_transient(), "{cause:?}");
        }
    }
}
