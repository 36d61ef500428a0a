//! What the service keeps on disk so that a session outlives it.

use ipnet::IpNet;
use praya_model::{AccountName, Profile, Secret, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

/// Which sign-in and which API a gateway speaks. The tunnel is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Praya's JSON.
    Praya,
    /// AnyConnect's XML forms: ocserv, Cisco.
    AnyConnect,
}

/// Everything that brings a session back after the service was restarted. It opens the session: root-only file, and
/// nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeTicket {
    /// The form of this value: [`ResumeTicket::VERSION`].
    pub version: u32,
    /// The gateway and what vouches for it.
    pub profile: Profile,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whose session.
    pub account: AccountName,
    /// Its public identifier.
    pub session: Option<SessionId>,
    /// The cookies to try, newest first: one, or two while the newest was not used yet.
    pub cookies: Vec<Secret>,
    /// Whether the session is bound to the device key.
    pub bound: bool,
    /// The addresses that the tunnel had.
    pub addresses: Vec<IpNet>,
    /// When the session ends in any case.
    pub expires_at: Option<Timestamp>,
    /// When the tunnel came up first.
    pub connected_since: Option<Timestamp>,
    /// The person asked for the tunnel to be down.
    pub paused: bool,
    /// The gateway's name for itself.
    pub gateway_name: Option<String>,
    /// Whom to ask.
    pub help_desk: Option<String>,
}

impl ResumeTicket {
    /// The form that this version writes and reads.
    pub const VERSION: u32 = 1;

    /// Whether it can be resumed from: a form that is known, and at least one cookie.
    pub fn is_usable(&self) -> bool {
        self.version == Self::VERSION
            && matches!(self.cookies.len(), 1 | 2)
            && self.cookies.iter().all(|cookie| !cookie.is_empty())
    }
}
