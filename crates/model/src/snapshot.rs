//! The one value from which every view draws: window, tray and command line.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::channel::ChannelView;
use crate::failure::LastSignIn;
use crate::password::PasswordRules;
use crate::posture::Finding;
use crate::profile::{GatewayAddress, ProfileName};
use crate::reported::Reported;
use crate::{AccountName, EndReason, Failure, SessionId, SignInStep, Timestamp, TunnelState};

/// Everything a view shows about the session. Times are instants; the view counts down by itself.
///
/// It never holds a secret: no cookie, no ticket, no typed answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Snapshot {
    /// The state of the client shell (1F).
    pub state: TunnelState,
    /// Another person on this machine holds the session; then nothing but `state` is filled in.
    #[serde(default)]
    pub in_use_by_another: bool,
    /// The profile in use, when there is one.
    pub profile: Option<ProfileName>,
    /// The gateway in use.
    pub gateway: Option<GatewayAddress>,
    /// The gateway's own name for itself.
    pub gateway_name: Option<String>,
    /// Who is signed in, or is signing in.
    pub account: Option<AccountName>,
    /// The session's public identifier; foreign gateways give none.
    pub session: Option<SessionId>,
    /// What the tunnel looks like while it is up or being brought back.
    pub tunnel: Option<TunnelView>,
    /// How packets travel while the tunnel is up.
    #[serde(default)]
    pub channel: Option<ChannelView>,
    /// When the tunnel of this session came up first (B-16); it does not start anew at a reconnect.
    pub connected_since: Option<Timestamp>,
    /// Counters of this session; they start at 0 (B-17).
    pub traffic: Traffic,
    /// The sign-in under way.
    pub sign_in: Option<SignInProgress>,
    /// When the session ends if no user traffic flows until then.
    pub idle_at: Option<Timestamp>,
    /// When the session ends in any case.
    pub expires_at: Option<Timestamp>,
    /// Why the last session ended; set in [`TunnelState::Ended`].
    pub ended: Option<EndReason>,
    /// The gateway's own words on the end, to show beside the reason.
    pub end_text: Option<String>,
    /// Whether the gateway heard that the last session was ended here; `None` while its word is awaited, and where
    /// it was not to be told.
    #[serde(default)]
    pub gateway_told: Option<bool>,
    /// When a gateway that was not told ends the session by itself at the latest, where that is known.
    #[serde(default)]
    pub gateway_forgets_at: Option<Timestamp>,
    /// Another user of this machine, who may only be its administrator, ended the session or the sign-in.
    #[serde(default)]
    pub ended_by_administrator: bool,
    /// What went wrong last: why the sign-in was refused, why the tunnel is not up.
    pub last_failure: Option<Failure>,
    /// How the tunnel is being brought back; set while it is down and the session lives.
    pub reconnect: Option<Reconnect>,
    /// What is not as it should be while the tunnel is up.
    pub warnings: Vec<Warning>,
    /// What the gateway makes of this machine while the session lasts; kept where that ended it.
    #[serde(default)]
    pub posture: Option<PostureView>,
    /// What the gateway was told of this machine last, in this session or the sign-in before it.
    #[serde(default)]
    pub reported: Option<Reported>,
    /// Whether the gateway has a resource list for this session.
    pub resources_available: bool,
    /// Whom to ask, in the gateway's words.
    pub help_desk: Option<String>,
    /// The gateway's message to whoever connects.
    pub banner: Option<String>,
    /// The account's sign-in before this one, so that a person notices a stranger's.
    pub last_sign_in: Option<LastSignIn>,
    /// What a new password must look like, once the gateway has told it.
    #[serde(default)]
    pub password_rules: Option<PasswordRules>,
}

/// The network side of a tunnel, as a view shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TunnelView {
    /// The name of the tunnel device, once made.
    pub device: Option<String>,
    /// The tunnel's own addresses (B-16).
    #[cfg_attr(feature = "ts", ts(type = "Array<string>"))]
    pub addresses: Vec<IpNet>,
    /// Networks that go through the tunnel; empty means everything.
    #[cfg_attr(feature = "ts", ts(type = "Array<string>"))]
    pub include: Vec<IpNet>,
    /// Networks that stay outside.
    #[cfg_attr(feature = "ts", ts(type = "Array<string>"))]
    pub exclude: Vec<IpNet>,
    /// Name servers inside.
    pub dns_servers: Vec<IpAddr>,
    /// Domains resolved inside; empty means all names.
    pub split_dns: Vec<String>,
    /// The largest packet, in bytes.
    pub mtu: u16,
}

/// Counters of user packets. *In* is from the gateway to this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Traffic {
    /// Bytes received through the tunnel.
    pub bytes_in: u64,
    /// Bytes sent through the tunnel.
    pub bytes_out: u64,
    /// Packets received.
    pub packets_in: u64,
    /// Packets sent.
    pub packets_out: u64,
}

/// The sign-in under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SignInProgress {
    /// Counts the questions of this sign-in, from 1; an answer names the round it belongs to. It stays 0 until the
    /// first question is there.
    pub round: u32,
    /// What the gateway asks; `None` before the first question. Never [`SignInStep::Done`].
    pub step: Option<SignInStep>,
    /// When the gateway asked it: what counts down in the step counts from here. It stays when the same question is
    /// put once more because the answer was not heard.
    #[serde(default)]
    pub asked_at: Option<Timestamp>,
    /// What was wrong with the last answer.
    pub notice: Option<Failure>,
    /// When this question dies unanswered.
    pub deadline: Option<Timestamp>,
    /// Whether the gateway's word is awaited; then there is nothing to answer.
    pub waiting: bool,
}

/// How the tunnel is being brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Reconnect {
    /// How many attempts have failed since the tunnel was lost.
    pub attempt: u32,
    /// When the next attempt starts; `None` while one is under way, or while paused.
    pub next_at: Option<Timestamp>,
    /// When trying ends, because the gateway forgets the session.
    pub give_up_at: Option<Timestamp>,
    /// The person asked for the tunnel to be down; it comes back only on request.
    pub paused: bool,
}

/// What the gateway makes of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PostureView {
    /// When the gateway said so.
    pub checked_at: Timestamp,
    /// Every requirement that is not met.
    pub findings: Vec<Finding>,
    /// The session reaches only some of its resources until the machine is put right.
    pub limited: bool,
    /// When the session ends unless the machine is put right before.
    pub ends_at: Option<Timestamp>,
}

/// Something that is not as it should be while the tunnel is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "warning", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Warning {
    /// A network of the tunnel overlaps one that this machine reaches directly.
    RouteConflict {
        /// The tunnel's network.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        tunnel: IpNet,
        /// The machine's own network.
        #[cfg_attr(feature = "ts", ts(type = "string"))]
        local: IpNet,
        /// The device that the machine's own network is on.
        device: String,
    },
    /// The name servers inside could not be set, or are overruled.
    Dns {
        /// Why.
        detail: String,
    },
    /// The service's resume file could not be written: the session will not survive a restart of the service.
    NotResumable {
        /// Why.
        detail: String,
    },
}

impl Snapshot {
    /// What somebody may see who does not hold the session: that it is in use, and nothing else.
    pub fn redacted(&self) -> Self {
        match self.state {
            TunnelState::NoSession | TunnelState::Ended => Self::default(),
            TunnelState::Restoring
            | TunnelState::SigningIn
            | TunnelState::Connected
            | TunnelState::Reconnecting
            | TunnelState::IdleWarning => {
                Self { state: self.state, in_use_by_another: true, ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redacted_snapshot_tells_only_that_the_session_is_in_use() {
        let full = Snapshot {
            state: TunnelState::Connected,
            account: Some(AccountName::new("wong")),
            help_desk: Some("ext. 100".to_owned()),
            reported: Some(Reported { at: Timestamp::default(), facts: vec![] }),
            ..Snapshot::default()
        };
        let seen = full.redacted();
        assert_eq!(
            seen,
            Snapshot { state: TunnelState::Connected, in_use_by_another: true, ..Snapshot::default() }
        );
        let over = Snapshot { state: TunnelState::Ended, ended: Some(EndReason::Admin), ..full };
        assert_eq!(over.redacted(), Snapshot::default());
    }
}
