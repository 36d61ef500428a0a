//! What the gateway counts, for Prometheus and for whoever watches it. No label holds a name or an address.

use std::sync::atomic::AtomicU64;

use praya_datapath::counters::{CounterValues, DropReason};
use praya_model::EndReason;
use praya_model::posture::Check;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::posture::word;

mod channels;
mod listener;

pub use channels::Channels;
pub use listener::{Readiness, router};

/// Every metric. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    registry: std::sync::Arc<Registry>,
    sign_ins: Family<Outcome, Counter>,
    requests: Family<Status, Counter>,
    refused: Family<Reason, Counter>,
    ended: Family<Reason, Counter>,
    posture: Posture,
    /// Sessions that exist, attached or away.
    pub sessions: Gauge,
    /// Tunnels that are up.
    pub tunnels: Gauge,
    /// Connections that are open, tunnels included.
    pub connections: Gauge,
    /// What went through the tunnels.
    pub traffic: Traffic,
    /// The same by channel, a few seconds late.
    pub channels: Channels,
    /// What did not.
    pub drops: Drops,
    /// Datagrams that found no session.
    pub datagrams: DatagramDrops,
}

/// What became of machines.
#[derive(Clone)]
struct Posture {
    checks: Family<CheckOutcome, Counter>,
    verdicts: Family<Verdict, Counter>,
    refused: Family<Reason, Counter>,
    unreported: Family<Reason, Counter>,
}

/// Packets and bytes through all tunnels, without framing.
#[derive(Clone)]
pub struct Traffic {
    /// Packets from clients that were forwarded.
    pub packets_in: Counter,
    /// Their bytes.
    pub bytes_in: Counter,
    /// Packets handed to clients' queues.
    pub packets_out: Counter,
    /// Their bytes.
    pub bytes_out: Counter,
}

/// Dropped packets by reason.
#[derive(Clone)]
pub struct Drops([Counter; Dropped::ALL.len()]);

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Not a whole IP packet.
    Malformed,
    /// From a client: a datagram that was there before.
    Replayed,
    /// From a client, as it seems: a datagram that it did not make.
    Forged,
    /// From a client: the source is not its lease.
    Spoofed,
    /// From a client: no resource or network of its groups.
    DeniedOut,
    /// From a client: faster than its groups' rate.
    Rate,
    /// To the network: the kernel did not take it.
    Device,
    /// To a client: no resource or network of its groups.
    DeniedIn,
    /// Nobody has the address, or its session is over.
    NoSession,
    /// To a client: longer than its tunnel takes.
    TooLong,
    /// To a client: its queue was full.
    QueueFull,
    /// To a client: it would have waited for too long.
    QueueDelay,
    /// To a client: a datagram that the system did not send.
    Unsent,
}

impl Dropped {
    /// Every reason, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::Malformed,
        Self::Replayed,
        Self::Forged,
        Self::Spoofed,
        Self::DeniedOut,
        Self::Rate,
        Self::Device,
        Self::DeniedIn,
        Self::NoSession,
        Self::TooLong,
        Self::QueueFull,
        Self::QueueDelay,
        Self::Unsent,
    ];

    /// The name in metrics and machine-readable output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Replayed => "replayed",
            Self::Forged => "forged",
            Self::Spoofed => "spoofed",
            Self::DeniedOut => "denied_out",
            Self::Rate => "rate",
            Self::Device => "device",
            Self::DeniedIn => "denied_in",
            Self::NoSession => "no_session",
            Self::TooLong => "too_long",
            Self::QueueFull => "queue_full",
            Self::QueueDelay => "queue_delay",
            Self::Unsent => "unsent",
        }
    }
}

/// Datagrams that reached no session, by reason.
#[derive(Clone)]
pub struct DatagramDrops {
    /// No DTLS record.
    pub malformed: Counter,
    /// A hello that names no session.
    pub unknown_hello: Counter,
    /// A hello that came while many did, and has to come again with a cookie.
    pub unproven_hello: Counter,
    /// A hello of a source that sent too many.
    pub too_many_hellos: Counter,
    /// Anything else from where no session is.
    pub unknown_source: Counter,
    /// The session had too many waiting.
    pub queue_full: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckOutcome {
    check: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verdict {
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("praya_gateway");
        let (sign_ins, requests) = (Family::default(), Family::default());
        let (refused, ended) = (Family::default(), Family::default());
        let (sessions, tunnels, connections) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("sign_ins", "Sign-ins by outcome", sign_ins.clone());
        registry.register("http_requests", "Requests answered, by status", requests.clone());
        registry.register("connections_refused", "Connections turned away or cut short", refused.clone());
        registry.register("sessions_ended", "Sessions ended, by reason", ended.clone());
        registry.register("sessions", "Sessions that exist", sessions.clone());
        registry.register("tunnels", "Tunnels that are up", tunnels.clone());
        registry.register("connections", "Open connections", connections.clone());
        let posture = Posture::register(&mut registry);
        let traffic = Traffic::register(&mut registry);
        let channels = Channels::register(&mut registry);
        let drops = Drops::register(&mut registry);
        let datagrams = DatagramDrops::register(&mut registry);
        let registry = std::sync::Arc::new(registry);
        Self {
            registry,
            sign_ins,
            requests,
            refused,
            ended,
            posture,
            sessions,
            tunnels,
            connections,
            traffic,
            channels,
            drops,
            datagrams,
        }
    }

    /// A session's channels have come from `before` to `now`.
    pub fn carried(&self, before: &CounterValues, now: &CounterValues) {
        self.channels.add(before, now);
        // What else is dropped, the switch counts as it happens.
        for (reason, why) in [
            (DropReason::Malformed, Dropped::Malformed),
            (DropReason::Replayed, Dropped::Replayed),
            (DropReason::Forged, Dropped::Forged),
            (DropReason::TooLong, Dropped::TooLong),
            (DropReason::Unsent, Dropped::Unsent),
        ] {
            self.drops.inc_by(why, now.dropped(reason).saturating_sub(before.dropped(reason)));
        }
    }

    /// A sign-in came to `outcome`: `ok`, or a failure code's name.
    pub fn sign_in(&self, outcome: &str) {
        self.sign_ins.get_or_create(&Outcome { outcome: outcome.to_owned() }).inc();
    }

    /// A request was answered.
    pub fn request(&self, status: u16) {
        self.requests.get_or_create(&Status { status }).inc();
    }

    /// A connection was turned away or cut short.
    pub fn connection_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// A session ended.
    pub fn session_ended(&self, reason: EndReason) {
        self.ended.get_or_create(&Reason { reason: reason.as_str() }).inc();
    }

    /// A machine was judged, and this is the worst that came of one check.
    pub fn posture_check(&self, check: Check, outcome: &'static str) {
        self.posture.checks.get_or_create(&CheckOutcome { check: word(&check), outcome }).inc();
    }

    /// A machine was judged.
    pub fn posture_verdict(&self, status: praya_model::posture::Status) {
        self.posture.verdicts.get_or_create(&Verdict { status: word(&status) }).inc();
    }

    /// A report was refused.
    pub fn posture_report_refused(&self, reason: &'static str) {
        self.posture.refused.get_or_create(&Reason { reason }).inc();
    }

    /// A client that cannot report was `let_in` or `refused`.
    pub fn posture_unreported(&self, reason: &'static str) {
        self.posture.unreported.get_or_create(&Reason { reason }).inc();
    }

    /// Everything in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing into a string fails only if an encoder of ours does, and these are the library's own.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Posture {
    fn register(registry: &mut Registry) -> Self {
        let new = Self {
            checks: Family::default(),
            verdicts: Family::default(),
            refused: Family::default(),
            unreported: Family::default(),
        };
        registry.register("posture_checks", "Machines judged, by check and outcome", new.checks.clone());
        registry.register("posture_verdicts", "Machines judged, by verdict", new.verdicts.clone());
        registry.register("posture_reports_refused", "Reports refused, by reason", new.refused.clone());
        registry.register("posture_unreported", "Clients that cannot report", new.unreported.clone());
        new
    }
}

impl Traffic {
    fn register(registry: &mut Registry) -> Self {
        let packets: Family<Direction, Counter<u64, AtomicU64>> = Family::default();
        let bytes: Family<Direction, Counter<u64, AtomicU64>> = Family::default();
        registry.register("tunnel_packets", "Packets through tunnels", packets.clone());
        registry.register_with_unit("tunnel", "Bytes through tunnels", Unit::Bytes, bytes.clone());
        let of = |family: &Family<Direction, Counter>, direction| {
            family.get_or_create(&Direction { direction }).clone()
        };
        Self {
            packets_in: of(&packets, "from_client"),
            bytes_in: of(&bytes, "from_client"),
            packets_out: of(&packets, "to_client"),
            bytes_out: of(&bytes, "to_client"),
        }
    }
}

impl Drops {
    fn register(registry: &mut Registry) -> Self {
        let family: Family<Reason, Counter> = Family::default();
        registry.register("packets_dropped", "Packets dropped, by reason", family.clone());
        Self(Dropped::ALL.map(|why| family.get_or_create(&Reason { reason: why.as_str() }).clone()))
    }

    /// So many packets were dropped.
    pub fn inc_by(&self, why: Dropped, packets: u64) {
        if let Some(counter) = self.0.get(why as usize) {
            counter.inc_by(packets);
        }
    }

    /// How many were, for that reason.
    pub fn get(&self, why: Dropped) -> u64 {
        self.0.get(why as usize).map_or(0, Counter::get)
    }
}

impl DatagramDrops {
    fn register(registry: &mut Registry) -> Self {
        let family: Family<Reason, Counter> = Family::default();
        registry.register(
            "datagrams_dropped",
            "Datagrams that reached no session, by reason",
            family.clone(),
        );
        let of = |reason| family.get_or_create(&Reason { reason }).clone();
        Self {
            malformed: of("malformed"),
            unknown_hello: of("unknown_hello"),
            unproven_hello: of("unproven_hello"),
            too_many_hellos: of("too_many_hellos"),
            unknown_source: of("unknown_source"),
            queue_full: of("queue_full"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new();
        metrics.sign_in("ok");
        metrics.request(200);
        metrics.connection_refused("source_full");
        metrics.session_ended(EndReason::Idle);
        metrics.posture_check(Check::Antivirus, "failed");
        metrics.posture_verdict(praya_model::posture::Status::NonCompliant);
        metrics.posture_report_refused("signature");
        metrics.posture_unreported("refused");
        metrics.sessions.set(3);
        metrics.traffic.bytes_in.inc_by(1500);
        metrics.drops.inc_by(Dropped::Spoofed, 1);
        let counters = praya_datapath::Counters::default();
        counters.sent(praya_datapath::Channel::Udp, 3, 3000);
        counters.dropped(DropReason::Replayed, 2);
        counters.measured(praya_datapath::Channel::Tls, std::time::Duration::from_millis(7));
        let values = counters.values();
        metrics.carried(&CounterValues::default(), &values);
        metrics.carried(&values, &values);
        metrics.datagrams.unknown_hello.inc();
        let text = metrics.render();
        for line in [
            "praya_gateway_sign_ins_total{outcome=\"ok\"} 1",
            "praya_gateway_http_requests_total{status=\"200\"} 1",
            "praya_gateway_connections_refused_total{reason=\"source_full\"} 1",
            "praya_gateway_sessions_ended_total{reason=\"idle\"} 1",
            "praya_gateway_posture_checks_total{check=\"antivirus\",outcome=\"failed\"} 1",
            "praya_gateway_posture_verdicts_total{status=\"non_compliant\"} 1",
            "praya_gateway_posture_reports_refused_total{reason=\"signature\"} 1",
            "praya_gateway_posture_unreported_total{reason=\"refused\"} 1",
            "praya_gateway_sessions 3",
            "praya_gateway_tunnel_bytes_total{direction=\"from_client\"} 1500",
            "praya_gateway_packets_dropped_total{reason=\"spoofed\"} 1",
            "praya_gateway_packets_dropped_total{reason=\"replayed\"} 2",
            "praya_gateway_channel_packets_total{channel=\"udp\",direction=\"to_client\"} 3",
            "praya_gateway_channel_bytes_total{channel=\"udp\",direction=\"to_client\"} 3000",
            "praya_gateway_channel_round_trip_seconds_bucket{le=\"0.01\",channel=\"tls\"} 1",
            "praya_gateway_channel_round_trip_seconds_count{channel=\"tls\"} 1",
            "praya_gateway_datagrams_dropped_total{reason=\"unknown_hello\"} 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
