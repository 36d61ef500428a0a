//! The UDP side of the HTTPS port: every datagram finds its session, or nobody.
//!
//! A hello is told by the id that it names, everything else by where it comes from. Nothing is decrypted here, and
//! nobody is believed: each session has a bounded inbox of its own and opens what is its own, so that a flood for one
//! session, or for none, touches no other. Hellos that name no session are never answered. When many come, those that
//! do name one have to prove first that their sender receives (RFC 6347 section 4.2.1).

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use praya_datapath::udp::socket::{Receiver, Sender, Socket};
use praya_datapath::udp::{Buffer, DatagramIo, Datagrams as Run, Path};
use praya_dtls::{SessionId, cookie, peek};
use praya_identity::limits::{Allowance, RateLimit, Source, SourceLimiter};
use praya_model::Timestamp;
use tokio::sync::watch;

use crate::metrics::Metrics;
use inbox::Inbox;
use moves::Moves;
use table::{Key, Table};

mod inbox;
mod moves;
mod table;
#[cfg(test)]
mod tests;

/// From so many hellos a second on, their senders have to prove that they receive.
const MANY_HELLOS: u32 = 200;
/// Hellos of one source that reach sessions: so many at once, and one more every so often. An office behind one address
/// comes back at once after its line was down.
const HELLOS: RateLimit = RateLimit { burst: 500, every: Duration::from_millis(20), max_sources: 4096 };
/// Datagrams from unknown ports of one network that are shown to the sessions there.
const STRAYS: RateLimit = RateLimit { burst: 64, every: Duration::from_millis(20), max_sources: 4096 };
/// How long a cookie is good for, at least.
const COOKIE_TIME: Duration = Duration::from_secs(60);
/// Receive buffers of one socket that wait to be used again: 64 KiB each.
const SPARE_BUFFERS: usize = 32;
/// The content type of a record of data (RFC 5246 section 6.2.1).
const DATA: u8 = 23;
/// How long a socket that only fails is left alone.
const FAILED: Duration = Duration::from_millis(50);

/// The gateway's datagram sockets. Share it by `Arc`.
#[derive(Debug)]
pub struct Datagrams {
    sockets: Vec<Arc<Socket>>,
    table: RwLock<Table<Arc<Inbox>>>,
    /// Only hellos and strays, which are few or a flood, come here.
    guard: Mutex<Guard>,
    metrics: Metrics,
}

/// What keeps floods small.
#[derive(Debug)]
struct Guard {
    hellos: SourceLimiter,
    strays: SourceLimiter,
    second: Instant,
    in_second: u32,
    /// Until then hellos have to bring a cookie.
    loaded_until: Option<Instant>,
    secrets: cookie::Secrets,
    rotated: Instant,
    loaded_from: u32,
}

/// A session's share of the sockets; dropping it ends the registration.
#[derive(Debug)]
pub struct DatagramPort {
    owner: Arc<Datagrams>,
    key: Key,
    inbox: Arc<Inbox>,
    senders: Vec<Option<Sender>>,
    moves: Moves,
}

impl Datagrams {
    /// On these sockets, which are all of the gateway's; they may share addresses (`SO_REUSEPORT`). Run
    /// [`Datagrams::receive`] for each, in the runtime in which it was made.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new(sockets: Vec<Socket>, metrics: Metrics) -> io::Result<Arc<Self>> {
        let sockets = sockets.into_iter().map(Arc::new).collect();
        let guard = Mutex::new(Guard::new(Instant::now(), MANY_HELLOS)?);
        Ok(Arc::new(Self { sockets, table: RwLock::default(), guard, metrics }))
    }

    /// How many sockets there are.
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Where they are bound.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(|socket| socket.local_addr()).collect()
    }

    /// The port that clients are told: the first socket's.
    pub fn port(&self) -> Option<u16> {
        self.sockets.first().and_then(|socket| socket.local_addr().ok()).map(|address| address.port())
    }

    /// Receives on one socket, counted from zero, until `stopping` becomes true. Run it once for each.
    pub async fn receive(self: Arc<Self>, index: usize, mut stopping: watch::Receiver<bool>) {
        let Some(socket) = self.sockets.get(index) else { return };
        let mut receiver = Receiver::new(Arc::clone(socket), index, SPARE_BUFFERS);
        let receiving = async {
            let mut batch = Vec::new();
            loop {
                if let Err(error) = poll_fn(|cx| receiver.poll_recv(cx, &mut batch)).await {
                    tracing::debug!(%error, "a datagram socket failed");
                    tokio::time::sleep(FAILED).await;
                }
                self.dispatch(&mut batch);
                // Those who got datagrams on this thread open them before there are more: an inbox is small.
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            never = receiving => never,
            _ = stopping.wait_for(|stop| *stop) => {}
        }
    }

    /// Opens the share of a session whose hellos name `id` (the App-ID): datagrams that may be its own come out of it,
    /// from any thread.
    pub fn register(self: &Arc<Self>, id: SessionId) -> DatagramPort {
        let inbox = Arc::new(Inbox::default());
        let key = self.table_mut().register(id, Arc::clone(&inbox));
        let senders = self.sockets.iter().map(|_| None).collect();
        DatagramPort { owner: Arc::clone(self), key, inbox, senders, moves: Moves::default() }
    }

    fn dispatch(&self, batch: &mut Vec<Run>) {
        if batch.is_empty() {
            return;
        }
        let mut rest = Vec::new();
        {
            let table = self.table();
            for run in batch.drain(..) {
                if run.bytes.chunks(run.stride).all(|datagram| datagram.first() == Some(&DATA)) {
                    if let Some(run) = self.deliver(table.at(run.path.remote, true), run) {
                        rest.push(run);
                    }
                } else {
                    rest.push(run);
                }
            }
        }
        // What follows is rare, or not wanted.
        for run in rest {
            let path = run.path;
            for datagram in run.bytes.chunks(run.stride) {
                match peek::client_hello(datagram) {
                    Some(hello) => self.take_hello(hello.session_id, datagram, path),
                    None if peek::epoch(datagram).is_none() => {
                        self.drop(&self.metrics.datagrams.malformed, 1)
                    }
                    None => self.take_other(datagram, path),
                }
            }
        }
    }

    /// Gives the run to everybody in `inboxes`; gives it back if there is nobody.
    fn deliver<'a>(&self, mut inboxes: impl Iterator<Item = &'a Arc<Inbox>>, run: Run) -> Option<Run> {
        let Some(first) = inboxes.next() else { return Some(run) };
        for other in inboxes {
            let bytes = Buffer::from(run.bytes.to_vec());
            self.push(other, Run { bytes, stride: run.stride, path: run.path });
        }
        self.push(first, run);
        None
    }

    fn push(&self, inbox: &Inbox, run: Run) {
        let datagrams = run.bytes.len().div_ceil(run.stride.max(1));
        if !inbox.push(run) {
            self.drop(&self.metrics.datagrams.queue_full, datagrams);
        }
    }

    fn take_hello(&self, id: &[u8], datagram: &[u8], path: Path) {
        let drops = &self.metrics.datagrams;
        let named = SessionId::new(id).and_then(|id| {
            let table = self.table();
            table.named(&id).map(|(key, inbox)| (key, Arc::clone(inbox)))
        });
        let now = Instant::now();
        let mut guard = self.guard();
        let is_loaded = guard.is_loaded(now);
        let Some((key, inbox)) = named else {
            drop(guard);
            return self.drop(&drops.unknown_hello, 1);
        };
        if is_loaded {
            let mut reply = Vec::new();
            match guard.check(path.remote, datagram, &mut reply, now) {
                cookie::Check::Proven => {}
                cookie::Check::Asked if reply.len() <= datagram.len() => {
                    drop(guard);
                    self.drop(&drops.unproven_hello, 1);
                    if let Some(socket) = self.sockets.get(path.socket) {
                        // A socket without room has more important things to send.
                        let _ = socket.try_send(path, &reply, reply.len());
                    }
                    return;
                }
                cookie::Check::Asked | cookie::Check::NotAHello => {
                    drop(guard);
                    return self.drop(&drops.malformed, 1);
                }
            }
        }
        let allowed = guard.hellos.take(source(path.remote.ip()), wall_clock()) == Allowance::Allowed;
        drop(guard);
        if !allowed {
            return self.drop(&drops.too_many_hellos, 1);
        }
        self.table_mut().claim(key, path.remote, false);
        self.push(&inbox, one(datagram, path));
    }

    /// The rest of a handshake, or data from where nobody is known to be.
    fn take_other(&self, datagram: &[u8], path: Path) {
        let is_data = datagram.first() == Some(&DATA);
        let mut inboxes: Vec<_> = self.table().at(path.remote, is_data).map(Arc::clone).collect();
        // What is in the clear belongs to a handshake, and a handshake stays where it began.
        if inboxes.is_empty() && is_data && peek::epoch(datagram) != Some(0) {
            let ip = path.remote.ip();
            let candidates: Vec<_> = self.table().candidates(ip).map(Arc::clone).collect();
            let allowed = || self.guard().strays.take(source(ip), wall_clock()) == Allowance::Allowed;
            if !candidates.is_empty() && allowed() {
                inboxes = candidates;
            }
        }
        if inboxes.is_empty() {
            return self.drop(&self.metrics.datagrams.unknown_source, 1);
        }
        let _nobody = self.deliver(inboxes.iter(), one(datagram, path));
    }

    fn drop(&self, counter: &prometheus_client::metrics::counter::Counter, datagrams: usize) {
        counter.inc_by(u64::try_from(datagrams).unwrap_or(u64::MAX));
    }

    fn table(&self) -> RwLockReadGuard<'_, Table<Arc<Inbox>>> {
        // No holder can panic half-way through a change.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table<Arc<Inbox>>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    fn new(now: Instant, loaded_from: u32) -> io::Result<Self> {
        Ok(Self {
            hellos: SourceLimiter::new(HELLOS),
            strays: SourceLimiter::new(STRAYS),
            second: now,
            in_second: 0,
            loaded_until: None,
            secrets: cookie::Secrets::new(&random()?),
            rotated: now,
            loaded_from,
        })
    }

    /// Counts a hello; whether there are many.
    fn is_loaded(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.in_second) = (now, 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        if self.in_second >= self.loaded_from {
            self.loaded_until = now.checked_add(Duration::from_secs(2));
        }
        self.loaded_until.is_some_and(|until| now < until)
    }

    fn check(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        reply: &mut Vec<u8>,
        now: Instant,
    ) -> cookie::Check {
        if now.saturating_duration_since(self.rotated) >= COOKIE_TIME
            && let Ok(random) = random()
        {
            self.secrets.rotate(&random);
            self.rotated = now;
        }
        self.secrets.check(from, datagram, reply)
    }
}

impl DatagramIo for DatagramPort {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Run>) -> Poll<io::Result<()>> {
        if self.moves.wait() {
            self.settle();
        }
        self.inbox.poll_take(cx, batch).map(Ok)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: Path,
        contents: &[u8],
        segment: usize,
    ) -> Poll<io::Result<usize>> {
        let (Some(sender), Some(socket)) =
            (self.senders.get_mut(to.socket), self.owner.sockets.get(to.socket))
        else {
            return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
        };
        let sender = sender.get_or_insert_with(|| Sender::new(Arc::clone(socket)));
        sender.poll_send(cx, to, contents, segment)
    }

    fn adopt(&mut self, path: Path) {
        // Where the session is known to be, nothing changes, however often its datagrams come from elsewhere.
        let is_known = self.owner.table().has_proven(self.key, path.remote);
        self.moves.to((!is_known).then_some(path.remote));
        self.settle();
    }
}

impl DatagramPort {
    fn settle(&mut self) {
        if let Some(address) = self.moves.due(Instant::now()) {
            self.owner.table_mut().claim(self.key, address, true);
        }
    }
}

impl Drop for DatagramPort {
    fn drop(&mut self) {
        self.owner.table_mut().unregister(self.key);
    }
}

/// One datagram by itself.
fn one(datagram: &[u8], path: Path) -> Run {
    Run { bytes: Buffer::from(datagram.to_vec()), stride: datagram.len().max(1), path }
}

fn source(ip: IpAddr) -> Source {
    Source::from(ip.to_canonical())
}

fn wall_clock() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(bytes)
}
