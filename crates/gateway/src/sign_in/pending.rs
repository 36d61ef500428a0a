//! The sign-ins under way, by the hash of the ticket that answers them; in memory, bounded, each with a deadline.

use std::collections::HashMap;
use std::time::Duration;

use praya_identity::limits::Source;
use praya_model::Timestamp;

use crate::store::CookieHash;

/// How often everything that is over time is thrown out.
const PURGE_EVERY: Duration = Duration::from_secs(1);

/// Tickets and what they answer.
#[derive(Debug)]
pub(super) struct Pending<T> {
    entries: HashMap<CookieHash, Entry<T>>,
    per_source: HashMap<Source, usize>,
    max: usize,
    max_per_source: usize,
    purged: Timestamp,
}

#[derive(Debug)]
struct Entry<T> {
    source: Source,
    deadline: Timestamp,
    value: T,
}

/// There is no room for another sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<T> Pending<T> {
    pub(super) fn new(max: usize, max_per_source: usize) -> Self {
        Self {
            entries: HashMap::new(),
            per_source: HashMap::new(),
            max: max.max(1),
            max_per_source: max_per_source.max(1),
            purged: Timestamp::default(),
        }
    }

    /// Keeps `value` for whoever shows the ticket before `deadline`. A source that has too many loses its oldest.
    pub(super) fn insert(
        &mut self,
        ticket: CookieHash,
        source: Source,
        value: T,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<(), Full> {
        if self.entries.len() >= self.max || now.since(self.purged) >= PURGE_EVERY {
            self.purge(now);
        }
        if self.per_source.get(&source).is_some_and(|count| *count >= self.max_per_source) {
            let own = self.entries.iter().filter(|(_, entry)| entry.source == source);
            let oldest = own.min_by_key(|(_, entry)| entry.deadline).map(|(ticket, _)| *ticket);
            oldest.and_then(|ticket| self.remove(&ticket));
        }
        if self.entries.len() >= self.max {
            return Err(Full);
        }
        self.entries.insert(ticket, Entry { source, deadline, value });
        *self.per_source.entry(source).or_default() += 1;
        Ok(())
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
        if let Some(count) = self.per_source.get_mut(&entry.source) {
            *count -= 1;
            if *count == 0 {
                self.per_source.remove(&entry.source);
            }
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(last: u8) -> Source {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_ticket_is_good_once_and_until_its_deadline() {
        let mut pending = Pending::new(10, 10);
        pending.insert(CookieHash([1; 32]), source(1), 'a', at(100), at(0)).unwrap();
        pending.insert(CookieHash([2; 32]), source(1), 'b', at(100), at(0)).unwrap();
        assert_eq!(pending.take(&CookieHash([1; 32]), at(99)), Some('a'));
        assert_eq!(pending.take(&CookieHash([1; 32]), at(99)), None);
        assert_eq!(pending.take(&CookieHash([2; 32]), at(100)), None);
        assert!(pending.per_source.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_one_source_crowds_out_only_itself() {
        let mut pending = Pending::new(100, 10);
        for n in 0..100_u8 {
            pending.insert(CookieHash([n; 32]), source(1), n, at(1000 + i64::from(n)), at(0)).unwrap();
        }
        assert_eq!(pending.len(), 10);
        assert_eq!(pending.take(&CookieHash([99; 32]), at(0)), Some(99), "the newest stays");
        for n in 0..91_u8 {
            pending.insert(CookieHash([100 + n; 32]), source(2 + n), n, at(2000), at(0)).unwrap();
        }
        assert_eq!(pending.insert(CookieHash([255; 32]), source(200), 0, at(2000), at(0)), Err(Full));
        pending.insert(CookieHash([255; 32]), source(200), 0, at(9000), at(3000)).unwrap();
        assert_eq!(pending.len(), 1, "what is over time makes room");
    }
}
