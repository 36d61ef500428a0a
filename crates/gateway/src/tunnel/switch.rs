//! The switch between the TUN device and the sessions: looks up, judges, counts, hands over. It never waits for a
//! client, and no packet waits for a lock that another session holds.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use ipnet::IpNet;
use praya_datapath::offload::{self, Run};
use praya_datapath::scheduler::{Limits, Scheduler};
use praya_datapath::{Delivery, Offload, Packet};
use praya_model::Timestamp;
use praya_wire::ip;
use praya_wire::ip::protocol;

use super::filter::Policy;
use super::fragment;
use super::icmp::{self, IcmpError};
use super::own::OwnAddresses;
use super::policer::Policer;
use super::port::SessionPort;
use super::route::{Queue, Route, Routes, wake};
use crate::config::Config;
use crate::metrics::{Dropped, Metrics};
use crate::sessions::{Access, ChannelId, LiveSession};

/// So many bytes may wait for one client per packet of the limit; super-packets are longer than the ordinary ones...
const BYTES_PER_PACKET: usize = 2048;
/// ...and a few of them may always wait.
const LEAST_BYTES: usize = 256 * 1024;
/// Below this rate, in bits per second, no super-packet waits whole for a client: it would hold all other flows up for
/// more than 2.6 ms.
const WHOLE_FROM: u64 = 200_000_000;

/// Where packets go that leave the switch for the network.
pub trait Uplink: Send + Sync + 'static {
    /// Hands a run of packets over without waiting.
    fn send(&self, run: &Run<'_>) -> Delivery;
}

/// Where packets come from that enter the switch from the network.
pub trait Downlink: Send + 'static {
    /// Waits for packets and puts what is there, up to some number, at the end of `batch`.
    fn recv(&mut self, batch: &mut Vec<Packet>) -> impl Future<Output = io::Result<()>> + Send;
}

/// The gateway's own side of the pools.
#[derive(Clone, Debug, Default)]
pub struct SwitchSettings {
    /// The gateway's addresses in the tunnel; its ICMP errors come from there.
    pub own_v4: Option<Ipv4Addr>,
    /// The same for IPv6.
    pub own_v6: Option<Ipv6Addr>,
    /// The pools that clients' addresses come from.
    pub pools: Vec<IpNet>,
    /// All addresses of the gateway's machine.
    pub own: OwnAddresses,
    /// What waits for one client at most, and for how long.
    pub queue: Limits,
    /// Secret, so that nobody can choose to share the queue of another flow.
    pub seed: u64,
}

impl From<&Config> for SwitchSettings {
    fn from(config: &Config) -> Self {
        let tunnel = &config.tunnel;
        let (own_v4, own_v6) = (tunnel.gateway_v4(), tunnel.gateway_v6());
        let own = own_v4.map(IpAddr::from).into_iter().chain(own_v6.map(IpAddr::from));
        let pools = [tunnel.pool_v4.map(IpNet::from), tunnel.pool_v6.map(IpNet::from)];
        let packets = usize::try_from(config.limits.queue_packets).unwrap_or(usize::MAX);
        let bytes = packets.saturating_mul(BYTES_PER_PACKET).max(LEAST_BYTES);
        Self {
            own: OwnAddresses::new(own),
            own_v4,
            own_v6,
            pools: pools.into_iter().flatten().collect(),
            queue: Limits { packets, bytes, ..Limits::default() },
            seed: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        }
    }
}

/// The switch. Share it by `Arc`.
pub struct Switch {
    pub(super) settings: SwitchSettings,
    routes: Routes,
    /// What was made of whose access; a handful, as there are combinations of groups.
    policies: Mutex<Vec<(Weak<Access>, Weak<Policy>)>>,
    metrics: Metrics,
}

/// One session's channel on the switch; dropping it takes the route away, unless a newer channel has it.
pub struct Attachment {
    switch: Arc<Switch>,
    route: Arc<Route>,
}

impl Switch {
    /// A switch without sessions.
    pub fn new(settings: SwitchSettings, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { settings, routes: Routes::default(), policies: Mutex::default(), metrics })
    }

    /// Carries packets from the device to the sessions until the device fails. Answers go back by `uplink`.
    ///
    /// # Errors
    /// The device's.
    pub async fn run(&self, mut device: impl Downlink, uplink: &dyn Uplink) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            device.recv(&mut batch).await?;
            self.deliver(&mut batch, uplink, Instant::now());
            // Those who got packets on this thread take them before there are more.
            tokio::task::yield_now().await;
        }
    }

    /// Opens the session's port: packets for `addresses` (the client's own) wait in it, what the client sends goes
    /// through it and on to `uplink`. `None` when the session has ended or a newer channel has come meanwhile.
    pub fn attach(
        self: &Arc<Self>,
        session: Arc<LiveSession>,
        channel: ChannelId,
        addresses: Vec<IpAddr>,
        mtu: u16,
        uplink: Arc<dyn Uplink>,
    ) -> Option<(Attachment, SessionPort)> {
        let access = session.access();
        let policy = self.policy(&access);
        let scheduler = Scheduler::new(self.settings.queue, self.settings.seed);
        let route = Arc::new(Route::new(session, channel, addresses, mtu, policy, scheduler));
        route.set_rates(access.rates);
        if !self.routes.insert(&route) {
            return None;
        }
        let port = SessionPort::new(Arc::clone(self), Arc::clone(&route), uplink);
        Some((Attachment { switch: Arc::clone(self), route }, port))
    }

    /// One value for all who have the same access.
    fn policy(&self, access: &Arc<Access>) -> Arc<Policy> {
        let mut known = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known.iter().find(|(of, _)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(access)));
        if let Some(policy) = same.and_then(|(_, policy)| policy.upgrade()) {
            return policy;
        }
        known.retain(|(_, policy)| policy.strong_count() > 0);
        let endpoints = access.endpoints.iter().cloned();
        let policy = Arc::new(Policy::new(endpoints, &self.settings.pools, self.settings.own.clone()));
        known.push((Arc::downgrade(access), Arc::downgrade(&policy)));
        policy
    }

    /// What the client has sent, to the network. All packets of a run share what they are judged by.
    pub(super) fn forward(
        &self,
        route: &Route,
        policer: &mut Policer,
        uplink: &dyn Uplink,
        run: &Run<'_>,
    ) -> Delivery {
        let drop = |why| {
            self.count_drops(route, why, run.segments());
            Delivery::Dropped
        };
        // An ended session's channel may live on until its client has heard of it.
        if route.session.is_over() {
            return drop(Dropped::NoSession);
        }
        let Ok(packet) = ip::Packet::parse(run.first()) else { return drop(Dropped::Malformed) };
        if !route.addresses.contains(&packet.src()) {
            // Link-local chatter of a fresh interface is no attack, and no news either.
            return if packet.is_noise() { Delivery::Dropped } else { drop(Dropped::Spoofed) };
        }
        if !route.policy.load().outbound(&packet) {
            if !packet.is_noise() {
                self.answer_with(route, &packet, IcmpError::Prohibited, |error| {
                    route.push(Packet::ordinary(Bytes::from(error)), Instant::now());
                });
            }
            return drop(Dropped::DeniedOut);
        }
        if let Some(rate) = route.policed_rate()
            && !policer.admits(rate, run.bytes(), Instant::now())
        {
            return drop(Dropped::Rate);
        }
        if uplink.send(run) == Delivery::Dropped {
            return drop(Dropped::Device);
        }
        let (packets, bytes) = (count(run.segments()), count(run.bytes()));
        let traffic = &route.session.traffic;
        traffic.bytes_in.fetch_add(bytes, Relaxed);
        self.metrics.traffic.packets_in.inc_by(packets);
        self.metrics.traffic.bytes_in.inc_by(bytes);
        if !packet.is_noise() {
            traffic.user_was_active(Timestamp::from(SystemTime::now()));
        }
        Delivery::Delivered
    }

    /// What has come from the network, to the sessions; takes everything out of `packets`. The queue of a session is
    /// locked, and its pump woken, once for packets that follow each other.
    pub(super) fn deliver(&self, packets: &mut Vec<Packet>, uplink: &dyn Uplink, now: Instant) {
        let routes = self.routes.read();
        let mut run: Option<Inbound<'_>> = None;
        for mut packet in packets.drain(..) {
            let Ok(view) = ip::Packet::parse(&packet.bytes) else {
                self.metrics.drops.inc_by(Dropped::Malformed, 1);
                continue;
            };
            let to = view.dst();
            if run.as_ref().is_none_or(|run| !run.route.addresses.contains(&to)) {
                // Never two at once: another thread may want them in the other order.
                drop(run.take());
                run = routes.get(&to).map(|route| Inbound::new(self, route, uplink, now));
            }
            let Some(run) = run.as_mut().filter(|run| !run.route.session.is_over()) else {
                self.metrics.drops.inc_by(Dropped::NoSession, 1);
                continue;
            };
            match run.judge(&view, packet.offload) {
                Fate::Pass => {
                    let len = view.bytes().len();
                    packet.bytes.truncate(len);
                    run.enqueue(packet);
                }
                Fate::Reduce => run.split(&packet),
                Fate::Denied => self.count_drops(run.route, Dropped::DeniedIn, 1),
            }
        }
    }

    pub(super) fn carried_to_client(&self, route: &Route, packets: usize, bytes: usize) {
        route.session.traffic.bytes_out.fetch_add(count(bytes), Relaxed);
        self.metrics.traffic.packets_out.inc_by(count(packets));
        self.metrics.traffic.bytes_out.inc_by(count(bytes));
    }

    pub(super) fn count_drops(&self, route: &Route, why: Dropped, packets: usize) {
        if packets > 0 {
            self.metrics.drops.inc_by(why, count(packets));
            route.session.traffic.dropped(why, count(packets));
        }
    }

    fn answer_with(
        &self,
        route: &Route,
        packet: &ip::Packet<'_>,
        what: IcmpError,
        send: impl FnOnce(Vec<u8>),
    ) {
        let own = match packet.src() {
            IpAddr::V4(_) => self.settings.own_v4.map(IpAddr::from),
            IpAddr::V6(_) => self.settings.own_v6.map(IpAddr::from),
        };
        let allowed = || route.may_answer(Instant::now());
        if let Some(error) = own.filter(|_| allowed()).and_then(|own| icmp::error(packet, own, what)) {
            send(error);
        }
    }
}

/// What becomes of a packet for a client.
enum Fate {
    Pass,
    /// It, or what it is made of, is too long.
    Reduce,
    Denied,
}

/// Packets for one session that follow each other, with its queue locked; dropping it lets go and wakes the pump.
struct Inbound<'a> {
    switch: &'a Switch,
    route: &'a Route,
    uplink: &'a dyn Uplink,
    policy: arc_swap::Guard<Arc<Policy>>,
    /// Only ever `None` while it is dropped.
    queue: Option<MutexGuard<'a, Queue>>,
    is_slow: bool,
    now: Instant,
}

impl<'a> Inbound<'a> {
    fn new(switch: &'a Switch, route: &'a Arc<Route>, uplink: &'a dyn Uplink, now: Instant) -> Self {
        let queue = route.queue();
        let is_slow = queue.scheduler.rate().is_some_and(|rate| rate.bits_per_second.get() < WHOLE_FROM);
        Self { switch, route, uplink, policy: route.policy.load(), queue: Some(queue), is_slow, now }
    }

    fn judge(&self, packet: &ip::Packet<'_>, offload: Offload) -> Fate {
        if !self.policy.inbound(packet) {
            return Fate::Denied;
        }
        if self.is_slow && offload.is_super() {
            return Fate::Reduce;
        }
        // TCP that is to be finished anyway is split as small as need be by whoever takes it out of the queue.
        let fits = if offload == Offload::NONE {
            packet.bytes().len() <= self.route.mtu
        } else {
            packet.protocol() == protocol::TCP
                || offload::check(packet.bytes(), offload, self.route.mtu).is_ok()
        };
        // The device's MTU is the largest of all clients; the kernel does not know about the smaller ones.
        if fits { Fate::Pass } else { Fate::Reduce }
    }

    fn split(&mut self, packet: &Packet) {
        let mtu = self.route.mtu;
        let mut reduce = |head: &[u8], payload: &[u8]| self.reduce(&[head, payload].concat());
        // TCP is made to fit; datagrams that are too long each find their own way.
        let split = offload::split(packet, mtu, &mut reduce)
            .or_else(|_| offload::split(packet, usize::MAX, &mut reduce));
        if split.is_err() {
            self.switch.count_drops(self.route, Dropped::Malformed, 1);
        }
    }

    /// One ordinary packet with nothing left to do, which may be too long.
    fn reduce(&mut self, bytes: &[u8]) {
        let Ok(packet) = ip::Packet::parse(bytes) else { return };
        if packet.bytes().len() <= self.route.mtu {
            return self.enqueue(Packet::ordinary(Bytes::copy_from_slice(packet.bytes())));
        }
        if let Some(pieces) = fragment::cut(&packet, self.route.mtu) {
            return pieces.into_iter().for_each(|piece| self.enqueue(Packet::ordinary(Bytes::from(piece))));
        }
        let mtu = u16::try_from(self.route.mtu).unwrap_or(u16::MAX);
        self.switch.answer_with(self.route, &packet, IcmpError::TooBig(mtu), |error| {
            self.uplink.send(&Run::whole(&error, Offload::NONE, 1, error.len()));
        });
        self.switch.count_drops(self.route, Dropped::TooLong, 1);
    }

    /// What this drops, the port counts.
    fn enqueue(&mut self, packet: Packet) {
        if let Some(queue) = &mut self.queue {
            queue.scheduler.push(packet, self.now);
        }
    }
}

impl Drop for Inbound<'_> {
    fn drop(&mut self) {
        self.queue.take().into_iter().for_each(wake);
    }
}

impl Attachment {
    /// Judges by `access`, and keeps to its rates, from now on.
    pub fn set_access(&self, access: &Arc<Access>) {
        self.route.policy.store(self.switch.policy(access));
        self.route.set_rates(access.rates);
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.switch.routes.remove(&self.route);
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
