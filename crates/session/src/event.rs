//! What happens to a session.

use std::net::IpAddr;

use praya_model::api::{OwnSession, PostureQuestion, PostureReply, PostureReport, SessionInfo};
use praya_model::reported::Reported;
use praya_model::snapshot::Traffic;
use praya_model::{
    EndReason, FailureCode, Profile, Resource, Secret, SessionId, SignInAnswer, Timestamp, TunnelConfig,
};
use praya_wire::tunnel_headers::{ConnectReply, TunnelHeaderError};

use crate::{AskId, ChannelId, CheckId, HttpId, HttpReply, NetworkId, ResumeTicket};

/// What happens to a session: what people ask, what the network answers, and time.
///
/// Events about a request, a channel or a network setting that is no longer wanted are ignored, so the shell need
/// not hold them back.
#[derive(Clone, Debug)]
pub enum Event {
    /// A person signs in.
    Begin(Begin),
    /// A person answers the question under way.
    Answer {
        /// The round of the question, from the snapshot.
        round: u32,
        /// The answer.
        answer: SignInAnswer,
    },
    /// A person gives up the sign-in.
    CancelSignIn,
    /// Bring a paused tunnel up; try at once where the next attempt is waited for.
    Connect,
    /// Take the tunnel down and keep the session.
    Disconnect,
    /// A person has put the machine right: have the gateway judge it now, and not when it next wants to.
    CheckAgain,
    /// End the session.
    Logout {
        /// [`EndReason::UserLogout`] or [`EndReason::TrayExit`].
        reason: EndReason,
    },
    /// A person asks the gateway something about the session; comes back as [`crate::Action::Answered`].
    Ask {
        /// Comes back with the answer.
        id: AskId,
        /// The question.
        question: Question,
    },
    /// The service starts and found a ticket. Before the first snapshot is shown.
    Restore(Box<ResumeTicket>),

    /// A reply.
    HttpReply {
        /// To which request.
        id: HttpId,
        /// The reply.
        reply: HttpReply,
    },
    /// No reply came.
    HttpFailed {
        /// To which request.
        id: HttpId,
        /// Why.
        failure: FailureCode,
    },

    /// CONNECT succeeded; the channel waits for [`crate::Action::UseChannel`].
    ChannelUp {
        /// Which channel.
        channel: ChannelId,
        /// What the gateway granted.
        up: Box<ChannelUp>,
    },
    /// CONNECT was answered with another status than 200.
    ChannelRefused {
        /// Which channel.
        channel: ChannelId,
        /// The HTTP status.
        status: u16,
        /// The gateway's words (`X-Reason`).
        reason: Option<String>,
    },
    /// The connection for a channel could not be made, or its reply is unusable.
    ChannelFailed {
        /// Which channel.
        channel: ChannelId,
        /// Why.
        failure: FailureCode,
    },
    /// A channel that was up is gone without a word: closed, dead, stalled, damaged.
    ChannelLost {
        /// Which channel.
        channel: ChannelId,
        /// Why.
        cause: FailureCode,
    },
    /// A channel that is up cannot renew its keys, and they are nearly used up: another has to take its place.
    KeysWorn {
        /// Which channel.
        channel: ChannelId,
    },
    /// The gateway ended a channel in order.
    PeerDisconnect {
        /// Which channel.
        channel: ChannelId,
        /// How.
        end: PeerEnd,
    },

    /// A channel that was closed with [`crate::Farewell::Bye`] is over.
    ChannelClosed {
        /// Which channel.
        channel: ChannelId,
        /// What came of the goodbye.
        goodbye: Goodbye,
    },

    /// [`crate::Action::ConfigureNetwork`] is carried out.
    NetworkReady {
        /// Which one.
        network: NetworkId,
        /// The tunnel device's name.
        device: String,
    },
    /// [`crate::Action::ConfigureNetwork`] failed and was undone.
    NetworkFailed {
        /// Which one.
        network: NetworkId,
        /// Why.
        failure: FailureCode,
    },
    /// [`crate::Action::CheckMachine`] is carried out.
    MachineChecked {
        /// Which one.
        id: CheckId,
        /// The signed report, or why there is none.
        report: Result<MachineReport, FailureCode>,
    },
    /// The counters, about once a second while the tunnel is up.
    Traffic {
        /// The session's counters.
        traffic: Traffic,
        /// When the last user packet went out, where the shell can tell user packets from noise; else every packet
        /// that goes out counts.
        last_user_packet: Option<Timestamp>,
    },

    /// Links, addresses or routes of the machine changed, other than by the tunnel itself.
    NetworkChanged,
    /// The machine goes to sleep.
    Suspend,
    /// The machine woke up.
    Resume,
    /// The time of [`crate::Action::ScheduleTick`] has come. Too early and too often does no harm.
    Tick,
}

/// What was read of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineReport {
    /// As the gateway gets it.
    pub report: PostureReport,
    /// As the person sees it.
    pub reported: Reported,
}

/// Where and as whom to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The gateway.
    pub profile: Profile,
    /// The account; where it is missing the first question asks for it.
    pub account: Option<String>,
}

/// What CONNECT yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelUp {
    /// The network settings.
    pub config: TunnelConfig,
    /// The address that the gateway was reached at; its route must stay outside the tunnel.
    pub gateway_address: IpAddr,
    /// The session's public identifier.
    pub session: Option<SessionId>,
    /// The session's next cookie.
    pub cookie: Option<Secret>,
    /// Whether the channel can get new keys by itself (TLS 1.3).
    pub refreshes_keys: bool,
}

/// How a gateway ends a channel in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEnd {
    /// An empty DISCONNECT: another connection with the same cookie took over, or a foreign gateway gives no reason.
    Detached,
    /// The session is over.
    Ended {
        /// Why; foreign gateways have reasons of their own.
        reason: Option<EndReason>,
        /// The gateway's words.
        text: String,
    },
    /// TERMINATE: the gateway goes down.
    Terminated,
}

/// What came of a goodbye. That it was written proves nothing: what is written to a dead network goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// The gateway closed its side in order, as TLS has it (`close_notify`).
    Answered,
    /// The connection ended without that. Some gateways do it, and so can anybody on the way.
    Cut,
    /// Nothing came in time.
    Unanswered,
}

/// A question about the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The resource list.
    Resources,
    /// Who and since when, by the gateway's word.
    Session,
    /// A new password.
    ChangePassword {
        /// The password in force.
        current: Secret,
        /// The new one.
        new: Secret,
    },
    /// The account's sessions, wherever they are.
    Sessions,
    /// The end of another session of the account.
    EndSession(SessionId),
    /// The person is still there: the idle time starts anew.
    StayActive,
    /// What the gateway wants to know of the machine.
    Posture,
    /// What the gateway makes of it.
    Report(PostureReport),
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Question::Resources`]; empty at gateways that have no list.
    Resources(Vec<Resource>),
    /// To [`Question::Session`].
    Session(Box<SessionInfo>),
    /// To [`Question::ChangePassword`].
    PasswordChanged,
    /// To [`Question::Sessions`], the oldest first.
    Sessions(Vec<OwnSession>),
    /// To [`Question::EndSession`].
    SessionEnded,
    /// To [`Question::StayActive`].
    Active,
    /// To [`Question::Posture`].
    Posture(PostureQuestion),
    /// To [`Question::Report`].
    Judged(Box<PostureReply>),
}

impl Event {
    /// The event for a CONNECT that was answered by `reply`.
    pub fn connect_answered(
        channel: ChannelId,
        reply: Result<ConnectReply, TunnelHeaderError>,
        gateway_address: IpAddr,
        refreshes_keys: bool,
    ) -> Self {
        match reply {
            Ok(reply) => Self::ChannelUp {
                channel,
                up: Box::new(ChannelUp {
                    config: reply.config,
                    gateway_address,
                    session: reply.session,
                    cookie: reply.cookie,
                    refreshes_keys,
                }),
            },
            Err(TunnelHeaderError::Refused { status, reason }) => {
                Self::ChannelRefused { channel, status, reason }
            }
            Err(
                error @ (TunnelHeaderError::NotATunnel
                | TunnelHeaderError::NoAddress
                | TunnelHeaderError::NoMtu),
            ) => {
                Self::ChannelFailed { channel, failure: FailureCode::Protocol { detail: error.to_string() } }
            }
        }
    }
}
