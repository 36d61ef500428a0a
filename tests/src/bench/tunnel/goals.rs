//! What our tunnel is to reach, as ratios inside one run.

use super::metric::Metric;
use super::subject::Subject;

/// What a value is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Than {
    /// The best of these subjects in the same round.
    BestOf(&'static [&'static str]),
    /// Nothing: the value itself counts.
    Itself,
}

/// One line of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) what: &'static str,
    /// Whose value counts; of several, the best.
    pub(super) own: &'static [&'static str],
    pub(super) than: Than,
    /// Each of them has to reach it.
    pub(super) metrics: &'static [Metric],
    pub(super) must: f64,
    pub(super) goal: f64,
    pub(super) more_is_better: bool,
}

/// How far a goal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    Goal,
    Must,
    No,
}

impl Goal {
    /// The better of two values.
    pub(super) fn better(&self, one: f64, other: f64) -> f64 {
        if self.more_is_better { one.max(other) } else { one.min(other) }
    }

    /// The worse of two values.
    pub(super) fn worse(&self, one: f64, other: f64) -> f64 {
        if self.more_is_better { one.min(other) } else { one.max(other) }
    }

    /// How far this value gets.
    pub(super) fn judge(&self, value: f64) -> Reached {
        let reaches = |mark: f64| if self.more_is_better { value >= mark } else { value <= mark };
        match (reaches(self.must), reaches(self.goal)) {
            (_, true) => Reached::Goal,
            (true, false) => Reached::Must,
            (false, false) => Reached::No,
        }
    }
}

const STREAM: &[Metric] = &[Metric::Up, Metric::Down];
const PEERS: &[&str] =
    &["stock-tls", "stock-dtls", "openvpn", "wireguard-go", "wireguard-go-current", "boringtun", "gotatun"];

/// All of them.
pub(super) const GOALS: &[Goal] = &[
    more(
        "praya TLS : openconnect → ocserv TLS, one stream",
        &["praya-tls"],
        &["stock-tls"],
        STREAM,
        8.0,
        12.0,
    ),
    more("praya TLS : rustls stream, 64 KiB writes", &["praya-tls"], &["raw-64k"], STREAM, 0.55, 0.8),
    more(
        "praya TLS as with others : openconnect → ocserv TLS",
        &["praya-interop"],
        &["stock-tls"],
        STREAM,
        5.0,
        8.0,
    ),
    more("praya DTLS : openconnect → ocserv DTLS", &["praya-udp"], &["stock-dtls"], STREAM, 4.0, 7.0),
    more("praya DTLS : wireguard-go, current", &["praya-udp"], &["wireguard-go-current"], STREAM, 2.5, 4.0),
    more("praya → ocserv : the stock pair, TLS", &["praya-ocserv-tls"], &["stock-tls"], STREAM, 1.0, 1.5),
    more(
        "openconnect → praya-gateway : the stock pair, TLS",
        &["openconnect-praya-tls"],
        &["stock-tls"],
        STREAM,
        1.0,
        1.5,
    ),
    more("praya → ocserv : the stock pair, DTLS", &["praya-ocserv-dtls"], &["stock-dtls"], STREAM, 1.0, 1.5),
    more(
        "openconnect → praya-gateway : the stock pair, DTLS",
        &["openconnect-praya-dtls"],
        &["stock-dtls"],
        STREAM,
        1.0,
        1.5,
    ),
    more(
        "packets of 64 bytes, praya TLS : best peer",
        &["praya-tls"],
        PEERS,
        &[Metric::Small64Up, Metric::Small64Down],
        1.2,
        2.0,
    ),
    more(
        "packets of 300 bytes, praya TLS : best peer",
        &["praya-tls"],
        PEERS,
        &[Metric::Small300Up, Metric::Small300Down],
        1.2,
        2.0,
    ),
    more(
        "packets of 64 bytes, praya DTLS : best peer",
        &["praya-udp"],
        PEERS,
        &[Metric::Small64Up, Metric::Small64Down],
        1.2,
        2.0,
    ),
    more(
        "packets of 300 bytes, praya DTLS : best peer",
        &["praya-udp"],
        PEERS,
        &[Metric::Small300Up, Metric::Small300Down],
        1.2,
        2.0,
    ),
    less(
        "round trip idle, praya TLS : best TLS peer",
        &["praya-tls"],
        &["stock-tls"],
        &[Metric::RttIdle],
        1.2,
        1.0,
    ),
    less(
        "round trip idle, praya DTLS : best UDP peer",
        &["praya-udp"],
        &["stock-dtls", "openvpn", "wireguard-go", "wireguard-go-current", "boringtun", "gotatun"],
        &[Metric::RttIdle],
        1.2,
        1.0,
    ),
    less(
        "round trip loaded on 100 Mbit/s, praya TLS : no tunnel",
        &["praya-tls"],
        &["none"],
        &[Metric::NarrowRttUp, Metric::NarrowRttDown],
        1.5,
        1.1,
    ),
    less(
        "round trip loaded on 100 Mbit/s, praya DTLS : no tunnel",
        &["praya-udp"],
        &["none"],
        &[Metric::NarrowRttUp, Metric::NarrowRttDown],
        1.5,
        1.1,
    ),
    less(
        "processor time per GB, praya TLS : openconnect → ocserv TLS",
        &["praya-tls"],
        &["stock-tls"],
        &[Metric::Cpu],
        0.2,
        0.1,
    ),
    Goal {
        what: "memory of each end under load, praya TLS, MiB",
        own: &["praya-tls"],
        than: Than::Itself,
        metrics: &[Metric::ClientPss, Metric::GatewayPss],
        must: 12.0,
        goal: 6.0,
        more_is_better: false,
    },
];

const fn more(
    what: &'static str,
    own: &'static [&'static str],
    than: &'static [&'static str],
    metrics: &'static [Metric],
    must: f64,
    goal: f64,
) -> Goal {
    Goal { what, own, than: Than::BestOf(than), metrics, must, goal, more_is_better: true }
}

const fn less(
    what: &'static str,
    own: &'static [&'static str],
    than: &'static [&'static str],
    metrics: &'static [Metric],
    must: f64,
    goal: f64,
) -> Goal {
    Goal { what, own, than: Than::BestOf(than), metrics, must, goal, more_is_better: false }
}

/// The subjects of these names.
pub(super) fn subjects(names: &'static [&'static str]) -> impl Iterator<Item = Subject> {
    names.iter().filter_map(|name| Subject::named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_subjects() {
        for goal in GOALS {
            assert_eq!(subjects(goal.own).count(), goal.own.len(), "{}", goal.what);
            if let Than::BestOf(names) = goal.than {
                assert_eq!(subjects(names).count(), names.len(), "{}", goal.what);
            }
        }
    }

    #[test]
    fn a_goal_is_reached_from_its_side() {
        let faster = more("", &[], &[], STREAM, 8.0, 12.0);
        assert_eq!(
            [7.9, 8.0, 12.0].map(|value| faster.judge(value)),
            [Reached::No, Reached::Must, Reached::Goal]
        );
        let cheaper = less("", &[], &[], STREAM, 0.2, 0.1);
        assert_eq!(
            [0.3, 0.2, 0.1].map(|value| cheaper.judge(value)),
            [Reached::No, Reached::Must, Reached::Goal]
        );
        assert_eq!((faster.better(1.0, 2.0), cheaper.better(1.0, 2.0)), (2.0, 1.0));
        assert_eq!((faster.worse(1.0, 2.0), cheaper.worse(1.0, 2.0)), (1.0, 2.0));
    }
}
