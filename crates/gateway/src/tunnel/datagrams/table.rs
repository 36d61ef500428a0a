//! Whose a datagram may be: sessions by their ids, by the addresses they were seen at, and by their networks.
//!
//! A session claims an address by a hello that comes from there, and proves the claim by an authentic record. Several
//! sessions may claim one address, since one may lie: each is given what comes from there, and opens what is its own.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use praya_dtls::SessionId;

/// Sessions that may claim one address.
const CLAIMS_PER_ADDRESS: usize = 3;
/// Addresses that one session may have proven, and as many more that only hellos say; the oldest of each are given up.
const ADDRESSES_PER_SESSION: usize = 2;
/// Sessions that are asked about a datagram from an unknown port of their network.
const CANDIDATES: usize = 4;
/// Sessions that are remembered of one network, to take the place of candidates that end.
const NEIGHBOURS: usize = 32;

/// The sessions, each with a `T`.
#[derive(Debug)]
pub(super) struct Table<T> {
    next_key: Key,
    sessions: HashMap<Key, Session<T>>,
    by_id: HashMap<SessionId, Key>,
    by_address: HashMap<SocketAddr, Vec<Claim>>,
    /// Proven claims only, the newest last; no more than [`NEIGHBOURS`].
    by_ip: HashMap<IpAddr, Vec<Key>>,
}

/// A session's registration.
pub(super) type Key = u64;

#[derive(Debug)]
struct Session<T> {
    id: SessionId,
    target: T,
    /// The newest last, and whether they are proven.
    addresses: VecDeque<(SocketAddr, bool)>,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    key: Key,
    proven: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            next_key: 0,
            sessions: HashMap::new(),
            by_id: HashMap::new(),
            by_address: HashMap::new(),
            by_ip: HashMap::new(),
        }
    }
}

impl<T> Table<T> {
    /// Adds a session whose hellos name `id`; a former one of that id hears no new hello.
    pub(super) fn register(&mut self, id: SessionId, target: T) -> Key {
        let key = self.next_key;
        self.next_key += 1;
        self.sessions.insert(key, Session { id, target, addresses: VecDeque::new() });
        self.by_id.insert(id, key);
        key
    }

    /// Forgets a session and all its claims.
    pub(super) fn unregister(&mut self, key: Key) {
        let Some(session) = self.sessions.remove(&key) else { return };
        if self.by_id.get(&session.id) == Some(&key) {
            self.by_id.remove(&session.id);
        }
        session.addresses.iter().for_each(|(address, _)| self.release(key, *address));
    }

    /// A session is at `address`, as a hello says, or as it has `proven`. Claims that were proven stay when there is no
    /// room for another.
    pub(super) fn claim(&mut self, key: Key, address: SocketAddr, proven: bool) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let claims = self.by_address.entry(address).or_default();
        match claims.iter_mut().find(|claim| claim.key == key) {
            Some(claim) if claim.proven && !proven => return,
            Some(claim) => claim.proven = proven,
            None => {
                if claims.len() >= CLAIMS_PER_ADDRESS {
                    let unproven = claims.iter().position(|claim| !claim.proven);
                    match unproven {
                        Some(at) if proven => drop(claims.remove(at)),
                        _ => return,
                    }
                }
                claims.push(Claim { key, proven });
            }
        }
        session.addresses.retain(|(known, _)| *known != address);
        session.addresses.push_back((address, proven));
        let same = || session.addresses.iter().enumerate().filter(|(_, known)| known.1 == proven);
        let oldest =
            if same().count() > ADDRESSES_PER_SESSION { same().next().map(|(at, _)| at) } else { None };
        let oldest = oldest.and_then(|at| session.addresses.remove(at));
        if proven {
            let keys = self.by_ip.entry(address.ip().to_canonical()).or_default();
            keys.retain(|known| *known != key);
            keys.push(key);
            if keys.len() > NEIGHBOURS {
                keys.remove(0);
            }
        }
        if let Some((oldest, _)) = oldest {
            self.release(key, oldest);
        }
    }

    /// Whether the session has proven that it is at `address`.
    pub(super) fn has_proven(&self, key: Key, address: SocketAddr) -> bool {
        let claims = self.by_address.get(&address).map(Vec::as_slice).unwrap_or_default();
        claims.iter().any(|claim| claim.key == key && claim.proven)
    }

    /// The session that a hello names.
    pub(super) fn named(&self, id: &SessionId) -> Option<(Key, &T)> {
        let key = *self.by_id.get(id)?;
        Some((key, &self.sessions.get(&key)?.target))
    }

    /// Those who claim `address`; of data only those who have proven it, if there are any.
    pub(super) fn at(&self, address: SocketAddr, is_data: bool) -> impl Iterator<Item = &T> {
        let claims = self.by_address.get(&address).map(Vec::as_slice).unwrap_or_default();
        let only_proven = is_data && claims.iter().any(|claim| claim.proven);
        let meant = claims.iter().filter(move |claim| claim.proven || !only_proven);
        meant.filter_map(|claim| Some(&self.sessions.get(&claim.key)?.target))
    }

    /// Whom an address translator may have moved to another port: the last few that were seen at `ip`.
    pub(super) fn candidates(&self, ip: IpAddr) -> impl Iterator<Item = &T> {
        let keys = self.by_ip.get(&ip.to_canonical()).map(Vec::as_slice).unwrap_or_default();
        keys.iter().rev().take(CANDIDATES).filter_map(|key| Some(&self.sessions.get(key)?.target))
    }

    fn release(&mut self, key: Key, address: SocketAddr) {
        if let Some(claims) = self.by_address.get_mut(&address) {
            claims.retain(|claim| claim.key != key);
            if claims.is_empty() {
                self.by_address.remove(&address);
            }
        }
        let ip = address.ip().to_canonical();
        let is_elsewhere_there = self.sessions.get(&key).is_some_and(|session| {
            session.addresses.iter().any(|(known, proven)| *proven && known.ip().to_canonical() == ip)
        });
        if !is_elsewhere_there && let Some(keys) = self.by_ip.get_mut(&ip) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.by_ip.remove(&ip);
            }
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.by_id.is_empty()
            && self.by_address.is_empty()
            && self.by_ip.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u8) -> SessionId {
        SessionId::new(&[number; 32]).unwrap()
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn at(table: &Table<u8>, port: u16, is_data: bool) -> Vec<u8> {
        table.at(address(port), is_data).copied().collect()
    }

    #[test]
    fn a_session_is_found_by_its_id_and_then_by_where_it_is() {
        let mut table = Table::default();
        let key = table.register(id(1), 1);
        assert_eq!(table.named(&id(1)), Some((key, &1)));
        assert_eq!(table.named(&id(2)), None);
        assert!(at(&table, 5000, true).is_empty());
        table.claim(key, address(5000), false);
        assert_eq!(at(&table, 5000, true), [1]);
        table.unregister(key);
        assert!(table.is_empty());
    }

    #[test]
    fn a_claim_that_is_not_proven_takes_no_data_from_one_that_is() {
        let mut table = Table::default();
        let (victim, other) = (table.register(id(1), 1), table.register(id(2), 2));
        table.claim(victim, address(5000), true);
        table.claim(other, address(5000), false);
        assert_eq!(at(&table, 5000, true), [1]);
        assert_eq!(at(&table, 5000, false), [1, 2], "a handshake may be either's");
        table.claim(other, address(5000), true);
        assert_eq!(at(&table, 5000, true), [1, 2], "each opens its own");
    }

    #[test]
    fn those_who_were_there_are_not_driven_out() {
        let mut table = Table::default();
        let victim = table.register(id(1), 1);
        table.claim(victim, address(5000), true);
        for number in 2..20 {
            let key = table.register(id(number), number);
            table.claim(key, address(5000), number % 2 == 0);
        }
        assert!(at(&table, 5000, true).contains(&1));
        assert_eq!(at(&table, 5000, false).len(), CLAIMS_PER_ADDRESS);
    }

    #[test]
    fn a_session_that_moves_gives_up_where_it_was() {
        let mut table = Table::default();
        let key = table.register(id(1), 1);
        for port in 1..100 {
            table.claim(key, address(port), true);
        }
        assert_eq!(table.by_address.len(), ADDRESSES_PER_SESSION);
        assert_eq!(at(&table, 99, true), [1]);
        assert_eq!(table.candidates([192, 0, 2, 1].into()).copied().collect::<Vec<_>>(), [1]);
        assert_eq!(table.candidates([192, 0, 2, 2].into()).count(), 0);
    }

    #[test]
    fn replayed_hellos_do_not_drive_a_session_from_where_it_is() {
        let mut table = Table::default();
        let key = table.register(id(1), 1);
        table.claim(key, address(5000), true);
        for port in 1..100 {
            table.claim(key, address(port), false);
        }
        table.claim(key, address(5000), false);
        assert_eq!(at(&table, 5000, true), [1]);
        assert_eq!(table.candidates([192, 0, 2, 1].into()).count(), 1);
        assert_eq!(table.by_address.len(), ADDRESSES_PER_SESSION + 1);
    }

    #[test]
    fn a_network_with_many_sessions_costs_a_few_questions_only() {
        let mut table = Table::default();
        for number in 0..100 {
            let key = table.register(id(number), number);
            table.claim(key, address(u16::from(number) + 1), true);
        }
        assert_eq!(
            table.candidates([192, 0, 2, 1].into()).copied().collect::<Vec<_>>(),
            [99, 98, 97, 96],
            "the last ones first"
        );
        assert!(table.by_ip.values().all(|keys| keys.len() == NEIGHBOURS));
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(table.candidates(mapped).count(), CANDIDATES);
    }

    proptest! {
        /// Whatever claims are made: when all sessions are gone, nothing is left.
        #[test]
        fn nothing_outlives_its_session(
            claims in prop::collection::vec((0usize..6, 1u16..8, any::<bool>()), 0..100),
        ) {
            let mut table = Table::default();
            let keys: Vec<Key> = (0..6).map(|number| table.register(id(number), number)).collect();
            for (session, port, proven) in claims {
                table.claim(keys[session], address(port), proven);
            }
            for key in keys {
                table.unregister(key);
            }
            prop_assert!(table.is_empty());
        }
    }
}
