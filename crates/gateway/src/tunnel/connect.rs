//! CONNECT: from a cookie to a running tunnel, and to a clear end.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use praya_datapath::PacedStream;
use praya_datapath::pump::{self, Order, PumpEnd, PumpSettings, TlsPort};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::tls::Records;
use praya_datapath::udp::UdpChannel;
use praya_model::EndReason;
use praya_model::api::PROOF_EXPORTER;
use praya_wire::http::{ResponseHead, write_response};
use praya_wire::tunnel_headers::{
    ConnectReply, ConnectRequest, MIN_IPV6_MTU, parse_connect_request, write_connect_refusal,
    write_connect_reply,
};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::datagrams::{DatagramPort, Datagrams};
use super::mtu::tunnel_mtu;
use super::offer;
use super::port::SessionPort;
use super::shard::{Place, Shards};
use super::switch::{Attachment, Switch};
use crate::config::Config;
use crate::http::admission::Slot;
use crate::http::notice::Notices;
use crate::http::{Alive, Connect, TlsSocket, TunnelEntry};
use crate::metrics::Metrics;
use crate::sessions::{Attached, ChannelId, ConnectProof, EndOrder, Gone, LiveSession, Refusal, Sessions};
use crate::text;

/// How long the client may take to read the reply.
const REPLY_TIME: Duration = Duration::from_secs(15);
/// How long one packet may wait for a client that does not read.
const STALL: Duration = Duration::from_secs(60);

/// openconnect halves the DPD time in whole seconds: at one second it probes without a pause and reads nothing.
const SHORTEST_DPD: Duration = Duration::from_secs(2);

/// Answers CONNECT.
pub struct Tunnels {
    config: Arc<Config>,
    sessions: Arc<Sessions>,
    switch: Arc<Switch>,
    shards: Arc<Shards>,
    /// Absent where no UDP is offered.
    datagrams: Option<Arc<Datagrams>>,
    metrics: Metrics,
    notices: Notices,
}

impl Tunnels {
    /// Tunnels of `sessions` over `switch`, on the threads of `shards`, by TLS and, where there are sockets for it, UDP.
    pub fn new(
        config: Arc<Config>,
        sessions: Arc<Sessions>,
        switch: Arc<Switch>,
        shards: Arc<Shards>,
        datagrams: Option<Arc<Datagrams>>,
        metrics: Metrics,
    ) -> Self {
        Self { config, sessions, switch, shards, datagrams, metrics, notices: Notices::default() }
    }

    /// Checks the cookie and attaches the channel, or says what to answer.
    async fn attach(&self, request: &ConnectRequest, stream: &TlsSocket) -> Result<Attached, ResponseHead> {
        let Some(cookie) = &request.cookie else { return Err(write_connect_refusal(401, None)) };
        let proof = ConnectProof {
            proof: request.proof.as_deref(),
            exporter: stream.export_keying_material([0; 32], PROOF_EXPORTER, None).ok(),
        };
        self.sessions.attach(cookie, proof, self.sessions.now()).await.map_err(|refusal| match refusal {
            // 401 says one thing: this cookie is dead. openconnect then stops for good.
            Refusal::Unknown => write_connect_refusal(401, None),
            // Stock clients do not read the reason; ours takes it by its name.
            Refusal::Ended(reason) => write_connect_refusal(401, Some(reason.as_str())),
            Refusal::TooOften { retry_after_seconds } => {
                let mut refusal = write_connect_refusal(503, Some(text::TOO_OFTEN));
                refusal.headers.push("Retry-After", retry_after_seconds.to_string());
                refusal
            }
            Refusal::Store(error) => {
                tracing::error!(%error, "a tunnel could not be opened");
                write_connect_refusal(503, Some(text::BUSY))
            }
        })
    }

    /// From the attached channel to a tunnel that is ready to run; `None` when there will be none.
    async fn open(&self, connect: Connect, request: &ConnectRequest, attached: Attached) -> Option<Tunnel> {
        let Connect { mut stream, early, peer, slot, stopping, alive, .. } = connect;
        let Attached { session, channel, orders, mut tunnel, new_cookie } = attached;
        let mtu = tunnel_mtu(self.config.tunnel.mtu, request, peer.ip());
        tunnel.mtu = mtu.tunnel;
        if !tunnel.dpd.is_zero() {
            tunnel.dpd = tunnel.dpd.max(SHORTEST_DPD);
        }
        let taken: Vec<IpAddr> = tunnel
            .addresses
            .iter()
            .map(ipnet::IpNet::addr)
            .filter(|address| takes(request, mtu.tunnel, *address))
            .collect();
        if taken.is_empty() {
            answer(&mut stream, &write_connect_refusal(503, Some(text::NO_ADDRESS))).await;
            return None;
        }
        let place = self.shards.place();
        let attaching = self.switch.attach(Arc::clone(&session), channel, taken, mtu.tunnel, place.uplink());
        let Some((attachment, port)) = attaching else {
            answer(&mut stream, &write_connect_refusal(503, Some(text::BUSY))).await;
            return None;
        };
        let rhythm = Rhythm {
            role: Role::Gateway,
            dpd: tunnel.dpd,
            keepalive: tunnel.keepalive,
            rekey: Duration::ZERO,
        };
        let common = offer::Common { rhythm, mtu: mtu.tunnel, peer: peer.ip() };
        let opened = self.datagrams.as_ref().and_then(|all| offer::open(all, request, &stream, common));
        let (granted, datagrams) = opened.unzip();
        let reply = ConnectReply {
            config: tunnel,
            server_name: Some(self.config.gateway.display_name.clone()),
            host_name: Some(self.config.first_name().to_owned()),
            base_mtu: Some(mtu.base),
            session: Some(session.id.clone()),
            cookie: new_cookie,
            super_packets: true,
            datagrams: granted,
            ..ConnectReply::default()
        };
        if !answer(&mut stream, &write_connect_reply(&reply, request)).await {
            return None;
        }
        tracing::info!(session = %session.id, source = %peer.ip().to_canonical(), client = %request.user_agent, mtu = mtu.tunnel, "tunnel up");
        if let Some(name) = &request.host_name {
            self.sessions.name_machine(&session, name).await;
        }
        let settings = PumpSettings {
            rhythm,
            mtu: mtu.tunnel,
            super_packets: request.super_packets,
            stall: STALL,
            events: None,
        };
        let tls = TlsPort::new(stream, &early).with_stream(|stream| place.adopt(stream));
        let tls = match tls {
            Ok(tls) => tls,
            Err(error) => {
                tracing::error!(%error, "a connection could not be given to its thread");
                return None;
            }
        };
        let sessions = Arc::clone(&self.sessions);
        let _connection = (slot, alive);
        Some(Tunnel {
            tls,
            datagrams,
            settings,
            port,
            attachment,
            session,
            channel,
            orders,
            stopping,
            sessions,
            up: Up::new(&self.metrics.tunnels),
            place,
            _connection,
        })
    }
}

/// A tunnel that is up, with all that it needs on its thread.
struct Tunnel {
    tls: TlsPort<PacedStream, Records>,
    datagrams: Option<UdpChannel<DatagramPort>>,
    settings: PumpSettings,
    port: SessionPort,
    attachment: Attachment,
    session: Arc<LiveSession>,
    channel: ChannelId,
    orders: oneshot::Receiver<EndOrder>,
    stopping: watch::Receiver<bool>,
    sessions: Arc<Sessions>,
    up: Up,
    place: Place,
    _connection: (Slot, Alive),
}

impl Tunnel {
    /// Runs on the thread of its place from here on.
    fn start(self) {
        let runtime = self.place.runtime();
        runtime.spawn(self.run());
    }

    /// To the end of the channel, and until everybody knows of it.
    async fn run(self) {
        let Self { tls, datagrams, settings, port, attachment, session, orders, stopping, up, .. } = self;
        let (order, ordered) = mpsc::channel(1);
        // What a panic has left half-done goes with the channel; locks that outlive it are taken all the same.
        let end = tokio::select! {
            end = AssertUnwindSafe(pump::run(tls, datagrams, port, settings, &session.counters, ordered))
                .catch_unwind() => end,
            never = relay(order, orders, stopping) => match never {},
            failed = AssertUnwindSafe(follow_access(&session, &attachment)).catch_unwind() => {
                failed.map(|never| match never {})
            }
        };
        drop((up, attachment));
        let gone = match end {
            Ok(end) => {
                tracing::info!(session = %session.id, end = %describe(&end), "tunnel down");
                gone(&end)
            }
            Err(_) => {
                tracing::error!(session = %session.id, "tunnel down: the gateway's own code failed");
                Gone::Away
            }
        };
        self.sessions.detach(&session, self.channel, gone, self.sessions.now()).await;
    }
}

impl TunnelEntry for Tunnels {
    async fn enter(&self, mut connect: Connect) {
        let Ok(request) = parse_connect_request(&connect.head) else {
            let mut not_found = ResponseHead::new(404, "Not Found");
            not_found.headers.push("Content-Length", "0");
            not_found.headers.push("Connection", "close");
            self.metrics.request(not_found.status);
            answer(&mut connect.stream, &not_found).await;
            return;
        };
        let attached = match self.attach(&request, &connect.stream).await {
            Ok(attached) => attached,
            Err(refusal) => {
                let source = connect.peer.ip().to_canonical();
                self.notices.say("tunnel refused", source, &refusal.reason);
                self.metrics.request(refusal.status);
                answer(&mut connect.stream, &refusal).await;
                return;
            }
        };
        connect.slot.tunnel();
        let (session, channel) = (Arc::clone(&attached.session), attached.channel);
        let opened = AssertUnwindSafe(self.open(connect, &request, attached)).catch_unwind().await;
        let tunnel = opened.unwrap_or_else(|_| {
            tracing::error!(session = %session.id, "no tunnel: the gateway's own code failed");
            None
        });
        match tunnel {
            Some(tunnel) => tunnel.start(),
            // Otherwise it would look connected until it expires.
            None => self.sessions.detach(&session, channel, Gone::Away, self.sessions.now()).await,
        }
    }
}

/// Whether the client takes `address` as its own inside the tunnel; the same rule as in the reply.
fn takes(request: &ConnectRequest, mtu: u16, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => request.ipv4,
        IpAddr::V6(_) => request.ipv6 && mtu >= MIN_IPV6_MTU,
    }
}

/// Writes a head in one piece; false when it cannot be written or the client does not take it.
async fn answer(stream: &mut TlsSocket, head: &ResponseHead) -> bool {
    let bytes = match write_response(head) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "the answer to CONNECT cannot be written; look for line breaks in the settings");
            return false;
        }
    };
    let writing = async {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        if head.status != 200 {
            stream.shutdown().await?;
        }
        std::io::Result::Ok(())
    };
    matches!(timeout(REPLY_TIME, writing).await, Ok(Ok(())))
}

/// Hands the session's order on to the pump, once.
async fn relay(
    pump: mpsc::Sender<Order>,
    orders: oneshot::Receiver<EndOrder>,
    mut stopping: watch::Receiver<bool>,
) -> std::convert::Infallible {
    let order = tokio::select! {
        biased;
        order = orders => match order {
            Ok(EndOrder::Ended(reason)) => Order::Disconnect { reason, text: text::ended(reason).to_owned() },
            // An empty DISCONNECT: the session goes on elsewhere.
            Ok(EndOrder::TakenOver) => Order::Detach,
            Ok(EndOrder::Draining) | Err(_) => Order::Close,
        },
        _ = stopping.wait_for(|stop| *stop) => Order::Close,
    };
    // A pump that is gone needs no order.
    let _ = pump.send(order).await;
    std::future::pending().await
}

/// Judges by new rules as soon as an administrator makes them.
async fn follow_access(session: &LiveSession, attachment: &Attachment) -> std::convert::Infallible {
    let mut access = session.watch_access();
    // What changed between the making of the first rules and this moment counts too.
    access.mark_changed();
    while access.changed().await.is_ok() {
        let access = Arc::clone(&access.borrow_and_update());
        attachment.set_access(&access);
    }
    std::future::pending().await
}

/// What the end of its channel means for the session.
fn gone(end: &PumpEnd) -> Gone {
    match end {
        PumpEnd::PeerBye { reason } => Gone::Bye(*reason),
        PumpEnd::Ordered { .. }
        | PumpEnd::PeerDetached
        | PumpEnd::PeerEnded { .. }
        | PumpEnd::PeerTerminated
        | PumpEnd::PeerClosed
        | PumpEnd::PeerDead
        | PumpEnd::PeerStalled
        | PumpEnd::Protocol(_)
        | PumpEnd::Stream(_)
        | PumpEnd::Packets(_) => Gone::Away,
    }
}

fn describe(end: &PumpEnd) -> String {
    match end {
        PumpEnd::Ordered { told: true, .. } => "as ordered".into(),
        PumpEnd::Ordered { told: false, .. } => "as ordered, the client did not listen".into(),
        PumpEnd::PeerBye { reason } => format!("the client logged out ({})", reason.as_str()),
        PumpEnd::PeerDetached => "the client detached".into(),
        PumpEnd::PeerEnded { byte, reason, .. } => {
            format!("the client left with code {byte:#04x} ({})", reason.map_or("unknown", EndReason::as_str))
        }
        PumpEnd::PeerTerminated => "the client terminated".into(),
        PumpEnd::PeerClosed => "the connection was closed".into(),
        PumpEnd::PeerDead => "the client did not answer".into(),
        PumpEnd::PeerStalled => "the client did not read".into(),
        PumpEnd::Protocol(error) => error.to_string(),
        PumpEnd::Stream(error) => format!("the connection failed: {error}"),
        PumpEnd::Packets(error) => format!("the switch failed: {error}"),
    }
}

/// Counts a tunnel for as long as it lives.
struct Up(Gauge);

impl Up {
    fn new(tunnels: &Gauge) -> Self {
        tunnels.inc();
        Self(tunnels.clone())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
