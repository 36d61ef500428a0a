//! Connectors: a sign-in conversation as HTTP requests and back. Pure translators; the session keeps the time.

pub mod anyconnect;
pub mod praya;

use std::time::Duration;

use praya_model::api::{GatewayInfo, PREFIX};
use praya_model::sign_in::Grant;
use praya_model::{Failure, FailureCode, Profile, SignInAnswer, SignInStep};

use crate::http::{HttpReply, HttpRequest, Method};
use crate::ticket::Protocol;

/// Who signs in from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The gateway.
    pub profile: Profile,
    /// The account, if the person named it already.
    pub account: Option<String>,
    /// The device's public key, base64 of 32 bytes.
    pub device_key: Option<String>,
    /// The machine's name.
    pub host_name: String,
    /// The client's version, e.g. `0.1.0`.
    pub version: String,
}

/// What a conversation wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Send this, and hand the reply in.
    Send(HttpRequest),
    /// Ask the person this, and hand the answer in.
    Ask {
        /// The question; one of those a person can answer.
        step: SignInStep,
        /// What was wrong with the last answer.
        notice: Option<Failure>,
        /// How long the gateway waits, where it says so.
        expires_in: Option<Duration>,
    },
    /// Nothing was judged: the question stands.
    Unheard(Failure),
    /// Signed in.
    Granted(Box<Granted>),
    /// The conversation is over without a session.
    Over(Failure),
}

/// What a successful conversation yields.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted {
    /// Session, cookie, account.
    pub grant: Grant,
    /// Whether the session is bound to the device key.
    pub bound: bool,
    /// The gateway's greeting.
    pub banner: Option<String>,
}

/// A sign-in conversation with a gateway of either kind.
#[derive(Debug)]
pub enum Conversation {
    /// Finding out what the gateway speaks.
    Detecting(Introduction),
    /// Praya's JSON.
    Praya(Box<praya::Conversation>),
    /// AnyConnect's XML forms.
    AnyConnect(Box<anyconnect::Conversation>),
}

impl Conversation {
    /// Begins by asking the gateway what it is; Praya's gateways answer, all others do not.
    pub fn begin(introduction: Introduction) -> (Self, HttpRequest) {
        let mut request = HttpRequest::new(Method::Get, format!("{PREFIX}/gateway"));
        request.headers.push(("Accept", "application/json".to_owned()));
        (Self::Detecting(introduction), request)
    }

    /// What the gateway speaks, once known.
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Detecting(_) => None,
            Self::Praya(_) => Some(Protocol::Praya),
            Self::AnyConnect(_) => Some(Protocol::AnyConnect),
        }
    }

    /// The gateway's own words about itself, where it has any.
    pub fn gateway(&self) -> Option<&GatewayInfo> {
        match self {
            Self::Praya(conversation) => Some(conversation.gateway()),
            Self::Detecting(_) | Self::AnyConnect(_) => None,
        }
    }

    /// Takes the reply to the request under way.
    pub fn reply(&mut self, reply: &HttpReply) -> Progress {
        match self {
            Self::Detecting(introduction) => {
                if transient_status(reply.status) {
                    return Progress::Over(busy(reply).into());
                }
                let introduction = introduction.clone();
                let (next, progress) = match praya::recognise(reply) {
                    Some(gateway) => {
                        let (conversation, progress) = praya::Conversation::begin(introduction, gateway);
                        (Self::Praya(Box::new(conversation)), progress)
                    }
                    None => {
                        let (conversation, progress) = anyconnect::Conversation::begin(introduction);
                        (Self::AnyConnect(Box::new(conversation)), progress)
                    }
                };
                *self = next;
                progress
            }
            Self::Praya(conversation) => conversation.reply(reply),
            Self::AnyConnect(conversation) => conversation.reply(reply),
        }
    }

    /// Takes the person's answer to the question under way.
    ///
    /// # Errors
    /// [`FailureCode::UnexpectedAnswer`] when it does not fit the question; the question stands.
    pub fn answer(&mut self, answer: SignInAnswer) -> Result<Progress, FailureCode> {
        match self {
            Self::Detecting(_) => Err(FailureCode::UnexpectedAnswer),
            Self::Praya(conversation) => conversation.answer(answer),
            Self::AnyConnect(conversation) => conversation.answer(answer),
        }
    }

    /// The request under way got no reply that judges: what the person is to be asked again, if anything was asked before it.
    pub fn unanswered(&mut self) -> Option<SignInStep> {
        match self {
            Self::Detecting(_) => None,
            Self::Praya(conversation) => conversation.unanswered(),
            Self::AnyConnect(conversation) => conversation.unanswered(),
        }
    }

    /// What to send so that the gateway need not wait, when the person gives up.
    pub fn cancel(&mut self) -> Option<HttpRequest> {
        match self {
            Self::Praya(conversation) => conversation.cancel(),
            Self::Detecting(_) | Self::AnyConnect(_) => None,
        }
    }
}

/// Whether a status says that the same request may succeed later.
pub(crate) fn transient_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The failure for a transient status.
pub(crate) fn busy(reply: &HttpReply) -> FailureCode {
    let after = reply.header("Retry-After").and_then(|value| value.trim().parse::<u32>().ok());
    FailureCode::Busy { retry_after_seconds: after.unwrap_or(10).min(3600) }
}

pub(crate) fn protocol(detail: impl Into<String>) -> FailureCode {
    FailureCode::Protocol { detail: detail.into() }
}
