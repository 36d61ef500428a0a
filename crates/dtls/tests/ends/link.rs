//! A link that loses, repeats, delays and damages datagrams, in a time of its own.

use std::time::{Duration, Instant};

use praya_dtls::{Config, Connection, Handshake, Opened, Suite, records};
use proptest::prelude::*;

use super::{carry, psk, resume};

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice { later: u16 },
    Late { by: u16 },
    Damaged { bit: u16 },
}

fn gentle() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Arrives),
        3 => Just(Fate::Lost),
        2 => (0u16..5000).prop_map(|later| Fate::Twice { later }),
        2 => (0u16..5000).prop_map(|by| Fate::Late { by }),
    ]
}

fn rough() -> impl Strategy<Value = Fate> {
    prop_oneof![gentle(), any::<u16>().prop_map(|bit| Fate::Damaged { bit })]
}

enum End {
    Shaking(Box<Handshake>),
    Connected(Box<Connection>),
    Failed,
}

impl End {
    fn handle(&mut self, mut datagram: Vec<u8>, now: Instant) {
        match self {
            Self::Shaking(handshake) => match handshake.handle(&mut datagram, now) {
                Err(_) => *self = Self::Failed,
                Ok(_) if handshake.is_established() => {
                    let Self::Shaking(handshake) = std::mem::replace(self, Self::Failed) else { return };
                    let connection = handshake.into_connection(now).expect("it is established");
                    *self = Self::Connected(Box::new(connection));
                }
                Ok(_) => {}
            },
            Self::Connected(connection) => {
                for record in records(&mut datagram) {
                    assert!(!matches!(connection.open(record), Ok(Opened::Closed | Opened::Alert(_))));
                }
            }
            Self::Failed => {}
        }
    }

    fn transmit(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Shaking(handshake) => handshake.poll_transmit(),
            Self::Connected(connection) => connection.poll_transmit(),
            Self::Failed => None,
        }
    }

    fn due(&self) -> Option<Instant> {
        match self {
            Self::Shaking(handshake) => handshake.next_timeout(),
            Self::Connected(_) | Self::Failed => None,
        }
    }

    fn expire(&mut self, now: Instant) {
        if let Self::Shaking(handshake) = self
            && handshake.on_timeout(now).is_err()
        {
            *self = Self::Failed;
        }
    }

    fn is_over(&self) -> bool {
        !matches!(self, Self::Shaking(_))
    }
}

/// Runs a handshake until both ends are through with it and no datagram is under way.
fn run(of_client: Config, of_server: Config, fates: &[Fate]) -> (End, End) {
    let mut now = Instant::now();
    let longest = of_client.max_datagram.max(of_server.max_datagram);
    let mut ends = [
        End::Shaking(Box::new(super::client(of_client, now))),
        End::Shaking(Box::new(super::server(of_server))),
    ];
    let mut fates = fates.iter();
    // (when, to whom, what)
    let mut under_way: Vec<(Instant, usize, Vec<u8>)> = Vec::new();
    for _ in 0..2000 {
        for (from, end) in ends.iter_mut().enumerate() {
            while let Some(mut datagram) = end.transmit() {
                assert!(datagram.len() <= longest, "a datagram of {} bytes", datagram.len());
                let to = 1 - from;
                let at = |milliseconds: u16| now + Duration::from_millis(milliseconds.into());
                match fates.next().copied().unwrap_or(Fate::Arrives) {
                    Fate::Arrives => under_way.push((now, to, datagram)),
                    Fate::Lost => {}
                    Fate::Twice { later } => {
                        under_way.push((now, to, datagram.clone()));
                        under_way.push((at(later), to, datagram));
                    }
                    Fate::Late { by } => under_way.push((at(by), to, datagram)),
                    Fate::Damaged { bit } => {
                        let bit = usize::from(bit) % (datagram.len() * 8);
                        datagram[bit / 8] ^= 1 << (bit % 8);
                        under_way.push((now, to, datagram));
                    }
                }
            }
        }
        under_way.sort_by_key(|(when, ..)| *when);
        let timer = ends.iter().filter_map(End::due).min();
        match (under_way.first().map(|(when, ..)| *when), timer) {
            (Some(when), timer) if timer.is_none_or(|timer| when <= timer) => {
                let (_, to, datagram) = under_way.remove(0);
                now = now.max(when);
                ends[to].handle(datagram, now);
            }
            (_, Some(timer)) => {
                now = now.max(timer);
                ends.iter_mut().for_each(|end| end.expire(now));
            }
            (_, None) => {
                let [client, server] = ends;
                return (client, server);
            }
        }
    }
    panic!("the ends talk for ever");
}

fn configs() -> impl Strategy<Value = Config> {
    let suite = prop::sample::select(Suite::PSK.to_vec());
    let max_datagram = prop_oneof![Just(128usize), Just(150), Just(200), Just(1200)];
    (suite, any::<bool>(), any::<bool>(), max_datagram).prop_map(|(suite, resumes, binds, max_datagram)| {
        let config = if resumes { resume(Suite::EcdheRsaAes128Gcm) } else { psk() };
        let suites = if resumes { config.suites.clone() } else { vec![suite] };
        let extended_master_secret = binds;
        Config { suites, extended_master_secret, max_datagram, retransmissions: 40, ..config }
    })
}

proptest! {
    #[test]
    fn a_handshake_completes_when_the_link_works_long_enough(
        config in configs(),
        fates in prop::collection::vec(gentle(), 0..24),
    ) {
        let (client, server) = run(config.clone(), config, &fates);
        let (End::Connected(mut client), End::Connected(mut server)) = (client, server) else {
            return Err(TestCaseError::fail("no connection"));
        };
        carry(&mut client, &mut server, &[b"there"]);
        carry(&mut server, &mut client, &[b"back"]);
    }

    #[test]
    fn a_handshake_over_a_damaging_link_ends_one_way_or_the_other(
        config in configs(),
        fates in prop::collection::vec(rough(), 0..40),
    ) {
        let config = Config { retransmissions: 5, ..config };
        let (client, server) = run(config.clone(), config, &fates);
        // A server that never saw a whole hello waits without a deadline; who drives it has one.
        prop_assert!(client.is_over());
        if let (End::Connected(mut client), End::Connected(mut server)) = (client, server) {
            carry(&mut client, &mut server, &[b"there"]);
        }
    }
}
