//! Which of a session's two channels carries its packets, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The two channels to the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DataChannel {
    /// Frames in the TLS stream: always there while the tunnel is up.
    #[default]
    Tls,
    /// DTLS datagrams, beside it.
    Udp,
}

impl DataChannel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tls, Self::Udp];

    /// The stable name, as in JSON and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Udp => "udp",
        }
    }
}

/// Why the packets travel on that channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ChannelReason {
    /// UDP: it answers, so it is preferred.
    Preferred,
    /// TLS: the settings of this machine allow nothing else.
    SwitchedOff,
    /// TLS: the gateway offers no UDP channel.
    NotOffered,
    /// TLS: the UDP channel is being opened.
    #[default]
    Opening,
    /// TLS: no UDP channel came about, as where a network lets nothing through. It is tried again.
    Unanswered,
    /// TLS: UDP carried packets, and then its answers stopped. It is taken again when they come back.
    Silent,
    /// TLS: this machine cannot send by UDP.
    Unavailable,
}

impl ChannelReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Preferred,
        Self::SwitchedOff,
        Self::NotOffered,
        Self::Opening,
        Self::Unanswered,
        Self::Silent,
        Self::Unavailable,
    ];

    /// The channel that it is a reason for.
    pub const fn channel(self) -> DataChannel {
        match self {
            Self::Preferred => DataChannel::Udp,
            Self::SwitchedOff
            | Self::NotOffered
            | Self::Opening
            | Self::Unanswered
            | Self::Silent
            | Self::Unavailable => DataChannel::Tls,
        }
    }

    /// The stable name, as in JSON; texts are found by it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::SwitchedOff => "switched_off",
            Self::NotOffered => "not_offered",
            Self::Opening => "opening",
            Self::Unanswered => "unanswered",
            Self::Silent => "silent",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How a session's packets travel, as a view shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ChannelView {
    /// The channel that carries them now.
    pub carrier: DataChannel,
    /// Why that one.
    pub reason: ChannelReason,
    /// The protocol version and the cipher of the TLS channel, such as `TLS 1.3, AES-256-GCM`.
    pub protection: Option<String>,
    /// The gateway takes several packets of one flow in one piece.
    pub super_packets: bool,
    /// What the TLS channel has carried in this session.
    pub tls: ChannelTraffic,
    /// What the UDP channel has carried.
    pub udp: ChannelTraffic,
    /// Packets that went no further, by the reason's stable name; reasons without one are left out.
    pub dropped: BTreeMap<String, u64>,
}

impl ChannelView {
    /// What the channel in use has carried.
    pub fn in_use(&self) -> &ChannelTraffic {
        match self.carrier {
            DataChannel::Tls => &self.tls,
            DataChannel::Udp => &self.udp,
        }
    }
}

/// What one channel has carried. *In* is from the gateway to this machine; a packet that carries several counts as
/// these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ChannelTraffic {
    /// Bytes received, without framing.
    pub bytes_in: u64,
    /// Bytes sent, without framing.
    pub bytes_out: u64,
    /// Packets received.
    pub packets_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// What was sent again: segments of TCP, or flights of a handshake by UDP.
    pub retransmits: u64,
    /// The last measured round trip to the gateway, in microseconds.
    pub round_trip_us: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_json() {
        for reason in ChannelReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for channel in DataChannel::ALL {
            assert_eq!(serde_json::to_value(channel).unwrap(), channel.as_str());
        }
    }
}
