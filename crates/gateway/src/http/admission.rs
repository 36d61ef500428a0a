//! Who may hold a connection: a total, a share per source, and the longest-waiting one gives way.
//!
//! A connection *waits* while the client owes the next byte (TLS handshake, request head, request body, keep-alive)
//! and may then be evicted; it is *busy* while the gateway works on a whole request, and then it may not.
//! A connection that became a tunnel belongs to a session: it leaves its source's share and is never evicted.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

/// What one client can change of its address at will does not make it another client: an IPv4 address counts as
/// it is, an IPv6 address by its /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64))),
        }
    }
}

/// Why a connection was turned away, or ended to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The gateway holds as many connections as it may, and none of them is waiting.
    Full,
    /// The source holds as many as it may, and none of them is waiting.
    SourceFull,
}

impl Refusal {
    /// The name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::SourceFull => "source_full",
        }
    }
}

/// The register of open connections. Cloning shares it.
#[derive(Clone)]
pub struct Admission(Arc<Mutex<Register>>);

/// One connection's place in the register; dropping it gives the place back.
pub struct Slot {
    admission: Admission,
    id: u64,
    evicted: Arc<Notify>,
}

impl Admission {
    /// At most `total` connections, at most `per_source` of one source that are not tunnels; `open` shows how many
    /// there are, tunnels included.
    pub fn new(total: usize, per_source: usize, open: Gauge) -> Self {
        Self(Arc::new(Mutex::new(Register { total, per_source, open, ..Register::default() })))
    }

    /// A place for a connection from `address`, if need be that of the longest-waiting connection: of the same
    /// source when the source is full, of anybody when the gateway is.
    ///
    /// # Errors
    /// There is no place and nobody is waiting.
    pub fn admit(&self, address: IpAddr) -> Result<Slot, Refusal> {
        let evicted = Arc::new(Notify::new());
        let id = self.register().admit(address.into(), Arc::clone(&evicted))?;
        Ok(Slot { admission: self.clone(), id, evicted })
    }

    /// Ends the longest-waiting connection, whoever's it is: for when the system has no file descriptor left.
    pub fn evict_one(&self) -> bool {
        self.register().evict_oldest(None)
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        // Every method leaves the register consistent before anything that could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The client owes the next byte.
    pub fn waiting(&self) {
        self.admission.register().set(self.id, Standing::Waiting);
    }

    /// A whole request is being worked on.
    pub fn busy(&self) {
        self.admission.register().set(self.id, Standing::Busy);
    }

    /// The connection belongs to a session from now on.
    pub fn tunnel(&self) {
        self.admission.register().set(self.id, Standing::Tunnel);
    }

    /// Resolves when the connection has to make room for another.
    pub async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.admission.register().close(self.id);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waiting,
    Busy,
    Tunnel,
    /// Told to go, and still holding its file descriptor.
    Leaving,
}

struct Connection {
    source: Source,
    standing: Standing,
    /// When it last changed its standing; orders the waiting ones.
    turn: u64,
    evicted: Arc<Notify>,
}

#[derive(Default)]
struct Register {
    total: usize,
    per_source: usize,
    open: Gauge,
    next: u64,
    leaving: usize,
    connections: HashMap<u64, Connection>,
    /// Per source: how many count against its share, and which of them wait, by turn.
    sources: HashMap<Source, (usize, BTreeMap<u64, u64>)>,
    /// Everybody who waits, by turn.
    waiting: BTreeMap<u64, u64>,
}

impl Register {
    fn admit(&mut self, source: Source, evicted: Arc<Notify>) -> Result<u64, Refusal> {
        let held = self.sources.get(&source).map_or(0, |(held, _)| *held);
        if held >= self.per_source && !self.evict_oldest(Some(source)) {
            return Err(Refusal::SourceFull);
        }
        if self.connections.len().saturating_sub(self.leaving) >= self.total && !self.evict_oldest(None) {
            return Err(Refusal::Full);
        }
        let (id, turn) = (self.turn(), self.turn());
        self.connections.insert(id, Connection { source, standing: Standing::Waiting, turn, evicted });
        let (held, waiting) = self.sources.entry(source).or_default();
        *held += 1;
        waiting.insert(turn, id);
        self.waiting.insert(turn, id);
        self.open.inc();
        Ok(id)
    }

    fn evict_oldest(&mut self, of: Option<Source>) -> bool {
        let waiting = match of {
            None => &self.waiting,
            Some(source) => match self.sources.get(&source) {
                Some((_, waiting)) => waiting,
                None => return false,
            },
        };
        let Some(id) = waiting.first_key_value().map(|(_, id)| *id) else { return false };
        if let Some(connection) = self.connections.get(&id) {
            connection.evicted.notify_one();
        }
        self.set(id, Standing::Leaving);
        true
    }

    fn set(&mut self, id: u64, standing: Standing) {
        let turn = self.turn();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let old = connection.standing;
        // Who was told to go stays so; who is a tunnel never goes back.
        if matches!(old, Standing::Leaving | Standing::Tunnel) {
            return;
        }
        let Some((held, waiting)) = self.sources.get_mut(&connection.source) else { return };
        waiting.remove(&connection.turn);
        self.waiting.remove(&connection.turn);
        connection.standing = standing;
        connection.turn = turn;
        match standing {
            Standing::Waiting => {
                waiting.insert(turn, id);
                self.waiting.insert(turn, id);
            }
            Standing::Busy => {}
            Standing::Tunnel => *held = held.saturating_sub(1),
            Standing::Leaving => {
                *held = held.saturating_sub(1);
                self.leaving += 1;
            }
        }
        self.forget_empty(id);
    }

    fn close(&mut self, id: u64) {
        self.set(id, Standing::Leaving);
        let Some(connection) = self.connections.remove(&id) else { return };
        self.open.dec();
        if connection.standing == Standing::Leaving {
            self.leaving = self.leaving.saturating_sub(1);
        }
    }

    fn forget_empty(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        if self.sources.get(&connection.source).is_some_and(|(held, _)| *held == 0) {
            self.sources.remove(&connection.source);
        }
    }

    fn turn(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    fn was_evicted(slot: &Slot) -> bool {
        use futures_util::FutureExt;
        slot.evicted().now_or_never().is_some()
    }

    #[test]
    fn a_full_source_evicts_its_own_longest_waiting_connection_and_nobody_elses() {
        let admission = Admission::new(100, 2, Gauge::default());
        let stranger = admission.admit(host(9)).unwrap();
        let first = admission.admit(host(1)).unwrap();
        let second = admission.admit(host(1)).unwrap();
        let _third = admission.admit(host(1)).unwrap();
        assert!(was_evicted(&first));
        assert!(!was_evicted(&second));
        assert!(!was_evicted(&stranger));
    }

    #[test]
    fn a_source_whose_connections_are_all_busy_is_refused_and_another_is_not() {
        let admission = Admission::new(100, 1, Gauge::default());
        let busy = admission.admit(host(1)).unwrap();
        busy.busy();
        assert_eq!(admission.admit(host(1)).err(), Some(Refusal::SourceFull));
        assert!(admission.admit(host(2)).is_ok());
        busy.waiting();
        assert!(admission.admit(host(1)).is_ok());
    }

    #[test]
    fn a_full_gateway_evicts_whoever_waits_longest_and_never_a_tunnel() {
        let admission = Admission::new(2, 10, Gauge::default());
        let tunnel = admission.admit(host(1)).unwrap();
        tunnel.tunnel();
        let waiting = admission.admit(host(2)).unwrap();
        let _new = admission.admit(host(3)).unwrap();
        assert!(was_evicted(&waiting));
        assert!(!was_evicted(&tunnel));
    }

    #[test]
    fn a_full_gateway_without_waiting_connections_refuses() {
        let admission = Admission::new(1, 10, Gauge::default());
        let slot = admission.admit(host(1)).unwrap();
        slot.tunnel();
        assert_eq!(admission.admit(host(2)).err(), Some(Refusal::Full));
    }

    #[test]
    fn tunnels_do_not_count_against_the_source_so_that_an_office_behind_one_address_can_work() {
        let open = Gauge::default();
        let admission = Admission::new(100, 2, open.clone());
        let tunnels: Vec<_> = (0..50)
            .map(|_| {
                let slot = admission.admit(host(1)).unwrap();
                slot.tunnel();
                slot
            })
            .collect();
        let web = admission.admit(host(1)).unwrap();
        assert!(!was_evicted(&web));
        assert_eq!(open.get(), 51);
        drop(tunnels);
        assert_eq!(open.get(), 1);
    }

    #[test]
    fn ipv6_clients_count_by_their_64_and_mapped_ipv4_as_ipv4() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn a_closed_connection_gives_its_place_back_and_nothing_is_left_in_the_register() {
        let admission = Admission::new(2, 2, Gauge::default());
        for round in 0..1000 {
            let slot = admission.admit(host(1)).unwrap();
            match round % 3 {
                0 => slot.busy(),
                1 => slot.tunnel(),
                _ => {}
            }
        }
        let register = admission.register();
        assert!(
            register.connections.is_empty() && register.sources.is_empty() && register.waiting.is_empty()
        );
        assert_eq!(register.leaving, 0);
    }
}
