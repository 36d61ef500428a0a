//! The switch between one TUN device and the sessions: looks up, judges, counts, hands over. It never waits for a
//! client; what a client's queue does not hold is dropped.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use praya_datapath::packet_io::{PacketIo, Port, PortQueue, port};
use praya_datapath::{Delivery, TunDevice};
use praya_model::Timestamp;
use praya_wire::ip::Packet;

use super::filter::Policy;
use super::fragment;
use super::icmp::{self, IcmpError};
use super::own::OwnAddresses;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::sessions::{Access, ChannelId, LiveSession};

/// Packets are cut out of buffers of this size, so that one allocation serves many.
const BUFFER: usize = 64 * 1024;
/// Errors that the gateway sends on behalf of one client: so many at once, and so many per second.
const ICMP_BURST: u32 = 10;
const ICMP_PERIOD: Duration = Duration::from_millis(100);

/// Where packets go that leave the switch for the network.
pub trait Uplink: Send + Sync + 'static {
    /// Hands one packet over without waiting.
    fn send(&self, packet: &[u8]) -> Delivery;
}

impl Uplink for TunDevice {
    fn send(&self, packet: &[u8]) -> Delivery {
        // A device that is gone ends the reader, and with it the gateway.
        self.try_send(packet).unwrap_or(Delivery::Dropped)
    }
}

impl<U: Uplink> Uplink for Arc<U> {
    fn send(&self, packet: &[u8]) -> Delivery {
        (**self).send(packet)
    }
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
    /// Packets that wait for one client at most.
    pub queue: usize,
    /// The longest packet of the device, in bytes.
    pub mtu: u16,
}

impl From<&Config> for SwitchSettings {
    fn from(config: &Config) -> Self {
        let tunnel = &config.tunnel;
        let (own_v4, own_v6) = (tunnel.gateway_v4(), tunnel.gateway_v6());
        let own = own_v4.map(IpAddr::from).into_iter().chain(own_v6.map(IpAddr::from));
        let pools = [tunnel.pool_v4.map(IpNet::from), tunnel.pool_v6.map(IpNet::from)];
        Self {
            own: OwnAddresses::new(own),
            own_v4,
            own_v6,
            pools: pools.into_iter().flatten().collect(),
            queue: usize::try_from(config.limits.queue_packets).unwrap_or(usize::MAX),
            mtu: tunnel.mtu,
        }
    }
}

/// The switch. Share it by `Arc`.
pub struct Switch {
    settings: SwitchSettings,
    uplink: Box<dyn Uplink>,
    routes: RwLock<HashMap<IpAddr, Arc<Route>>>,
    metrics: Metrics,
}

/// One session's channel on the switch; dropping it takes the route away, unless a newer channel has it.
pub struct Attachment {
    switch: Arc<Switch>,
    route: Arc<Route>,
}

/// What the switch knows about one channel.
struct Route {
    session: Arc<LiveSession>,
    channel: ChannelId,
    /// The addresses that the client was told.
    addresses: Vec<IpAddr>,
    mtu: usize,
    queue: PortQueue,
    policy: RwLock<Arc<Policy>>,
    errors: Mutex<Bucket>,
}

impl Switch {
    /// A switch without sessions; packets for the network go to `uplink`.
    pub fn new(settings: SwitchSettings, uplink: impl Uplink, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self { settings, uplink: Box::new(uplink), routes: RwLock::default(), metrics })
    }

    /// Carries packets from the device to the sessions until the device fails. Run it once.
    ///
    /// # Errors
    /// The device's.
    pub async fn run(&self, device: &impl PacketIo) -> io::Result<()> {
        let longest = usize::from(self.settings.mtu).max(1280) + 64;
        let mut buffer = BytesMut::zeroed(BUFFER.max(longest));
        loop {
            if buffer.len() < longest {
                buffer = BytesMut::zeroed(BUFFER.max(longest));
            }
            let len = device.recv(&mut buffer).await?;
            self.deliver(buffer.split_to(len).freeze());
        }
    }

    /// Opens the session's port: packets for `addresses` (the client's own) wait in it, what the client sends goes
    /// through it. `None` when the session has ended or a newer channel has come meanwhile.
    #[expect(clippy::type_complexity, reason = "a closure's type has no name")]
    pub fn attach(
        self: &Arc<Self>,
        session: Arc<LiveSession>,
        channel: ChannelId,
        addresses: Vec<IpAddr>,
        mtu: u16,
    ) -> Option<(Attachment, Port<impl Fn(&[u8]) -> Delivery + Send + Sync + use<>>)> {
        let policy = Arc::new(self.policy(&session.access()));
        let switch = Arc::clone(self);
        let slot: Arc<std::sync::OnceLock<Arc<Route>>> = Arc::default();
        let own = Arc::clone(&slot);
        let (queue, port) = port(self.settings.queue, move |packet: &[u8]| match own.get() {
            Some(route) => switch.forward(route, packet),
            None => Delivery::Dropped,
        });
        let route = Arc::new(Route {
            session,
            channel,
            addresses,
            mtu: usize::from(mtu),
            queue,
            policy: RwLock::new(policy),
            errors: Mutex::new(Bucket::full(Instant::now())),
        });
        // The slot is fresh: setting it cannot fail.
        let _ = slot.set(Arc::clone(&route));
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        // Judged under the lock: an ended session's addresses may belong to another session already.
        let newer = |known: &Arc<Route>| known.session.id == route.session.id && known.channel > channel;
        if route.session.ended().is_some() || route.addresses.iter().filter_map(|a| routes.get(a)).any(newer)
        {
            return None;
        }
        for address in &route.addresses {
            routes.insert(*address, Arc::clone(&route));
        }
        drop(routes);
        Some((Attachment { switch: Arc::clone(self), route }, port))
    }

    fn policy(&self, access: &Access) -> Policy {
        Policy::new(access.endpoints.iter().cloned(), &self.settings.pools, self.settings.own.clone())
    }

    fn forward(&self, route: &Route, bytes: &[u8]) -> Delivery {
        let drops = &self.metrics.drops;
        // An ended session's channel may live on until its client has heard of it.
        if route.session.is_over() {
            return route.dropped();
        }
        let Ok(packet) = Packet::parse(bytes) else {
            drops.malformed.inc();
            return route.dropped();
        };
        if !route.addresses.contains(&packet.src()) {
            // Link-local chatter of a fresh interface is no attack, and no news either.
            if !packet.is_noise() {
                drops.spoofed.inc();
            }
            return route.dropped();
        }
        if !route.policy().outbound(&packet) {
            drops.denied_out.inc();
            if !packet.is_noise() {
                self.answer_with(route, &packet, IcmpError::Prohibited, |error| {
                    let _ = route.queue.push(Bytes::from(error));
                });
            }
            return route.dropped();
        }
        if self.uplink.send(packet.bytes()) == Delivery::Dropped {
            drops.device.inc();
            return route.dropped();
        }
        let len = u64::try_from(packet.bytes().len()).unwrap_or(u64::MAX);
        let traffic = &route.session.traffic;
        traffic.packets_in.fetch_add(1, Relaxed);
        traffic.bytes_in.fetch_add(len, Relaxed);
        self.metrics.traffic.packets_in.inc();
        self.metrics.traffic.bytes_in.inc_by(len);
        if !packet.is_noise() {
            traffic.user_was_active(Timestamp::from(SystemTime::now()));
        }
        Delivery::Delivered
    }

    fn deliver(&self, bytes: Bytes) {
        let drops = &self.metrics.drops;
        let Ok(packet) = Packet::parse(&bytes) else {
            drops.malformed.inc();
            return;
        };
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let Some(route) = routes.get(&packet.dst()) else {
            drops.no_session.inc();
            return;
        };
        if route.session.is_over() {
            drops.no_session.inc();
            return;
        }
        if !route.policy().inbound(&packet) {
            drops.denied_in.inc();
            route.dropped();
            return;
        }
        let len = packet.bytes().len();
        if len <= route.mtu {
            return self.hand_over(route, bytes.slice(..len));
        }
        // The device's MTU is the largest of all clients; the kernel does not know about the smaller ones.
        if let Some(pieces) = fragment::cut(&packet, route.mtu) {
            return pieces.into_iter().for_each(|piece| self.hand_over(route, Bytes::from(piece)));
        }
        let mtu = u16::try_from(route.mtu).unwrap_or(u16::MAX);
        self.answer_with(route, &packet, IcmpError::TooBig(mtu), |error| {
            self.uplink.send(&error);
        });
        route.dropped();
    }

    fn hand_over(&self, route: &Route, bytes: Bytes) {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if route.queue.push(bytes) == Delivery::Dropped {
            self.metrics.drops.queue_full.inc();
            route.dropped();
            return;
        }
        route.session.traffic.packets_out.fetch_add(1, Relaxed);
        route.session.traffic.bytes_out.fetch_add(len, Relaxed);
        self.metrics.traffic.packets_out.inc();
        self.metrics.traffic.bytes_out.inc_by(len);
    }

    fn answer_with(&self, route: &Route, packet: &Packet<'_>, what: IcmpError, send: impl FnOnce(Vec<u8>)) {
        let own = match packet.src() {
            IpAddr::V4(_) => self.settings.own_v4.map(IpAddr::from),
            IpAddr::V6(_) => self.settings.own_v6.map(IpAddr::from),
        };
        let allowed = || route.errors.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if let Some(error) = own.filter(|_| allowed()).and_then(|own| icmp::error(packet, own, what)) {
            send(error);
        }
    }
}

impl Attachment {
    /// Judges by `access` from now on.
    pub fn set_access(&self, access: &Access) {
        let policy = Arc::new(self.switch.policy(access));
        *self.route.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut routes = self.switch.routes.write().unwrap_or_else(PoisonError::into_inner);
        for address in &self.route.addresses {
            if routes.get(address).is_some_and(|route| Arc::ptr_eq(route, &self.route)) {
                routes.remove(address);
            }
        }
    }
}

impl Route {
    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn dropped(&self) -> Delivery {
        self.session.traffic.dropped.fetch_add(1, Relaxed);
        Delivery::Dropped
    }
}

/// A token bucket for ICMP errors (RFC 4443 section 2.4 (f)).
#[derive(Debug)]
struct Bucket {
    tokens: u32,
    since: Instant,
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self { tokens: ICMP_BURST, since: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.since).as_millis() / ICMP_PERIOD.as_millis();
        if let Ok(earned @ 1..) = u32::try_from(earned) {
            self.tokens = self.tokens.saturating_add(earned).min(ICMP_BURST);
            self.since = now;
        }
        let has = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        has
    }
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;
