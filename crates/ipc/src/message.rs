//! What views and the service say to each other.
//!
//! A connection begins with one hello each way. Then a view sends requests, each with a number of its own choosing,
//! and gets exactly one answer to each; after [`Request::Subscribe`] it gets events as well.

use std::collections::BTreeSet;

use praya_model::api::OwnSession;
use praya_model::posture::Check as PostureCheck;
use praya_model::{
    EndReason, Failure, FailureCode, GatewayAddress, Pin, Profile, ProfileName, Resource, Secret, SessionId,
    SignInAnswer, Snapshot,
};
use serde::{Deserialize, Serialize};

use crate::authorise::Rights;
use praya_model::snapshot::Traffic;

/// A frame from a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToService {
    /// The first frame, and only the first.
    Hello(ClientHello),
    /// A request.
    Request {
        /// Chosen by the view; comes back in the answer.
        id: u64,
        /// What is asked.
        request: Request,
    },
}

/// A frame from the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromService {
    /// The answer to the hello.
    Hello(ServiceHello),
    /// The answer to the request of that number.
    Answer {
        /// The request's number.
        id: u64,
        /// What came of it.
        response: Response,
    },
    /// Something changed.
    Event {
        /// What.
        event: Event,
    },
    /// The service closes the connection after this frame.
    Closing {
        /// Why.
        failure: Failure,
    },
}

/// A view's hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// The protocol it speaks: [`crate::PROTOCOL`].
    pub protocol: u32,
    /// What kind of view it is.
    pub kind: ClientKind,
    /// Its own version, for messages and logs; at most 64 bytes are looked at.
    pub version: String,
}

/// What kind of view calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// The command line.
    Cli,
    /// The desktop app.
    Desktop,
    /// Anything else: scripts, tests.
    Other,
}

/// The service's hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceHello {
    /// The protocol it speaks: [`crate::PROTOCOL`].
    pub protocol: u32,
    /// Its own version.
    pub version: String,
    /// What this caller may do now; changes as sessions come and go.
    pub rights: Rights,
}

/// What a view asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The state of things; answered by [`Response::Snapshot`].
    Snapshot,
    /// The state of things now, and every change from now on; answered by [`Response::Snapshot`], then events.
    Subscribe,
    /// The profiles that the caller may use; answered by [`Response::Profiles`].
    ListProfiles,
    /// Adds a profile; one of that name, or of one that looks the same, refuses it. Root's profiles are everybody's.
    AddProfile {
        /// The profile.
        profile: Profile,
        /// The caller's own profile of exactly that name gives way; nobody else's ever does.
        #[serde(default)]
        replace: bool,
    },
    /// Removes a profile of the caller's own; root removes any.
    RemoveProfile {
        /// Its name.
        name: ProfileName,
    },
    /// Begins to sign in. The questions come in [`Snapshot::sign_in`].
    BeginSignIn {
        /// Where.
        target: Target,
        /// The account; where it is missing the first question asks for it.
        account: Option<String>,
    },
    /// Answers the question under way.
    Answer {
        /// The round of the question that is answered; another one is refused, so that no answer reaches the wrong
        /// question.
        round: u32,
        /// The answer.
        answer: SignInAnswer,
    },
    /// Gives up the sign-in under way.
    CancelSignIn,
    /// The session's resource list; answered by [`Response::Resources`].
    Resources,
    /// Changes the account's password.
    ChangePassword {
        /// The password in force.
        current: Secret,
        /// The new one.
        new: Secret,
    },
    /// The account's sessions, here and elsewhere; answered by [`Response::Sessions`].
    Sessions,
    /// Ends another session of the account.
    EndSession {
        /// Which.
        session: SessionId,
    },
    /// The person says that they are still there: the idle time starts anew. Never sent without their act.
    StayActive,
    /// Has the gateway judge this machine now, because the person has put it right; what it says shows in
    /// [`Snapshot::posture`].
    CheckAgain,
    /// Brings the tunnel of a paused session up, or tries at once where the next attempt is being waited for.
    Connect,
    /// Takes the tunnel down and keeps the session, for as long as the gateway does.
    Disconnect,
    /// Ends the session, and the tunnel with it.
    Logout {
        /// How the person put it; nothing but [`EndReason::UserLogout`] and [`EndReason::TrayExit`] is taken.
        reason: EndReason,
    },
    /// What is and is not as it should be on this machine; answered by [`Response::Diagnosis`].
    Doctor,
    /// What the service would tell a gateway of this machine, sent to nobody; answered by [`Response::Machine`].
    ReadMachine {
        /// What is read, and nothing else.
        checks: BTreeSet<PostureCheck>,
    },
    /// Undoes every network change of the service that is still in force while no tunnel is up. Root only.
    ResetNetwork,
}

/// Where to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "at", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// At a profile that is known.
    Profile {
        /// Its name.
        name: ProfileName,
    },
    /// At a gateway given by its address.
    Gateway {
        /// The address.
        address: GatewayAddress,
        /// The key that vouches for it; without one the public roots must.
        pin: Option<Pin>,
    },
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "snake_case")]
pub enum Response {
    /// Done, or begun where the result shows in the snapshot.
    Done,
    /// It was not done.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The state of things, as far as the caller may see it.
    Snapshot {
        /// The snapshot.
        snapshot: Box<Snapshot>,
    },
    /// The profiles that the caller may use, by name.
    Profiles {
        /// The profiles.
        profiles: Vec<KnownProfile>,
    },
    /// The resource list, by group and name.
    Resources {
        /// The resources.
        resources: Vec<Resource>,
    },
    /// The account's sessions, the oldest first.
    Sessions {
        /// The sessions.
        sessions: Vec<OwnSession>,
    },
    /// What was read for [`Request::ReadMachine`].
    Machine {
        /// The facts in JSON, as they would stand in a report.
        facts: String,
    },
    /// The findings of [`Request::Doctor`].
    Diagnosis {
        /// The findings.
        diagnosis: Diagnosis,
    },
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        Self::Failed { failure }
    }
}

impl From<FailureCode> for Response {
    fn from(code: FailureCode) -> Self {
        Self::Failed { failure: code.into() }
    }
}

/// A profile and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct KnownProfile {
    /// The profile.
    pub profile: Profile,
    /// It was set up by root for everybody on this machine.
    pub shared: bool,
}

/// The findings of [`Request::Doctor`], in the order in which things depend on each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Diagnosis {
    /// One finding per thing looked at.
    pub checks: Vec<Check>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Check {
    /// The stable name of what was looked at: `tun_device`, `gateway_name`, `gateway_tls`, `route`, `dns`, …
    pub name: String,
    /// What was found.
    pub outcome: CheckOutcome,
    /// The finding in a few words, with nothing secret in it.
    pub detail: String,
    /// The failure that it leads to, for the text with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// How a [`Check`] came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// As it should be.
    Good,
    /// Works, but not as it should.
    Warning,
    /// Does not work.
    Bad,
    /// Could not be looked at, because something before it is bad or there is no session.
    Skipped,
}

/// What a subscriber is told. A slow one misses values in between, never the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Something changed: the whole value anew.
    Snapshot {
        /// The snapshot, as far as the caller may see it.
        snapshot: Box<Snapshot>,
    },
    /// Nothing changed but the counters and what follows from them.
    Traffic {
        /// The counters.
        traffic: Traffic,
        /// [`Snapshot::idle_at`].
        idle_at: Option<praya_model::Timestamp>,
    },
}
