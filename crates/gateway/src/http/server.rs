//! The listener: takes connections in, keeps each within its limits, and lets them go when the gateway stops.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use bytes::Bytes;
use praya_datapath::tls::{Hello, TlsStream};
use praya_identity::limits::{Allowance, RateLimit, SourceLimiter};
use praya_wire::http::RequestHead;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::admission::{Admission, Slot};
use super::connection::{self, Next, Site};
use super::notice::Notices;
use super::tls::ServerTls;
use crate::config;
use crate::metrics::Metrics;

/// Pause after the system refused to hand out a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one client, and all of them, may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all, tunnels included.
    pub connections: usize,
    /// Connections from one source that are not tunnels.
    pub connections_per_source: usize,
    /// TLS handshakes of one source in a second, after [`Limits::connections_per_source`] of them at once; 0 is any
    /// number.
    pub handshakes_per_second: u32,
    /// Time for the TLS handshake.
    pub handshake_time: Duration,
    /// Time for a whole request, head and body, and for the first one to begin.
    pub request_time: Duration,
    /// Time between two requests of a connection.
    pub keep_alive_time: Duration,
    /// Time for the client to take one answer.
    pub write_time: Duration,
    /// Largest request body, in bytes.
    pub body_bytes: usize,
    /// Time connections get to end when the gateway stops.
    pub drain_time: Duration,
}

impl From<&config::Limits> for Limits {
    fn from(config: &config::Limits) -> Self {
        let size = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            connections: size(config.connections),
            connections_per_source: size(config.connections_per_source),
            handshakes_per_second: config.handshakes_per_second,
            handshake_time: config.handshake_time,
            request_time: config.request_time,
            keep_alive_time: config.keep_alive_time,
            write_time: config.request_time,
            body_bytes: size(config.body_bytes),
            drain_time: config.drain_time,
        }
    }
}

/// A client's TLS connection.
pub type TlsSocket = TlsStream<TcpStream>;

/// A connection that asks for a tunnel and was not answered yet.
pub struct Connect {
    /// Its CONNECT request.
    pub head: RequestHead,
    /// The connection.
    pub stream: TlsSocket,
    /// What was read beyond the head.
    pub early: Bytes,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Its place among the connections.
    pub slot: Slot,
    /// Becomes true when the gateway stops.
    pub stopping: watch::Receiver<bool>,
    /// To be kept for as long as the connection is to be waited for then.
    pub alive: Alive,
}

/// Says, by being there, that a connection is not over.
pub struct Alive(#[expect(dead_code, reason = "it is there to be dropped")] mpsc::Sender<Infallible>);

/// Whoever answers CONNECT, and serves the connection until it is closed.
pub trait TunnelEntry: Send + Sync + 'static {
    /// Answers, and serves or hands over to whoever does.
    fn enter(&self, connect: Connect) -> impl Future<Output = ()> + Send;
}

/// The HTTPS port.
pub struct Server<T> {
    tls: ServerTls,
    site: Site,
    tunnels: T,
    admission: Admission,
    /// How often a source may make the gateway compute a handshake, by far its dearest answer to a stranger.
    handshakes: Option<Mutex<SourceLimiter>>,
}

impl<T: TunnelEntry> Server<T> {
    /// Requests go to `router`, CONNECT goes to `tunnels`.
    pub fn new(tls: ServerTls, router: Router, tunnels: T, limits: Limits, metrics: Metrics) -> Self {
        let admission =
            Admission::new(limits.connections, limits.connections_per_source, metrics.connections.clone());
        let site = Site { router, limits, metrics, notices: Notices::default(), secure: true };
        let handshakes = (limits.handshakes_per_second > 0).then(|| {
            Mutex::new(SourceLimiter::new(RateLimit {
                burst: u32::try_from(limits.connections_per_source).unwrap_or(u32::MAX),
                every: Duration::from_secs(1) / limits.handshakes_per_second,
                ..RateLimit::default()
            }))
        });
        Self { tls, site, tunnels, admission, handshakes }
    }

    /// Takes connections in until `stopping` becomes true; then lets those that are open end within the drain time,
    /// and returns. Several listeners may share one server.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mut stopping: watch::Receiver<bool>) {
        raise_open_files(self.site.limits.connections);
        let mut connections = JoinSet::new();
        let (alive, mut none_alive) = mpsc::channel(1);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.wait_for(|stop| *stop) => break,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((socket, peer)) => {
                    if let Some(slot) = self.admit(peer) {
                        connections.spawn(Arc::clone(&self).connection(
                            socket,
                            peer,
                            slot,
                            stopping.clone(),
                            Alive(alive.clone()),
                        ));
                    }
                }
                Err(error) => self.not_accepted(&error).await,
            }
        }
        drop((listener, alive));
        let all = async {
            while connections.join_next().await.is_some() {}
            // Nothing is ever sent.
            let _: Option<Infallible> = none_alive.recv().await;
        };
        if timeout(self.site.limits.drain_time, all).await.is_err() {
            let left = none_alive.sender_strong_count();
            tracing::warn!(left, "connections did not end in time and are cut");
            connections.shutdown().await;
        }
    }

    fn admit(&self, peer: SocketAddr) -> Option<Slot> {
        let source = peer.ip().to_canonical();
        match self.admission.admit(source) {
            Ok(slot) => Some(slot),
            Err(refusal) => {
                self.site.metrics.connection_refused(refusal.as_str());
                self.site.notices.say("connection refused", source, refusal.as_str());
                None
            }
        }
    }

    async fn not_accepted(&self, error: &io::Error) {
        // A client that was gone before it was accepted concerns nobody; a lack of descriptors concerns all.
        let harmless = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        );
        if harmless {
            return;
        }
        let evicted = self.admission.evict_one();
        self.site.metrics.connection_refused("system");
        if let Some(more) = self.site.notices.due("accept", std::time::Instant::now()) {
            tracing::error!(%error, evicted, more_held_back = more, "the system hands out no connection; raise the limit of open files");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    async fn connection(
        self: Arc<Self>,
        socket: TcpStream,
        peer: SocketAddr,
        slot: Slot,
        stopping: watch::Receiver<bool>,
        alive: Alive,
    ) {
        let source = peer.ip().to_canonical();
        let next = tokio::select! {
            next = self.requests(socket, source, &slot, stopping.clone()) => next,
            () = slot.evicted() => {
                self.site.metrics.connection_refused("evicted");
                self.site.notices.say("waiting connection ended to make room", source, "evicted");
                Next::Closed
            }
        };
        if let Next::Connect { head, stream, early } = next {
            self.tunnels.enter(Connect { head: *head, stream, early, peer, slot, stopping, alive }).await;
        }
    }

    async fn requests(
        &self,
        socket: TcpStream,
        source: IpAddr,
        slot: &Slot,
        stopping: watch::Receiver<bool>,
    ) -> Next<TlsSocket> {
        // Frames are written whole; waiting to fill a segment only adds delay.
        let _ = socket.set_nodelay(true);
        match timeout(self.site.limits.handshake_time, self.handshake(socket, source)).await {
            Ok(Ok(None)) => {
                self.site.metrics.connection_refused("handshake_rate");
                self.site.notices.say("connection refused", source, "too many handshakes");
                Next::Closed
            }
            Ok(Ok(Some(stream))) => connection::serve(stream, &self.site, source, Some(slot), stopping).await,
            Ok(Err(error)) => {
                self.site.metrics.connection_refused("tls");
                self.site.notices.say("TLS handshake failed", source, &error.to_string());
                Next::Closed
            }
            Err(_) => {
                self.site.metrics.connection_refused("tls_timeout");
                self.site.notices.say("TLS handshake timed out", source, "too slow");
                Next::Closed
            }
        }
    }

    /// The handshake; `None` when the source has had too many. A connection that only waits costs it nothing.
    async fn handshake(&self, socket: TcpStream, source: IpAddr) -> io::Result<Option<TlsSocket>> {
        let hello = Hello::read(socket).await?;
        let allowed = self.handshakes.as_ref().is_none_or(|handshakes| {
            let mut handshakes = handshakes.lock().unwrap_or_else(PoisonError::into_inner);
            handshakes.take(source.into(), SystemTime::now().into()) == Allowance::Allowed
        });
        if allowed { hello.accept(&self.tls.config()).await.map(Some) } else { Ok(None) }
    }
}

/// Lets the process hold `connections`, as far as the system's hard limit goes; says so when it does not reach.
fn raise_open_files(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // The database, the device, the listeners and the log come on top.
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(64);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let reach = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reach), maximum: limit.maximum });
    if raised.is_err() || reach < wanted {
        tracing::warn!(
            wanted,
            reach,
            "the limit of open files is below limits.connections; raise it (LimitNOFILE= in the systemd unit)"
        );
    }
}

/// Serves `router` without TLS until `stopping` becomes true: for the local listener of metrics and health.
pub async fn serve_plain(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    // Its own requests are not among those it counts.
    let metrics = Metrics::new();
    let site = Arc::new(Site { router, limits, metrics, notices: Notices::default(), secure: false });
    let admission =
        Admission::new(limits.connections_per_source, limits.connections_per_source, Gauge::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((socket, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(slot) = admission.admit(peer.ip()) else { continue };
        let (site, stopping) = (Arc::clone(&site), stopping.clone());
        connections.spawn(async move {
            tokio::select! {
                _ = connection::serve(socket, &site, peer.ip(), Some(&slot), stopping) => {}
                () = slot.evicted() => {}
            }
        });
    }
    let _ = timeout(limits.drain_time, async { while connections.join_next().await.is_some() {} }).await;
}
