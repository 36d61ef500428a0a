//! The life of one tunnel channel: opened, waiting to be used, pumping, ended with the right last word.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use praya_datapath::io::memory;
use praya_datapath::line::Line;
use praya_datapath::pump::{self, Heard, Order, PumpEnd, PumpEvent, PumpSettings, RecordLayer, TlsPort};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::tls::Records;
use praya_datapath::udp::{UdpChannel, UdpIo};
use praya_datapath::{Counters, PacedStream};
use praya_model::channel::ChannelView;
use praya_model::{ChannelReason, FailureCode, GatewayAddress};
use praya_session::{ChannelId, Event, Farewell, Goodbye, OpenChannel, PeerEnd};
use praya_wire::tunnel_headers::{
    ConnectRequest, DatagramOffer, TunnelHeaderError, parse_connect_reply, write_connect_request,
};
use rustls::{CipherSuite, ProtocolVersion};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::channel::{self, Binding, OpenError};
use crate::datagrams::{self, Granted};
use crate::device::Device;
use crate::device_key::DeviceKey;
use crate::gateways::Gateway;
use crate::tls;

/// How long opening a channel may take in all.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one frame may wait for a gateway that does not read.
const STALL: Duration = Duration::from_secs(60);
/// Events of a pump that may wait; what does not fit is not told.
const EVENTS: usize = 16;
/// How ocserv recognises a client of its protocol.
pub const USER_AGENT: &str =
    concat!("AnyConnect-compatible OpenConnect VPN Agent (Praya ", env!("CARGO_PKG_VERSION"), ")");

/// What packets may travel by, as far as this machine is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// UDP, beside TLS.
    pub udp: bool,
    /// Several packets of one flow in one piece, where the gateway takes them so.
    pub super_packets: bool,
}

/// A channel's handle. Dropping it ends the channel without a word.
#[derive(Debug)]
pub struct ChannelHandle {
    channel: ChannelId,
    commands: Option<oneshot::Sender<Use>>,
    orders: mpsc::Sender<Order>,
    view: watch::Receiver<ChannelView>,
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
    /// settings are in force already. The channel lives on the tokio runtime that is entered now, with its sockets and
    /// timers.
    pub fn open(
        wish: OpenChannel,
        gateway: Arc<Gateway>,
        key: Arc<DeviceKey>,
        inside: bool,
        host_name: Option<String>,
        means: Means,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (commands, command) = oneshot::channel();
        let (orders, order) = mpsc::channel(4);
        let (shown, view) = watch::channel(ChannelView::default());
        let (channel, told) = (wish.channel, events.clone());
        let life = async move {
            let address = gateway.address().clone();
            let opening = open(wish, &gateway, &key, inside, host_name, means);
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
            match carry(channel, open, command, order, &shown, &address, &events).await {
                Ok(goodbye) => goodbye,
                Err(event) => {
                    tell(&events, event).await;
                    Goodbye::Unanswered
                }
            }
        };
        let task = tokio::spawn(told_to_the_end(channel, told.clone(), life));
        Self { channel, commands: Some(commands), orders, view, task, events: told }
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
        // A full queue means that the pump is about to end, and so does a closed one.
        let _ = self.orders.try_send(Order::RefreshKeys);
    }

    /// How its packets travel; what they have carried is not in it.
    pub fn view(&self) -> ChannelView {
        self.view.borrow().clone()
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

/// Tells the session also when the channel's own code fails, so that it does not wait for a channel that is gone.
async fn told_to_the_end(
    channel: ChannelId,
    events: mpsc::Sender<Event>,
    life: impl Future<Output = Goodbye>,
) -> Goodbye {
    // Nothing that the panic has left half-done outlives it: the device is given back as it is dropped.
    match AssertUnwindSafe(life).catch_unwind().await {
        Ok(goodbye) => goodbye,
        Err(_) => {
            let cause = FailureCode::Internal { detail: "a channel's own code failed".to_owned() };
            tell(&events, Event::ChannelLost { channel, cause }).await;
            Goodbye::Unanswered
        }
    }
}

/// The owner is gone only when the service is going down.
async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

struct Open<S = PacedStream, R = Records> {
    tls: TlsPort<S, R>,
    udp: Option<UdpChannel<UdpIo>>,
    settings: PumpSettings,
    view: ChannelView,
}

async fn open(
    wish: OpenChannel,
    gateway: &Gateway,
    key: &DeviceKey,
    inside: bool,
    host_name: Option<String>,
    Means { udp, super_packets }: Means,
) -> Result<(Open, Event), Box<Event>> {
    let id = wish.channel;
    let failed = |failure| Box::new(Event::ChannelFailed { channel: id, failure });
    let addresses = gateway.addresses(inside).await.map_err(failed)?;
    // Only a session of Praya's proves its device key.
    let offer = if udp { datagrams::offer(wish.proof) } else { DatagramOffer::default() };
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
            super_packets,
            datagrams: offer.clone(),
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
    let version = opened.stream.protocol_version();
    let tls13 = version == ProtocolVersion::TLSv1_3;
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
                super_packets: reply.super_packets,
                stall: STALL,
                events: None,
            };
            let (udp, reason) = match &reply.datagrams {
                _ if !udp => (None, ChannelReason::SwitchedOff),
                None => (None, ChannelReason::NotOffered),
                Some(answer) => {
                    let (gateway, mtu) = (opened.peer.ip(), config.mtu);
                    let granted = Granted { offer: &offer, answer, gateway, mtu };
                    match datagrams::open(&granted, &opened.stream) {
                        Ok(channel) => (Some(channel), ChannelReason::Opening),
                        Err(reason) => (None, reason),
                    }
                }
            };
            let view = ChannelView {
                reason,
                protection: Some(protection(version, opened.stream.cipher_suite())),
                super_packets: reply.super_packets,
                ..ChannelView::default()
            };
            let tls = TlsPort::new(opened.stream, &opened.early)
                .with_stream(PacedStream::new)
                .map_err(|error| failed(FailureCode::Internal { detail: error.to_string() }))?;
            let up = Event::connect_answered(id, Ok(reply), opened.peer.ip(), tls13);
            Ok((Open { tls, udp, settings, view }, up))
        }
        Err(error) => {
            if let TunnelHeaderError::Refused { status, .. } = &error {
                tracing::info!(status, "the gateway refused the tunnel");
            }
            Err(Box::new(Event::connect_answered(id, Err(error), opened.peer.ip(), tls13)))
        }
    }
}

/// Waits to be used or closed, then pumps. What came of the last word, or the event that tells how the channel ended
/// without one.
async fn carry<S, R>(
    channel: ChannelId,
    open: Open<S, R>,
    command: oneshot::Receiver<Use>,
    mut orders: mpsc::Receiver<Order>,
    shown: &watch::Sender<ChannelView>,
    gateway: &GatewayAddress,
    told: &mpsc::Sender<Event>,
) -> Result<Goodbye, Event>
where
    S: Line,
    R: RecordLayer,
{
    let Open { mut tls, udp, mut settings, view } = open;
    shown.send_replace(view);
    let end = tokio::select! {
        used = command => match used {
            Ok(Use { device, counters }) => {
                let (tell, events) = mpsc::channel(EVENTS);
                settings.events = Some(tell);
                tokio::select! {
                    end = pump::run(tls, udp, device.lend(), settings, &counters, orders) => end,
                    never = follow(channel, events, shown, told) => match never {},
                }
            }
            Err(_) => return Ok(Goodbye::Unanswered),
        },
        order = last_order(&mut orders) => {
            // Nobody used it: it says its last word and goes.
            let (_other_end, nowhere) = memory::pair(1);
            let (last_word, orders) = mpsc::channel(1);
            let Some(order) = order else { return Ok(Goodbye::Unanswered) };
            // The receiver is two lines below.
            let _ = last_word.send(order).await;
            tls.early = Bytes::new();
            pump::run(tls, None::<UdpChannel<UdpIo>>, nowhere, settings, &Counters::default(), orders).await
        }
    };
    tracing::info!(channel = channel.0, end = ?end, "channel ended");
    let goodbye = goodbye(&end);
    ended(channel, end, gateway).map_or(Ok(goodbye), Err)
}

/// Shows which channel carries the packets, whenever that changes, and tells when a new one is needed.
async fn follow(
    channel: ChannelId,
    mut events: mpsc::Receiver<PumpEvent>,
    shown: &watch::Sender<ChannelView>,
    told: &mpsc::Sender<Event>,
) -> Infallible {
    while let Some(event) = events.recv().await {
        match event {
            PumpEvent::Carried(reason) => {
                tracing::info!(
                    carrier = reason.channel().as_str(),
                    reason = reason.as_str(),
                    "packets travel"
                );
                shown.send_modify(|view| (view.carrier, view.reason) = (reason.channel(), reason));
            }
            PumpEvent::RekeyDue => tell(told, Event::KeysWorn { channel }).await,
            PumpEvent::PeerSilent | PumpEvent::PeerBack => {}
        }
    }
    std::future::pending().await
}

/// The order that ends a channel which carries nothing yet; what else is ordered waits for nobody.
async fn last_order(orders: &mut mpsc::Receiver<Order>) -> Option<Order> {
    loop {
        match orders.recv().await {
            Some(Order::Probe { .. } | Order::RefreshKeys) => {}
            order => return order,
        }
    }
}

/// What came of the last word.
fn goodbye(end: &PumpEnd) -> Goodbye {
    match end {
        PumpEnd::Ordered { heard: Some(Heard::Answered), .. } => Goodbye::Answered,
        PumpEnd::Ordered { heard: Some(Heard::Cut), .. } => Goodbye::Cut,
        PumpEnd::Ordered { heard: None, .. }
        | PumpEnd::PeerBye { .. }
        | PumpEnd::PeerDetached
        | PumpEnd::PeerEnded { .. }
        | PumpEnd::PeerTerminated
        | PumpEnd::PeerClosed
        | PumpEnd::PeerDead
        | PumpEnd::PeerStalled
        | PumpEnd::Protocol(_)
        | PumpEnd::Stream(_)
        | PumpEnd::Packets(_) => Goodbye::Unanswered,
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

/// The protocol version and the cipher as people write them, such as `TLS 1.3, AES-256-GCM`.
fn protection(version: ProtocolVersion, suite: CipherSuite) -> String {
    let version = if version == ProtocolVersion::TLSv1_3 { "TLS 1.3" } else { "TLS 1.2" };
    // `TLS13_AES_256_GCM_SHA384`, `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`: the cipher stands before the hash.
    let name = format!("{suite:?}");
    let cipher =
        name.split_once("_WITH_").or_else(|| name.split_once("TLS13_")).map_or(&*name, |(_, rest)| rest);
    let cipher = cipher.rsplit_once("_SHA").map_or(cipher, |(cipher, _)| cipher);
    format!("{version}, {}", cipher.replace('_', "-"))
}

#[cfg(test)]
mod tests;
