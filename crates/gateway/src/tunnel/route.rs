//! Where packets for an address go: the table that every packet is looked up in, and what the switch knows about one
//! channel.

use std::hash::RandomState;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use papaya::{HashMap, HashMapRef, LocalGuard};
use praya_datapath::Packet;
use praya_datapath::scheduler::{Rate, Scheduler};

use super::filter::Policy;
use crate::sessions::{ChannelId, LiveSession};
use crate::store::Rates;

/// Errors that the gateway sends on behalf of one client: so many at once, and so many per second.
const ICMP_BURST: u32 = 10;
const ICMP_PERIOD: Duration = Duration::from_millis(100);
const MEGABIT: NonZeroU64 = NonZeroU64::new(1_000_000).expect("not zero");

/// Who has which address. Readers never wait.
#[derive(Default)]
pub(super) struct Routes {
    table: HashMap<IpAddr, Arc<Route>>,
    /// Held by whoever changes the table, so that looking and changing are one.
    changing: Mutex<()>,
}

/// A view on the table, for as long as it takes to look up a batch of packets.
pub(super) type View<'a> = HashMapRef<'a, IpAddr, Arc<Route>, RandomState, LocalGuard<'a>>;

/// What the switch knows about one channel.
pub(super) struct Route {
    pub(super) session: Arc<LiveSession>,
    pub(super) channel: ChannelId,
    /// The addresses that the client was told.
    pub(super) addresses: Vec<IpAddr>,
    /// Longest packet that the client takes, in bytes.
    pub(super) mtu: usize,
    pub(super) policy: ArcSwap<Policy>,
    /// In Mbit/s; 0 is any.
    from_client: AtomicU32,
    queue: Mutex<Queue>,
    errors: Mutex<Bucket>,
}

/// What waits for the client.
pub(super) struct Queue {
    pub(super) scheduler: Scheduler,
    /// The pump, when it waits for a packet.
    pub(super) waker: Option<Waker>,
}

impl Routes {
    /// Reads as many routes as it likes without waiting.
    pub(super) fn read(&self) -> View<'_> {
        self.table.pin()
    }

    /// Puts the route in, unless its session is over or a newer channel of it is there.
    pub(super) fn insert(&self, route: &Arc<Route>) -> bool {
        let _changing = self.changing();
        let table = self.table.pin();
        let newer =
            |known: &Arc<Route>| known.session.id == route.session.id && known.channel > route.channel;
        // Judged under the lock: an ended session's addresses may belong to another session already.
        if route.session.ended().is_some()
            || route.addresses.iter().filter_map(|address| table.get(address)).any(newer)
        {
            return false;
        }
        for address in &route.addresses {
            table.insert(*address, Arc::clone(route));
        }
        true
    }

    /// Takes the route out where it is still the one.
    pub(super) fn remove(&self, route: &Arc<Route>) {
        let _changing = self.changing();
        let table = self.table.pin();
        for address in &route.addresses {
            if table.get(address).is_some_and(|known| Arc::ptr_eq(known, route)) {
                table.remove(address);
            }
        }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    pub(super) fn new(
        session: Arc<LiveSession>,
        channel: ChannelId,
        addresses: Vec<IpAddr>,
        mtu: u16,
        policy: Arc<Policy>,
        scheduler: Scheduler,
    ) -> Self {
        Self {
            session,
            channel,
            addresses,
            mtu: usize::from(mtu),
            policy: ArcSwap::new(policy),
            from_client: AtomicU32::new(0),
            queue: Mutex::new(Queue { scheduler, waker: None }),
            errors: Mutex::new(Bucket::full(Instant::now())),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one packet wait for the client.
    pub(super) fn push(&self, packet: Packet, now: Instant) {
        let mut queue = self.queue();
        queue.scheduler.push(packet, now);
        wake(queue);
    }

    pub(super) fn policed_rate(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.from_client.load(Relaxed))
    }

    pub(super) fn set_rates(&self, rates: Rates) {
        self.from_client.store(rates.from_client.map_or(0, NonZeroU32::get), Relaxed);
        let to_client =
            rates.to_client.map(|megabits| Rate::new(NonZeroU64::from(megabits).saturating_mul(MEGABIT)));
        let mut queue = self.queue();
        queue.scheduler.set_rate(to_client);
        // What was held back may have its turn now.
        wake(queue);
    }

    /// Whether the gateway may send one more error on behalf of the client.
    pub(super) fn may_answer(&self, now: Instant) -> bool {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

/// Wakes the pump, if it waits, after letting go of the queue that it looks into first.
pub(super) fn wake(mut queue: MutexGuard<'_, Queue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
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
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_burst_and_then_a_rhythm() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        assert_eq!((0..50).filter(|_| bucket.take(start)).count(), 10);
        assert!(!bucket.take(start + ICMP_PERIOD / 2));
        assert!(bucket.take(start + ICMP_PERIOD));
        assert!(!bucket.take(start + ICMP_PERIOD));
    }
}
