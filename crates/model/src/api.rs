//! Bodies of the gateway's JSON API (`/api/v1`), shared by the gateway and the client's connector.

use serde::{Deserialize, Serialize};

use crate::failure::LastSignIn;
use crate::password::PasswordRules;
use crate::posture::{Check, Finding, MAX_FINDINGS, Status, at_most};
use crate::{
    AccountName, Failure, GroupName, Resource, Secret, SessionId, SignInAnswer, SignInStep, Timestamp,
};

/// Path prefix of the API.
pub const PREFIX: &str = "/api/v1";
/// Header that carries a proof of possession of the device key; see `docs/protocol.md`.
pub const PROOF_HEADER: &str = "X-Praya-Proof";
/// Header of the CONNECT reply that carries the rotated cookie.
pub const COOKIE_HEADER: &str = "X-Praya-Cookie";
/// Header of the CONNECT reply that carries the session's public identifier.
pub const SESSION_HEADER: &str = "X-Praya-Session";
/// Header of CONNECT and of its reply by which both ends agree to super-packets; its value is
/// [`SUPER_PACKETS`].
pub const SUPER_PACKETS_HEADER: &str = "X-Praya-Super-Packets";
/// The version of super-packets that [`SUPER_PACKETS_HEADER`] names; another one is as good as none.
pub const SUPER_PACKETS: &str = "1";
/// Label of the TLS exporter (no context, 32 bytes) that a CONNECT proof signs.
pub const PROOF_EXPORTER: &[u8] = b"EXPORTER-praya-device-proof";

/// `GET /api/v1/gateway`: who this is, before anybody signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayInfo {
    /// Always `praya`.
    pub product: String,
    /// The API's major version.
    pub api: u32,
    /// The gateway's name, to show.
    pub name: String,
    /// Whom to ask.
    pub help_desk: Option<String>,
}

/// `POST /api/v1/sign-in`: start the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeginSignIn {
    /// The account as typed; the gateway folds it.
    pub account: String,
    /// The device's Ed25519 public key, base64 of 32 bytes; the session is bound to it.
    pub device_key: Option<String>,
    /// The machine's name, for the person's own list of sessions.
    pub host_name: String,
    /// Client name and version.
    pub client: String,
    /// The kind of machine: `windows`, `macos` or `linux`. It is asked only what concerns it; its report says what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// `POST /api/v1/sign-in/answer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSignIn {
    /// The ticket of the step that is answered; each step has its own.
    pub ticket: Secret,
    /// The answer.
    #[serde(flatten)]
    pub answer: SignInAnswer,
}

/// Reply to both: the next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInReply {
    /// The ticket to answer with; absent when the conversation is over.
    pub ticket: Option<Secret>,
    /// What comes next.
    #[serde(flatten)]
    pub next: SignInStep,
    /// What was wrong with the last answer, when the same step is asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Failure>,
    /// Seconds until this step's ticket dies.
    pub expires_in: u32,
}

/// `GET /api/v1/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Public identifier.
    pub session: SessionId,
    /// Whose.
    pub account: AccountName,
    /// The person's groups.
    pub groups: Vec<GroupName>,
    /// When it began.
    pub since: Timestamp,
    /// Seconds until the absolute end.
    pub expires_in: u32,
    /// Seconds without user traffic after which it ends.
    pub idle_timeout: u32,
    /// The sign-in before this one.
    pub last_sign_in: Option<LastSignIn>,
    /// What a new password must look like; gateways of earlier versions do not tell.
    #[serde(default)]
    pub password_rules: Option<PasswordRules>,
}

/// `GET /api/v1/session/posture`: what the gateway wants to know of the session's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostureQuestion {
    /// What is read, and nothing else; empty when no policy asks for anything.
    #[serde(default, deserialize_with = "at_most::<_, _, { Check::ALL.len() }>")]
    pub checks: Vec<Check>,
    /// What the report answers, as in [`SignInStep::Posture`].
    pub nonce: String,
    /// Seconds until the gateway is to be asked once more.
    pub recheck_seconds: u32,
    /// Every requirement that was not met when the machine was judged last, at sign-in for instance.
    #[serde(default, deserialize_with = "at_most::<_, _, MAX_FINDINGS>")]
    pub findings: Vec<Finding>,
    /// As in [`PostureReply`].
    #[serde(default)]
    pub limited: bool,
    /// As in [`PostureReply`]; here also while a report is overdue.
    #[serde(default)]
    pub ends_in_seconds: Option<u32>,
}

/// `POST /api/v1/session/posture`: the report that answers a [`PostureQuestion`], as in [`SignInAnswer::Posture`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostureReport {
    /// JSON of the nonce and the facts.
    pub report: String,
    /// Base64 of the device key's Ed25519 signature.
    pub signature: String,
}

/// Reply to it: what the gateway makes of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostureReply {
    /// Every requirement that is not met.
    #[serde(default, deserialize_with = "at_most::<_, _, MAX_FINDINGS>")]
    pub findings: Vec<Finding>,
    /// In a word.
    pub status: Status,
    /// Whether the session reaches only some of its resources until the machine is put right.
    pub limited: bool,
    /// Seconds until the machine is to be checked again.
    pub recheck_seconds: u32,
    /// Seconds until the session ends unless the machine is put right.
    #[serde(default)]
    pub ends_in_seconds: Option<u32>,
}

/// `GET /api/v1/resources`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceList {
    /// Ordered by group, then name.
    pub resources: Vec<Resource>,
}

/// `POST /api/v1/password`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The password in force.
    pub current: Secret,
    /// The new one.
    pub new: Secret,
}

/// `GET /api/v1/sessions`: the person's own sessions, wherever they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The oldest first.
    pub sessions: Vec<OwnSession>,
}

/// One of a person's sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct OwnSession {
    /// Public identifier.
    pub session: SessionId,
    /// The machine's name as it gave it.
    pub host_name: String,
    /// Client name and version.
    pub client: String,
    /// Where the sign-in came from.
    pub source: String,
    /// When it began.
    pub since: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}
