//! Praya's JSON API: the steps are the gateway's own, so there is little to translate.

use std::time::Duration;

use praya_model::api::{
    AnswerSignIn, BeginSignIn, ChangePassword, GatewayInfo, PREFIX, ResourceList, SessionInfo, SessionList,
    SignInReply,
};
use praya_model::{AccountName, Failure, FailureCode, Secret, SignInAnswer, SignInStep};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Granted, Introduction, Progress, busy, protocol, transient_status};
use crate::event::{Answer, Question};
use crate::http::{Bearer, Body, HttpReply, HttpRequest, Method};

/// The API's major version that this client speaks.
const API: u32 = 1;

/// Reads the reply to `GET /api/v1/gateway`; `None` when the gateway is not one of Praya's.
pub fn recognise(reply: &HttpReply) -> Option<GatewayInfo> {
    if reply.status != 200 {
        return None;
    }
    serde_json::from_slice::<GatewayInfo>(&reply.body).ok().filter(|gateway| gateway.product == "praya")
}

/// A conversation with a Praya gateway.
#[derive(Debug)]
pub struct Conversation {
    introduction: Introduction,
    gateway: GatewayInfo,
    /// The ticket of the step under way.
    ticket: Option<Secret>,
    /// The step under way.
    step: Option<SignInStep>,
    /// A password that was typed together with the account, until the gateway asks for it.
    held: Option<Secret>,
}

impl Conversation {
    /// Begins; without an account the person is asked for it together with the password.
    pub fn begin(introduction: Introduction, gateway: GatewayInfo) -> (Self, Progress) {
        let mut this = Self { introduction, gateway, ticket: None, step: None, held: None };
        if this.gateway.api != API {
            let detail =
                format!("the gateway speaks version {} of the API, this client {API}", this.gateway.api);
            return (this, Progress::Over(protocol(detail).into()));
        }
        let progress = match this.introduction.account.clone() {
            Some(account) => this.send_begin(account),
            None => {
                let step = SignInStep::Password { account: None };
                this.step = Some(step.clone());
                Progress::Ask { step, notice: None, expires_in: None }
            }
        };
        (this, progress)
    }

    /// What the gateway said about itself.
    pub fn gateway(&self) -> &GatewayInfo {
        &self.gateway
    }

    /// Takes the reply to the request under way.
    pub fn reply(&mut self, reply: &HttpReply) -> Progress {
        let answered: SignInReply = match read(reply) {
            Ok(answered) => answered,
            Err(failure) => return self.refused(failure),
        };
        self.ticket = answered.ticket;
        let expires_in = Duration::from_secs(u64::from(answered.expires_in));
        match &answered.next {
            SignInStep::Done(grant) => Progress::Granted(Box::new(Granted {
                grant: grant.clone(),
                bound: self.introduction.device_key.is_some(),
                banner: None,
            })),
            SignInStep::Refused(failure) => Progress::Over(failure.clone()),
            // Nothing vouches for a report without the key.
            SignInStep::Posture { .. } if self.introduction.device_key.is_none() => {
                Progress::Over(FailureCode::PostureUnsupported.into())
            }
            SignInStep::Password { .. } if answered.notice.is_none() && self.held.is_some() => {
                self.step = Some(answered.next);
                let password = self.held.take().unwrap_or_default();
                self.send_answer(SignInAnswer::Password { account: None, password })
            }
            SignInStep::Password { .. }
            | SignInStep::Otp { .. }
            | SignInStep::NewPassword { .. }
            | SignInStep::Form { .. }
            | SignInStep::Posture { .. }
            | SignInStep::Elsewhere { .. } => {
                self.held = None;
                let step = answered.next;
                self.step = Some(step.clone());
                Progress::Ask { step, notice: answered.notice, expires_in: Some(expires_in) }
            }
            _ => Progress::Over(protocol("the gateway asks for what this client does not know").into()),
        }
    }

    /// Takes the person's answer.
    ///
    /// # Errors
    /// [`FailureCode::UnexpectedAnswer`].
    pub fn answer(&mut self, answer: SignInAnswer) -> Result<Progress, FailureCode> {
        let Some(step) = &self.step else {
            return Err(FailureCode::UnexpectedAnswer);
        };
        match (step, &answer) {
            (SignInStep::Password { account: None }, SignInAnswer::Password { account, password })
                if self.ticket.is_none() =>
            {
                let account = account.as_deref().map(str::trim).unwrap_or_default().to_owned();
                if account.is_empty() {
                    return Err(FailureCode::UnexpectedAnswer);
                }
                self.held = Some(password.clone());
                Ok(self.send_begin(account))
            }
            (SignInStep::Password { .. }, SignInAnswer::Password { .. })
            | (SignInStep::Otp { .. }, SignInAnswer::Otp { .. })
            | (SignInStep::NewPassword { .. }, SignInAnswer::NewPassword { .. })
            | (SignInStep::Form { .. }, SignInAnswer::Form { .. })
            | (SignInStep::Posture { .. }, SignInAnswer::Posture { .. })
            | (SignInStep::Elsewhere { .. }, SignInAnswer::Elsewhere { .. }) => Ok(self.send_answer(answer)),
            _ => Err(FailureCode::UnexpectedAnswer),
        }
    }

    /// The step under way, to be asked again after a request that got no reply.
    pub fn unanswered(&self) -> Option<SignInStep> {
        self.step.clone()
    }

    /// Tells the gateway that the person gave up.
    pub fn cancel(&mut self) -> Option<HttpRequest> {
        let ticket = self.ticket.take()?;
        post("sign-in/answer", &AnswerSignIn { ticket, answer: SignInAnswer::Cancel }).ok()
    }

    /// Where nothing was judged the question stands; everything else ends the conversation.
    fn refused(&self, failure: Failure) -> Progress {
        if self.step.is_some() && failure.code.is_transient() {
            Progress::Unheard(failure)
        } else {
            Progress::Over(failure)
        }
    }

    fn send_begin(&mut self, account: String) -> Progress {
        self.introduction.account = Some(account.clone());
        let begin = BeginSignIn {
            account,
            device_key: self.introduction.device_key.clone(),
            host_name: self.introduction.host_name.clone(),
            client: format!("praya/{}", self.introduction.version),
            platform: Some(std::env::consts::OS.to_owned()),
        };
        post("sign-in", &begin).map_or_else(|code| Progress::Over(code.into()), Progress::Send)
    }

    fn send_answer(&mut self, answer: SignInAnswer) -> Progress {
        let ticket = self.ticket.clone().unwrap_or_default();
        let answer = AnswerSignIn { ticket, answer };
        post("sign-in/answer", &answer).map_or_else(|code| Progress::Over(code.into()), Progress::Send)
    }

    /// The account, as far as it is known.
    pub fn account(&self) -> Option<AccountName> {
        self.introduction.account.clone().map(AccountName::new)
    }
}

/// The request for a question about a session.
pub fn ask(question: &Question, bearer: Bearer) -> Result<HttpRequest, FailureCode> {
    let mut request = match question {
        Question::Resources => get("resources"),
        Question::Session => get("session"),
        Question::ChangePassword { current, new } => {
            post("password", &ChangePassword { current: current.clone(), new: new.clone() })?
        }
        Question::Sessions => get("sessions"),
        Question::EndSession(session) => {
            // Another view's word, and part of a path.
            let id = session.as_str();
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(protocol("that is no session's identifier"));
            }
            HttpRequest::new(Method::Delete, format!("{PREFIX}/sessions/{id}"))
        }
        Question::StayActive => HttpRequest::new(Method::Post, format!("{PREFIX}/session/active")),
        Question::Posture => get("session/posture"),
        Question::Report(report) => post("session/posture", report)?,
    };
    request.bearer = Some(bearer);
    Ok(request)
}

/// The request that ends a session without a channel.
pub fn log_out(bearer: Bearer) -> HttpRequest {
    let mut request = HttpRequest::new(Method::Delete, format!("{PREFIX}/session"));
    request.bearer = Some(bearer);
    request
}

/// Reads the reply to [`ask`].
///
/// # Errors
/// The gateway's failure, or what is wrong with its reply.
pub fn answered(question: &Question, reply: &HttpReply) -> Result<Answer, Failure> {
    match question {
        Question::Resources => read::<ResourceList>(reply).map(|list| Answer::Resources(list.resources)),
        Question::Session => read::<SessionInfo>(reply).map(|info| Answer::Session(Box::new(info))),
        Question::ChangePassword { .. } => done(reply, Answer::PasswordChanged),
        Question::Sessions => read::<SessionList>(reply).map(|list| Answer::Sessions(list.sessions)),
        Question::EndSession(_) => done(reply, Answer::SessionEnded),
        Question::StayActive => done(reply, Answer::Active),
        Question::Posture => read(reply).map(Answer::Posture),
        Question::Report(_) => read(reply).map(|judged| Answer::Judged(Box::new(judged))),
    }
}

fn done(reply: &HttpReply, answer: Answer) -> Result<Answer, Failure> {
    if (200..300).contains(&reply.status) { Ok(answer) } else { Err(failure(reply)) }
}

fn get(path: &str) -> HttpRequest {
    let mut request = HttpRequest::new(Method::Get, format!("{PREFIX}/{path}"));
    request.headers.push(("Accept", "application/json".to_owned()));
    request
}

fn post<T: Serialize>(path: &str, body: &T) -> Result<HttpRequest, FailureCode> {
    let text = serde_json::to_string(body)
        .map_err(|_| FailureCode::Internal { detail: "a request cannot be written as JSON".to_owned() })?;
    let mut request = HttpRequest::new(Method::Post, format!("{PREFIX}/{path}"));
    request.headers.push(("Accept", "application/json".to_owned()));
    request.body = Some(Body { content_type: "application/json", text: Secret::new(text) });
    Ok(request)
}

fn read<T: DeserializeOwned>(reply: &HttpReply) -> Result<T, Failure> {
    if reply.status != 200 {
        return Err(failure(reply));
    }
    // serde's words could quote a ticket, so they stay here.
    serde_json::from_slice(&reply.body)
        .map_err(|_| protocol("the gateway's reply is not what was asked for").into())
}

/// The failure that a status other than 200 stands for.
fn failure(reply: &HttpReply) -> Failure {
    if let Ok(failure) = serde_json::from_slice::<Failure>(&reply.body) {
        return failure;
    }
    match reply.status {
        401 => FailureCode::NotSignedIn.into(),
        status if transient_status(status) => busy(reply).into(),
        status => protocol(format!("the gateway answers with status {status}")).into(),
    }
}
