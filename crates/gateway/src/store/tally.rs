//! What a session's tunnel has carried and dropped, in the form in which it is kept and shown.

use std::collections::BTreeMap;

use praya_datapath::counters::{ChannelValues, CounterValues, DropReason};
use praya_model::{SessionId, Timestamp};
use serde::{Deserialize, Serialize};

/// The channels' names.
const TLS: &str = "tls";
const UDP: &str = "udp";

/// What of a session changes while packets flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRow {
    /// The session.
    pub session: SessionId,
    /// The last user traffic.
    pub last: Timestamp,
    /// Bytes from the client so far.
    pub bytes_in: u64,
    /// Bytes to the client so far.
    pub bytes_out: u64,
    /// The rest.
    pub tally: Tally,
}

/// Counters of one session over all its connections, seen from the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// The channel that carried the last packets: `tls` or `udp`.
    pub channel: Option<String>,
    /// Frames in the TLS stream.
    pub tls: ChannelTally,
    /// Datagrams.
    pub udp: ChannelTally,
    /// Packets that went no further, by reason.
    pub drops: BTreeMap<String, u64>,
}

/// Counters of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelTally {
    /// Packets from the client.
    pub packets_in: u64,
    /// Their bytes, without framing.
    pub bytes_in: u64,
    /// Packets to the client.
    pub packets_out: u64,
    /// Their bytes, without framing.
    pub bytes_out: u64,
    /// Handshake flights that were sent again.
    pub retransmits: u64,
    /// The last measured round trip, in microseconds.
    pub round_trip_us: Option<u64>,
}

impl Tally {
    /// What was counted `before` this process and by it: `values` by the channels, `drops` by the switch.
    pub fn new<'a>(
        before: &Self,
        values: &CounterValues,
        drops: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> Self {
        let of_channels = DropReason::ALL
            .into_iter()
            // The switch knows of these, and more exactly.
            .filter(|why| {
                !matches!(why, DropReason::Refused | DropReason::QueueFull | DropReason::QueueDelay)
            })
            .map(|why| (why.as_str(), values.dropped(why)));
        let mut tally = Self {
            channel: before.channel.clone(),
            tls: before.tls.plus(&values.tls),
            udp: before.udp.plus(&values.udp),
            drops: before.drops.clone(),
        };
        for (why, packets) in of_channels.chain(drops).filter(|(_, packets)| *packets > 0) {
            *tally.drops.entry(why.to_owned()).or_default() += packets;
        }
        tally
    }

    /// Takes the channel that has carried packets since `earlier`, if one has.
    #[must_use]
    pub fn since(self, earlier: &Self) -> Self {
        let moved = |now: &ChannelTally, then: &ChannelTally| {
            (now.packets_in, now.packets_out) != (then.packets_in, then.packets_out)
        };
        let channel = if moved(&self.udp, &earlier.udp) {
            Some(UDP.to_owned())
        } else if moved(&self.tls, &earlier.tls) {
            Some(TLS.to_owned())
        } else {
            earlier.channel.clone()
        };
        Self { channel, ..self }
    }

    /// The round trip of the channel that carried the last packets, in microseconds.
    pub fn round_trip_us(&self) -> Option<u64> {
        let is_udp = self.channel.as_deref() == Some(UDP);
        if is_udp { self.udp.round_trip_us } else { self.tls.round_trip_us }
    }
}

impl ChannelTally {
    fn plus(self, now: &ChannelValues) -> Self {
        let micros = now.round_trip.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        Self {
            packets_in: self.packets_in + now.packets_received,
            bytes_in: self.bytes_in + now.bytes_received,
            packets_out: self.packets_out + now.packets_sent,
            bytes_out: self.bytes_out + now.bytes_sent,
            retransmits: self.retransmits + now.retransmits,
            round_trip_us: micros.or(self.round_trip_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use praya_datapath::{Channel, Counters};

    use super::*;

    #[test]
    fn what_was_counted_before_goes_on_and_the_last_channel_is_named() {
        let counters = Counters::default();
        counters.received(Channel::Tls, 2, 200);
        counters.measured(Channel::Tls, Duration::from_millis(3));
        counters.dropped(DropReason::Refused, 7);
        counters.dropped(DropReason::Replayed, 1);
        let first = Tally::new(&Tally::default(), &counters.values(), [("spoofed", 7)]);
        let first = first.since(&Tally::default());
        assert_eq!((first.channel.as_deref(), first.round_trip_us()), (Some("tls"), Some(3000)));
        let expected = [("replayed".to_owned(), 1), ("spoofed".to_owned(), 7)];
        assert_eq!(first.drops, BTreeMap::from(expected));

        let counters = Counters::default();
        counters.sent(Channel::Udp, 1, 50);
        counters.received(Channel::Tls, 1, 10);
        let second = Tally::new(&first, &counters.values(), [("spoofed", 1)]).since(&first);
        assert_eq!((second.channel.as_deref(), second.round_trip_us()), (Some("udp"), None));
        assert_eq!((second.tls.packets_in, second.tls.bytes_in, second.udp.packets_out), (3, 210, 1));
        assert_eq!(second.drops.get("spoofed"), Some(&8));
        let third = Tally::new(&first, &counters.values(), [("spoofed", 1)]).since(&second);
        assert_eq!(third.channel.as_deref(), Some("udp"), "nothing has moved since");
        let text = serde_json::to_string(&third).unwrap();
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), third);
        assert_eq!(serde_json::from_str::<Tally>("{}").unwrap(), Tally::default());
    }
}
