//! The rows of the gateway's own tables: sessions, leases, groups, audit.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use aws_lc_rs::digest;
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use praya_model::failure::LastSignIn;
use praya_model::resource::Endpoint;
use praya_model::{
    AccountName, EndReason, GroupName, Secret, SessionId, SupportCode, Timestamp, TokenSerial,
};
use praya_posture::facts::HostFacts;
use praya_posture::verdict::Verdict;
use serde::{Deserialize, Serialize};

use super::Tally;
use crate::posture::Fit;

/// The SHA-256 of a session cookie, the only form in which it is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CookieHash(pub [u8; 32]);

/// A device's Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKey(pub [u8; 32]);

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its public identifier.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountName,
    /// The device it is bound to; absent for AnyConnect clients.
    pub device_key: Option<DeviceKey>,
    /// The machine's name as it gave it.
    pub host_name: String,
    /// Client name and version.
    pub client: String,
    /// Where the sign-in came from.
    pub source: IpAddr,
    /// When it began.
    pub started: Timestamp,
    /// When it ends whatever happens.
    pub expires: Timestamp,
    /// The last user traffic, or the beginning.
    pub last_traffic: Timestamp,
    /// Since when no tunnel is attached; absent while one is.
    pub away_since: Option<Timestamp>,
    /// The newest proof counter seen.
    pub proof_counter: u64,
    /// Bytes from the client so far.
    pub bytes_in: u64,
    /// Bytes to the client so far.
    pub bytes_out: u64,
    /// What its tunnel has carried and dropped so far.
    pub tally: Tally,
    /// The account's sign-in before this one.
    pub last_sign_in: Option<LastSignIn>,
    /// What the endpoint check left of its access; absent where no policy is for it.
    pub posture: Option<Fit>,
    /// When and why it ended.
    pub ended: Option<(Timestamp, EndReason)>,
}

/// What a presented cookie is to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieState {
    /// The one in force.
    Current,
    /// Handed out by a rotation and not yet used; its first use retires the one before.
    Offered,
    /// Replaced; its use means that somebody else has a copy.
    Retired,
}

/// Tunnel addresses pinned to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The session.
    pub session: SessionId,
    /// Its IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub v6: Option<Ipv6Addr>,
}

/// How much one session may carry in each direction; absent: any rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// To the client, in Mbit/s.
    pub to_client: Option<NonZeroU32>,
    /// From the client, in Mbit/s.
    pub from_client: Option<NonZeroU32>,
}

impl Rates {
    /// The higher rate of each direction, which is any where one of them is.
    #[must_use]
    pub fn most_generous(self, other: Self) -> Self {
        self.each(other, |one, other| one.zip(other).map(|(one, other)| one.max(other)))
    }

    /// The lower rate of each direction.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        self.each(other, |one, other| one.into_iter().chain(other).min())
    }

    fn each(self, other: Self, choose: fn(Rate, Rate) -> Rate) -> Self {
        Self {
            to_client: choose(self.to_client, other.to_client),
            from_client: choose(self.from_client, other.from_client),
        }
    }
}

type Rate = Option<NonZeroU32>;

/// A group of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name; unique.
    pub name: GroupName,
    /// One line about it; may be empty.
    #[serde(default)]
    pub description: String,
    /// What its people may reach besides their resources.
    #[serde(default)]
    pub networks: Vec<Endpoint>,
    /// How much each session of its people may carry.
    #[serde(default)]
    pub rates: Rates,
}

/// A version of a policy for machines, as it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    /// The policy's name for machines.
    pub id: String,
    /// Which version, counted from 1.
    pub version: u32,
    /// The policy in TOML.
    pub text: String,
    /// Whether it is in force; of a policy at most one version is.
    pub active: bool,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// By whom: `admin:LOGIN` or `api-key:NAME#ID`.
    pub saved_by: String,
}

/// A verdict to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVerdict {
    /// The device that reported.
    pub device: DeviceKey,
    /// The machine's name as it gave it.
    pub host_name: String,
    /// Who was using it.
    pub account: AccountName,
    /// In which session; absent at a sign-in that led to none.
    pub session: Option<SessionId>,
    /// Where the report came from.
    pub source: IpAddr,
    /// What the gateway made of it.
    pub verdict: Verdict,
    /// What was reported.
    pub facts: HostFacts,
}

/// A verdict that is kept; the numbers rise without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictRow {
    /// Its number.
    pub id: i64,
    /// The rest.
    pub found: NewVerdict,
}

/// Verdicts that were looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Those that this release reads.
    pub rows: Vec<VerdictRow>,
    /// How many there are besides that it does not: damaged, or written by a newer release.
    pub unreadable: u32,
}

/// What an audit record is about. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditEvent {
    /// A sign-in was completed or refused.
    SignIn,
    /// A factor of a sign-in under way was judged.
    SignInStep,
    /// An account was locked after failures.
    AccountLocked,
    /// A password was changed by its owner.
    PasswordChanged,
    /// An account was made, changed or deleted by an administrator.
    AccountChanged,
    /// A token was registered, assigned, changed or removed.
    TokenChanged,
    /// A token changed its state by a rule.
    TokenState,
    /// A group was made, changed or deleted.
    GroupChanged,
    /// A resource was made, changed or deleted.
    ResourceChanged,
    /// A policy for machines, or the table of support dates, was saved, put into force or taken out of it.
    PolicyChanged,
    /// A key of a program was made or revoked by an administrator.
    ApiKeyChanged,
    /// A key that is known was refused.
    ApiKeyRefused,
    /// A machine was judged, or its report refused.
    Posture,
    /// A session began.
    SessionStarted,
    /// A tunnel was attached.
    TunnelUp,
    /// A tunnel was detached.
    TunnelDown,
    /// A session ended.
    SessionEnded,
    /// A cookie or a proof was refused.
    CookieRefused,
    /// The gateway started, stopped or changed its settings.
    Gateway,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As wanted.
    Ok,
    /// Refused by a rule.
    Refused,
    /// Something broke.
    Failed,
}

/// An audit record to be. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: AuditEvent,
    /// How it went.
    pub outcome: Outcome,
    /// Who did it: `person`, `gateway`, `admin:LOGIN`, or `api-key:NAME#ID`.
    pub actor: String,
    /// The account it is about. Only names of existing accounts are written.
    pub account: Option<AccountName>,
    /// From where.
    pub source: Option<IpAddr>,
    /// The session it is about.
    pub session: Option<SessionId>,
    /// The token it is about.
    pub token: Option<TokenSerial>,
    /// The code: a failure code, an end reason, an act. Stable names in snake case.
    pub code: Option<String>,
    /// What the person can quote.
    pub support: Option<SupportCode>,
    /// More, as a JSON object; `null` when there is nothing.
    pub detail: serde_json::Value,
}

/// An audit record as read back; the ids rise without end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: AuditEvent,
    /// How it went.
    pub outcome: Outcome,
    /// Who did it.
    pub actor: String,
    /// The account it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The session it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The token it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenSerial>,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the person can quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<SupportCode>,
    /// More.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

/// Which audit records to read. Every given field must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only records with a greater id, for following.
    pub after_id: Option<i64>,
    /// Only records at or after this instant.
    pub since: Option<Timestamp>,
    /// Only records before this instant.
    pub until: Option<Timestamp>,
    /// About this account.
    pub account: Option<AccountName>,
    /// About this session.
    pub session: Option<SessionId>,
    /// Of this kind.
    pub event: Option<AuditEvent>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// With this code.
    pub code: Option<String>,
    /// With this support code.
    pub support: Option<SupportCode>,
    /// At most so many: the newest ones, or the oldest after `after_id` when that is given. 0 means 1000.
    pub limit: u32,
}

impl CookieHash {
    /// The hash of a cookie as the client shows it.
    pub fn of(cookie: &Secret) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, cookie.expose().as_bytes()).as_ref());
        Self(hash)
    }
}

impl fmt::Debug for CookieHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[cookie hash]")
    }
}

impl DeviceKey {
    /// From base64 (standard or URL-safe, with or without padding) of 32 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        let plain: String = text
            .trim_end_matches('=')
            .chars()
            .map(|c| match c {
                '+' => '-',
                '/' => '_',
                other => other,
            })
            .collect();
        BASE64URL_NOPAD.decode(plain.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// A name for the device that fits a line: 32 hexadecimal digits of the key's SHA-256, so that nobody makes two keys
    /// of one name.
    pub fn short(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.0);
        HEXLOWER.encode(digest.as_ref().get(..16).unwrap_or_default())
    }

    /// As base64.
    pub fn to_base64(self) -> String {
        BASE64.encode(&self.0)
    }
}

macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name, as in JSON and in the store.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// The value of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == name)
            }
        }
    };
}

names!(AuditEvent {
    SignIn = "sign_in",
    SignInStep = "sign_in_step",
    AccountLocked = "account_locked",
    PasswordChanged = "password_changed",
    AccountChanged = "account_changed",
    TokenChanged = "token_changed",
    TokenState = "token_state",
    GroupChanged = "group_changed",
    ResourceChanged = "resource_changed",
    PolicyChanged = "policy_changed",
    ApiKeyChanged = "api_key_changed",
    ApiKeyRefused = "api_key_refused",
    Posture = "posture",
    SessionStarted = "session_started",
    TunnelUp = "tunnel_up",
    TunnelDown = "tunnel_down",
    SessionEnded = "session_ended",
    CookieRefused = "cookie_refused",
    Gateway = "gateway",
});

names!(Outcome { Ok = "ok", Refused = "refused", Failed = "failed" });

names!(CookieState { Current = "current", Offered = "offered", Retired = "retired" });

impl NewAudit {
    /// A record with nothing but the main things; the rest is set by struct update.
    pub fn new(at: Timestamp, event: AuditEvent, outcome: Outcome, actor: impl Into<String>) -> Self {
        Self {
            at,
            event,
            outcome,
            actor: actor.into(),
            account: None,
            source: None,
            session: None,
            token: None,
            code: None,
            support: None,
            detail: serde_json::Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_names_are_the_json_names() {
        for event in AuditEvent::ALL {
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
            assert_eq!(AuditEvent::from_name(event.as_str()), Some(*event));
        }
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
    }

    #[test]
    fn a_device_key_is_32_bytes_of_base64_of_either_alphabet() {
        let key = DeviceKey([0xfb; 32]);
        assert_eq!(DeviceKey::from_base64(&key.to_base64()), Some(key));
        assert_eq!(DeviceKey::from_base64(&BASE64URL_NOPAD.encode(&key.0)), Some(key));
        assert_eq!(DeviceKey::from_base64("AAAA"), None);
        assert_eq!(DeviceKey::from_base64("密碼"), None);
    }
}
