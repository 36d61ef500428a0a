//! What the two channels of all tunnels carry, gathered from the sessions' own counters every few seconds.

use praya_datapath::counters::{ChannelValues, CounterValues};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper ends of the buckets for round trips, in seconds: from one's own network to a satellite.
const ROUND_TRIPS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];

/// Packets, bytes, repeated flights and round trips, by channel.
#[derive(Clone)]
pub struct Channels {
    tls: Channel,
    udp: Channel,
}

#[derive(Clone)]
struct Channel {
    packets_in: Counter,
    bytes_in: Counter,
    packets_out: Counter,
    bytes_out: Counter,
    retransmits: Counter,
    round_trips: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    channel: &'static str,
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    channel: &'static str,
}

impl Channels {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let packets: Family<Labels, Counter> = Family::default();
        let bytes: Family<Labels, Counter> = Family::default();
        let retransmits: Family<Name, Counter> = Family::default();
        let round_trips: Family<Name, Histogram> =
            Family::new_with_constructor(|| Histogram::new(ROUND_TRIPS));
        registry.register("channel_packets", "Packets through tunnels, by channel", packets.clone());
        registry.register_with_unit(
            "channel",
            "Bytes through tunnels, by channel",
            Unit::Bytes,
            bytes.clone(),
        );
        registry.register(
            "channel_retransmits",
            "Segments of TCP and handshake flights of DTLS sent again",
            retransmits.clone(),
        );
        let what = "Round trips of probes, or TCP's own, a session's newest every few seconds";
        registry.register_with_unit("channel_round_trip", what, Unit::Seconds, round_trips.clone());
        let of = |channel| {
            let with = |family: &Family<Labels, Counter>, direction| {
                family.get_or_create(&Labels { channel, direction }).clone()
            };
            Channel {
                packets_in: with(&packets, "from_client"),
                bytes_in: with(&bytes, "from_client"),
                packets_out: with(&packets, "to_client"),
                bytes_out: with(&bytes, "to_client"),
                retransmits: retransmits.get_or_create(&Name { channel }).clone(),
                round_trips: round_trips.get_or_create(&Name { channel }).clone(),
            }
        };
        Self { tls: of("tls"), udp: of("udp") }
    }

    /// Adds what one session's channels have carried between two readings.
    pub fn add(&self, before: &CounterValues, now: &CounterValues) {
        self.tls.add(&before.tls, &now.tls);
        self.udp.add(&before.udp, &now.udp);
    }
}

impl Channel {
    fn add(&self, before: &ChannelValues, now: &ChannelValues) {
        self.packets_in.inc_by(now.packets_received.saturating_sub(before.packets_received));
        self.bytes_in.inc_by(now.bytes_received.saturating_sub(before.bytes_received));
        self.packets_out.inc_by(now.packets_sent.saturating_sub(before.packets_sent));
        self.bytes_out.inc_by(now.bytes_sent.saturating_sub(before.bytes_sent));
        self.retransmits.inc_by(now.retransmits.saturating_sub(before.retransmits));
        if let Some(time) = now.round_trip.filter(|_| now.round_trip != before.round_trip) {
            self.round_trips.observe(time.as_secs_f64());
        }
    }
}
