//! Tunnel addresses: which ones a pool has, which are taken, and which one an account gets next.
//!
//! An account starts its search at a place of the pool that depends on its name, so it usually gets the same address
//! again, and an address that has become free seldom goes straight to somebody else.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use praya_model::AccountName;

/// The most addresses of an IPv6 pool that are used; more than any gateway has sessions.
const MOST_V6: u64 = 1 << 32;

/// The pools and what is taken of them.
#[derive(Clone, Debug)]
pub struct Leases {
    v4: Option<Pool>,
    v6: Option<Pool>,
}

/// One address per family that has a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// IPv4.
    pub v4: Option<Ipv4Addr>,
    /// IPv6.
    pub v6: Option<Ipv6Addr>,
}

/// Every address of a pool is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every address of tunnel.{pool} is in use ({size}); make the pool larger or end sessions")]
pub struct Exhausted {
    /// The setting's name.
    pub pool: &'static str,
    /// How many addresses for clients it has.
    pub size: u64,
}

#[derive(Clone, Debug)]
struct Pool {
    /// Offsets for clients are `first..=last`, counted from the pool's network address.
    network: u128,
    first: u64,
    last: u64,
    taken: BTreeSet<u64>,
}

impl Leases {
    /// Empty pools. Of an IPv4 pool the network, broadcast and gateway addresses are never given away; of an IPv6 pool
    /// the subnet-router anycast address (RFC 4291 section 2.6.1) and the gateway's.
    pub fn new(v4: Option<Ipv4Net>, v6: Option<Ipv6Net>) -> Self {
        let v4 = v4.map(|pool| {
            let size = 1_u64 << (32 - u32::from(pool.prefix_len()));
            Pool::new(u128::from(u32::from(pool.network())), size.saturating_sub(2))
        });
        let v6 = v6.map(|pool| {
            let bits = 128 - u32::from(pool.prefix_len());
            let size = 1_u64.checked_shl(bits.min(63)).unwrap_or(MOST_V6).min(MOST_V6);
            Pool::new(u128::from(pool.network()), size.saturating_sub(1))
        });
        Self { v4, v6 }
    }

    /// Takes a free address of every pool for `account`; none is taken when one pool has none.
    ///
    /// # Errors
    /// [`Exhausted`].
    pub fn take(&mut self, account: &AccountName) -> Result<Addresses, Exhausted> {
        let place = place_of(account);
        let find = |pool: &Option<Pool>, name| match pool {
            Some(pool) => match pool.free_from(place) {
                Some(offset) => Ok(Some(offset)),
                None => Err(Exhausted { pool: name, size: pool.size() }),
            },
            None => Ok(None),
        };
        let (v4, v6) = (find(&self.v4, "pool_v4")?, find(&self.v6, "pool_v6")?);
        Ok(Addresses {
            v4: v4.and_then(|offset| self.v4.as_mut()?.take(offset)).map(to_v4),
            v6: v6.and_then(|offset| self.v6.as_mut()?.take(offset)).map(Ipv6Addr::from),
        })
    }

    /// Marks addresses as taken, as found in the database. False when one lies outside its pool (which was changed) or
    /// is taken already; then nothing is marked.
    pub fn mark(&mut self, addresses: &Addresses) -> bool {
        let offset = |pool: &Option<Pool>, address: Option<u128>| match (pool, address) {
            (Some(pool), Some(address)) => {
                pool.offset_of(address).filter(|o| !pool.taken.contains(o)).map(Some)
            }
            (None, None) => Some(None),
            (Some(_), None) | (None, Some(_)) => None,
        };
        let v4 = offset(&self.v4, addresses.v4.map(|v4| u128::from(u32::from(v4))));
        let v6 = offset(&self.v6, addresses.v6.map(u128::from));
        let (Some(v4), Some(v6)) = (v4, v6) else { return false };
        for (pool, offset) in [(&mut self.v4, v4), (&mut self.v6, v6)] {
            if let (Some(pool), Some(offset)) = (pool, offset) {
                pool.taken.insert(offset);
            }
        }
        true
    }

    /// Gives addresses back.
    pub fn release(&mut self, addresses: &Addresses) {
        let v4 = addresses.v4.map(|v4| u128::from(u32::from(v4)));
        for (pool, address) in [(&mut self.v4, v4), (&mut self.v6, addresses.v6.map(u128::from))] {
            if let (Some(pool), Some(address)) = (pool, address)
                && let Some(offset) = pool.offset_of(address)
            {
                pool.taken.remove(&offset);
            }
        }
    }
}

impl Pool {
    fn new(network: u128, last: u64) -> Self {
        Self { network, first: 2, last, taken: BTreeSet::new() }
    }

    fn size(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// The first free offset at or after `place`, turning over at the end.
    fn free_from(&self, place: u64) -> Option<u64> {
        if u64::try_from(self.taken.len()).unwrap_or(u64::MAX) >= self.size() {
            return None;
        }
        let start = self.first + place % self.size();
        let gap = |from: u64, to: u64| {
            let mut next = from;
            for taken in self.taken.range(from..=to) {
                if *taken != next {
                    break;
                }
                next += 1;
            }
            (next <= to).then_some(next)
        };
        gap(start, self.last).or_else(|| gap(self.first, self.last))
    }

    fn take(&mut self, offset: u64) -> Option<u128> {
        self.taken.insert(offset).then(|| self.network + u128::from(offset))
    }

    fn offset_of(&self, address: u128) -> Option<u64> {
        let offset = u64::try_from(address.checked_sub(self.network)?).ok()?;
        (self.first..=self.last).contains(&offset).then_some(offset)
    }
}

fn to_v4(address: u128) -> Ipv4Addr {
    Ipv4Addr::from(u32::try_from(address).unwrap_or_default())
}

/// A number that depends on the name alone (FNV-1a).
fn place_of(account: &AccountName) -> u64 {
    let hash = account.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash >> 16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leases(v4: &str, v6: &str) -> Leases {
        Leases::new(v4.parse().ok(), v6.parse().ok())
    }

    fn name(number: usize) -> AccountName {
        AccountName::new(format!("person{number}"))
    }

    #[test]
    fn network_broadcast_and_gateway_addresses_are_never_given() {
        let mut leases = leases("10.0.0.0/29", "");
        let mut given: Vec<_> = (0..5).map(|n| leases.take(&name(n)).unwrap().v4.unwrap()).collect();
        given.sort();
        let expected: Vec<Ipv4Addr> = (2..=6).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect();
        assert_eq!(given, expected);
    }

    #[test]
    fn an_exhausted_pool_says_which_setting_is_too_small() {
        let mut leases = leases("10.0.0.0/29", "fd00::/120");
        for n in 0..5 {
            leases.take(&name(n)).unwrap();
        }
        let error = leases.take(&name(9)).unwrap_err();
        assert_eq!(error, Exhausted { pool: "pool_v4", size: 5 });
        assert!(error.to_string().contains("tunnel.pool_v4"));
        assert_eq!(leases.v6.as_ref().unwrap().taken.len(), 5, "a failure takes nothing of the other pool");
    }

    #[test]
    fn an_account_gets_its_address_again() {
        let mut leases = leases("10.88.0.0/16", "fd88::/64");
        let first = leases.take(&name(1)).unwrap();
        leases.release(&first);
        for n in 2..50 {
            leases.take(&name(n)).unwrap();
        }
        assert_eq!(leases.take(&name(1)).unwrap(), first);
    }

    #[test]
    fn addresses_of_a_former_pool_are_not_taken_over() {
        let mut leases = leases("10.0.0.0/24", "");
        let address = |text: &str| Addresses { v4: Some(text.parse().unwrap()), v6: None };
        assert!(leases.mark(&address("10.0.0.7")));
        for wrong in ["10.0.0.7", "10.0.0.0", "10.0.0.1", "10.0.0.255", "10.0.1.7", "9.255.255.255"] {
            assert!(!leases.mark(&address(wrong)), "{wrong}");
        }
        assert!(
            !leases.mark(&Addresses { v4: None, v6: None }),
            "a family that has a pool now needs an address"
        );
    }

    #[test]
    fn the_largest_pools_do_not_overflow() {
        for (v4, v6) in
            [("0.0.0.0/8", "fd00::/32"), ("255.0.0.0/8", "ffff:ffff::/32"), ("10.0.0.0/29", "fd00::/126")]
        {
            assert!(leases(v4, v6).take(&name(1)).is_ok());
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Take(usize),
        Release(usize),
    }

    proptest! {
        #[test]
        fn no_address_is_ever_given_twice_and_a_pool_is_used_up_to_the_last(
            steps in prop::collection::vec(prop_oneof![(0_usize..40).prop_map(Step::Take), (0_usize..40).prop_map(Step::Release)], 0..200)
        ) {
            let mut leases = leases("192.0.2.0/28", "2001:db8::/64");
            let mut held: Vec<Addresses> = Vec::new();
            for step in steps {
                match step {
                    Step::Take(n) => match leases.take(&name(n)) {
                        Ok(addresses) => {
                            prop_assert!(held.iter().all(|h| h.v4 != addresses.v4 && h.v6 != addresses.v6));
                            let [_, _, _, last] = addresses.v4.unwrap().octets();
                            prop_assert!((2..=14).contains(&last));
                            held.push(addresses);
                        }
                        Err(_) => prop_assert_eq!(held.len(), 13),
                    },
                    Step::Release(n) => {
                        if !held.is_empty() {
                            let addresses = held.swap_remove(n % held.len());
                            leases.release(&addresses);
                        }
                    }
                }
            }
            // What is held can be marked in a fresh table, as after a restart.
            let mut fresh = Leases::new("192.0.2.0/28".parse().ok(), "2001:db8::/64".parse().ok());
            prop_assert!(held.iter().all(|addresses| fresh.mark(addresses)));
        }
    }
}
