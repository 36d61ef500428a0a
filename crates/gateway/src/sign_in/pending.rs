//! The sign-ins under way, by the hash of the ticket that answers them; in memory, bounded, each with a deadline.
//!
//! They are two pools. To begin a sign-in costs an attacker nothing, so where nothing is proved yet nobody is turned
//! away. While a network has more than [`FEW`], the oldest of the one that has the most makes room, so that a flood
//! from one network, however many its addresses, displaces only itself; else the oldest of all does, so that a flood
//! from everywhere, one from each network, does not turn on the sites that several people share. The other pool is
//! entered by the right password only; nobody in it gives way to a stranger.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use praya_identity::limits::Source;
use praya_model::{AccountName, Timestamp};

use crate::store::CookieHash;

/// How often everything that is over time is thrown out.
const PURGE_EVERY: Duration = Duration::from_secs(1);

/// So many sign-ins of one network are no crowd: about what an office behind one address begins at once.
const FEW: usize = 32;

/// Tickets and what they answer.
#[derive(Debug)]
pub(super) struct Pending<T> {
    entries: HashMap<CookieHash, Entry<T>>,
    unproved: Pool,
    proved: Pool,
    next: u64,
    purged: Timestamp,
}

/// Whom a sign-in counts for. One source or account that has too many loses its own oldest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// Nothing is proved: where it comes from.
    Stranger(Source),
    /// The password was right: whose it is, since from wherever a stolen password comes, it is one.
    Known(AccountName),
}

/// How many sign-ins a pool holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In all; at least 1.
    pub(super) total: usize,
    /// Of one [`Owner`]; at least 1.
    pub(super) each: usize,
}

/// What an insertion did to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing.
    Beside,
    /// The pool was full of strangers; one of them is gone.
    InPlaceOfAnother,
}

/// Every place is taken by somebody who has proved a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug)]
struct Entry<T> {
    owner: Owner,
    /// The order of insertion.
    age: u64,
    deadline: Timestamp,
    value: T,
}

#[derive(Debug)]
struct Pool {
    room: Room,
    by_age: BTreeMap<u64, CookieHash>,
    of: HashMap<Owner, BTreeSet<u64>>,
    crowds: Crowds,
}

/// Which network has the most, and of those with as many, or with few, the one that holds the oldest.
#[derive(Debug, Default)]
struct Crowds {
    of: HashMap<Source, BTreeSet<u64>>,
    ranked: BTreeSet<(usize, Reverse<u64>, Source)>,
}

impl<T> Pending<T> {
    pub(super) fn new(unproved: Room, proved: Room) -> Self {
        let pool =
            |room| Pool { room, by_age: BTreeMap::new(), of: HashMap::new(), crowds: Crowds::default() };
        Self {
            entries: HashMap::new(),
            unproved: pool(unproved),
            proved: pool(proved),
            next: 0,
            purged: Timestamp::default(),
        }
    }

    /// Keeps `value` for whoever shows the ticket before `deadline`.
    pub(super) fn insert(
        &mut self,
        ticket: CookieHash,
        owner: Owner,
        value: T,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Kept, Full> {
        if now.since(self.purged) >= PURGE_EVERY {
            self.purge(now);
        }
        if let Some(oldest) = self.pool(&owner).surplus_of(&owner) {
            self.remove(&oldest);
        }
        let mut kept = Kept::Beside;
        if self.pool(&owner).is_full() {
            let Some(another) = self.pool(&owner).who_makes_room() else { return Err(Full) };
            self.remove(&another);
            kept = Kept::InPlaceOfAnother;
        }
        let age = self.next;
        self.next += 1;
        self.pool(&owner).add(&owner, age, ticket);
        self.entries.insert(ticket, Entry { owner, age, deadline, value });
        Ok(kept)
    }

    /// What the ticket answers; a ticket is good once.
    pub(super) fn take(&mut self, ticket: &CookieHash, now: Timestamp) -> Option<T> {
        let entry = self.remove(ticket)?;
        (now < entry.deadline).then_some(entry.value)
    }

    /// How many there are, those over time included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn pool(&mut self, owner: &Owner) -> &mut Pool {
        match owner {
            Owner::Stranger(_) => &mut self.unproved,
            Owner::Known(_) => &mut self.proved,
        }
    }

    fn purge(&mut self, now: Timestamp) {
        self.purged = now;
        let over: Vec<CookieHash> = self
            .entries
            .iter()
            .filter(|(_, entry)| now >= entry.deadline)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in over {
            self.remove(&ticket);
        }
    }

    fn remove(&mut self, ticket: &CookieHash) -> Option<Entry<T>> {
        let entry = self.entries.remove(ticket)?;
        self.pool(&entry.owner).remove(&entry.owner, entry.age);
        Some(entry)
    }
}

impl Pool {
    /// Which one must go before `owner` may have another.
    fn surplus_of(&self, owner: &Owner) -> Option<CookieHash> {
        let ages = self.of.get(owner).filter(|ages| ages.len() >= self.room.each.max(1))?;
        self.by_age.get(ages.first()?).copied()
    }

    fn is_full(&self) -> bool {
        self.by_age.len() >= self.room.total.max(1)
    }

    /// The stranger that makes room; among people who are known there is none.
    fn who_makes_room(&self) -> Option<CookieHash> {
        let (_, Reverse(oldest), _) = self.crowds.ranked.last()?;
        self.by_age.get(oldest).copied()
    }

    fn add(&mut self, owner: &Owner, age: u64, ticket: CookieHash) {
        self.by_age.insert(age, ticket);
        self.of.entry(owner.clone()).or_default().insert(age);
        if let Owner::Stranger(source) = owner {
            self.crowds.change(source.network(), |ages| ages.insert(age));
        }
    }

    fn remove(&mut self, owner: &Owner, age: u64) {
        self.by_age.remove(&age);
        if let Some(ages) = self.of.get_mut(owner) {
            ages.remove(&age);
            if ages.is_empty() {
                self.of.remove(owner);
            }
        }
        if let Owner::Stranger(source) = owner {
            self.crowds.change(source.network(), |ages| ages.remove(&age));
        }
    }
}

impl Crowds {
    fn change(&mut self, network: Source, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let rank = |ages: &BTreeSet<u64>| Some((ages.len().max(FEW), Reverse(*ages.first()?), network));
        let ages = self.of.entry(network).or_default();
        rank(ages).map(|old| self.ranked.remove(&old));
        change(ages);
        match rank(ages) {
            Some(new) => {
                self.ranked.insert(new);
            }
            None => {
                self.of.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn stranger(last: u8) -> Owner {
        Owner::Stranger(IpAddr::from([192, 0, 2, last]).into())
    }

    /// A source of its own network.
    fn far(network: u8) -> Owner {
        Owner::Stranger(IpAddr::from([198, 51, network, 1]).into())
    }

    fn known(name: &str) -> Owner {
        Owner::Known(AccountName::new(name))
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn pending(total: usize, each: usize) -> Pending<u8> {
        Pending::new(Room { total, each }, Room { total, each })
    }

    #[test]
    fn a_ticket_is_good_once_and_until_its_deadline() {
        let mut pending = pending(10, 10);
        pending.insert(CookieHash([1; 32]), stranger(1), 1, at(100), at(0)).unwrap();
        pending.insert(CookieHash([2; 32]), known("wong"), 2, at(100), at(0)).unwrap();
        assert_eq!(pending.take(&CookieHash([1; 32]), at(99)), Some(1));
        assert_eq!(pending.take(&CookieHash([1; 32]), at(99)), None);
        assert_eq!(pending.take(&CookieHash([2; 32]), at(100)), None);
        for pool in [&pending.unproved, &pending.proved] {
            assert!(pool.of.is_empty() && pool.by_age.is_empty());
            assert!(pool.crowds.of.is_empty() && pool.crowds.ranked.is_empty());
        }
    }

    #[test]
    fn one_source_or_account_crowds_out_only_itself() {
        let mut pending = pending(100, 10);
        for n in 0..100_u8 {
            let owner = if n % 2 == 0 { stranger(1) } else { known("wong") };
            assert_eq!(pending.insert(CookieHash([n; 32]), owner, n, at(1000), at(0)), Ok(Kept::Beside));
        }
        assert_eq!(pending.len(), 20);
        for n in 0..100_u8 {
            let found = pending.take(&CookieHash([n; 32]), at(0));
            assert_eq!(found, (n >= 80).then_some(n), "the newest ten of each stay");
        }
    }

    #[test]
    fn strangers_make_room_for_strangers_and_nobody_else_does() {
        let mut pending = pending(10, 10);
        for n in 0..10_u8 {
            pending.insert(CookieHash([n; 32]), known(&n.to_string()), n, at(1000), at(0)).unwrap();
        }
        for n in 10..200_u8 {
            let kept = pending.insert(CookieHash([n; 32]), stranger(n), n, at(1000), at(0)).unwrap();
            assert_eq!(kept == Kept::Beside, n < 20);
        }
        assert_eq!(pending.len(), 20);
        assert_eq!(pending.insert(CookieHash([255; 32]), known("late"), 0, at(1000), at(0)), Err(Full));
        for n in (0..10).chain(190..200_u8) {
            assert_eq!(pending.take(&CookieHash([n; 32]), at(0)), Some(n), "proved, or the newest");
        }
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn a_crowd_displaces_itself_and_of_equals_the_oldest_goes() {
        let mut pending = pending(40, 40);
        for n in 0..5_u8 {
            pending.insert(CookieHash([n; 32]), far(n), n, at(1000), at(0)).unwrap();
        }
        for n in 100..200_u8 {
            pending.insert(CookieHash([n; 32]), stranger(n), n, at(1000), at(0)).unwrap();
        }
        for n in (0..5).chain(165..200_u8) {
            assert_eq!(pending.take(&CookieHash([n; 32]), at(0)), Some(n));
        }
        assert_eq!(pending.len(), 0);
        for n in 0..42_u8 {
            pending.insert(CookieHash([n; 32]), far(n), n, at(1000), at(0)).unwrap();
        }
        for n in 0..42_u8 {
            assert_eq!(pending.take(&CookieHash([n; 32]), at(0)), (n >= 2).then_some(n));
        }
    }

    #[test]
    fn one_from_each_network_does_not_turn_on_a_site_that_several_people_share() {
        let mut pending = pending(40, 40);
        for n in 0..40_u8 {
            pending.insert(CookieHash([n; 32]), far(n), n, at(1000), at(0)).unwrap();
        }
        for n in 100..103_u8 {
            pending.insert(CookieHash([n; 32]), stranger(1), n, at(1000), at(0)).unwrap();
        }
        for n in 40..77_u8 {
            pending.insert(CookieHash([n; 32]), far(n), n, at(1000), at(0)).unwrap();
        }
        for n in (40..77).chain(100..103_u8) {
            assert_eq!(pending.take(&CookieHash([n; 32]), at(0)), Some(n), "the newest forty stay");
        }
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn what_is_over_time_makes_room() {
        let mut pending = pending(1, 1);
        pending.insert(CookieHash([1; 32]), known("wong"), 1, at(100), at(0)).unwrap();
        assert_eq!(pending.insert(CookieHash([2; 32]), known("chan"), 2, at(200), at(99)), Err(Full));
        pending.insert(CookieHash([2; 32]), known("chan"), 2, at(200), at(100)).unwrap();
        assert_eq!(pending.len(), 1);
    }
}
