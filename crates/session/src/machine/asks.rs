//! Questions about the session to the gateway's API: one at a time, and none while a channel is being opened.
//!
//! CONNECT rotates the cookie. A request with the old cookie that arrives after the new one was used looks like
//! theft to the gateway, so the two never run side by side.

use std::collections::VecDeque;

use praya_model::{EndReason, Failure, FailureCode, Timestamp};

use super::Context;
use super::link::Link;
use super::live::{Ending, Live};
use crate::connector::{busy, praya, transient_status};
use crate::http::HttpReply;
use crate::{Action, Answer, AskId, HttpId, Protocol, Question};

/// Questions that wait at most.
const QUEUE: usize = 32;

/// The questions of a session.
#[derive(Debug, Default)]
pub(super) struct Asks {
    waiting: VecDeque<Asked>,
    under_way: Option<(HttpId, Asked)>,
    /// The session was asked about once.
    introduced: bool,
}

#[derive(Debug)]
struct Asked {
    /// `None` when the machine itself asks.
    id: Option<AskId>,
    question: Question,
}

impl Asks {
    pub(super) fn busy(&self) -> bool {
        self.under_way.is_some()
    }
}

impl Live {
    pub(super) fn ask(&mut self, cx: &mut Context, id: Option<AskId>, question: Question) {
        let refusal = match (self.protocol, &question) {
            (Protocol::Praya, _) if self.asks.waiting.len() < QUEUE => None,
            (Protocol::Praya, _) => Some(Err(FailureCode::Busy { retry_after_seconds: 1 }.into())),
            (Protocol::AnyConnect, Question::Resources) => Some(Ok(Answer::Resources(Vec::new()))),
            (
                Protocol::AnyConnect,
                Question::Session
                | Question::ChangePassword { .. }
                | Question::Sessions
                | Question::EndSession(_)
                | Question::StayActive
                | Question::Posture
                | Question::Report(_),
            ) => {
                let detail = "the gateway has no way to do this".to_owned();
                Some(Err(FailureCode::Protocol { detail }.into()))
            }
        };
        match (refusal, id) {
            (None, id) => self.asks.waiting.push_back(Asked { id, question }),
            (Some(result), Some(id)) => cx.push(Action::Answered { id, result }),
            (Some(_), None) if checks(&question) => self.posture.failed(),
            (Some(_), None) => {}
        }
    }

    /// Asks once what the gateway knows about the session: the last sign-in, the rules of a new password.
    pub(super) fn ask_about_session(&mut self, cx: &mut Context) {
        if !self.asks.introduced && self.protocol == Protocol::Praya {
            self.asks.introduced = true;
            self.ask(cx, None, Question::Session);
        }
    }

    pub(super) fn send_next_question(&mut self, cx: &mut Context) {
        if self.asks.busy() || self.link.opening().is_some() {
            return;
        }
        let Some(asked) = self.asks.waiting.pop_front() else { return };
        match praya::ask(&asked.question, self.bearer()) {
            Ok(request) => {
                let http = cx.send(&self.profile, request);
                self.asks.under_way = Some((http, asked));
            }
            Err(code) => {
                if let Some(id) = asked.id {
                    cx.push(Action::Answered { id, result: Err(code.into()) });
                }
            }
        }
    }

    /// Takes the question under way back; a read is asked again later, a change is not.
    pub(super) fn hold_question(&mut self, cx: &mut Context) {
        let Some((http, asked)) = self.asks.under_way.take() else { return };
        cx.push(Action::CancelHttp(http));
        match (&asked.question, asked.id) {
            (Question::Resources | Question::Session | Question::Sessions | Question::StayActive, _) => {
                self.asks.waiting.push_front(asked)
            }
            (Question::ChangePassword { .. } | Question::EndSession(_), Some(id)) => {
                let result = Err(FailureCode::Busy { retry_after_seconds: 1 }.into());
                cx.push(Action::Answered { id, result });
            }
            (Question::Posture | Question::Report(_), _) => self.posture.failed(),
            (Question::ChangePassword { .. } | Question::EndSession(_), None) => {}
        }
    }

    pub(super) fn answered(
        &mut self,
        cx: &mut Context,
        http: HttpId,
        reply: &HttpReply,
        now: Timestamp,
    ) -> Option<Ending> {
        let (_, asked) = self.asks.under_way.take_if(|(under_way, _)| *under_way == http)?;
        let result = praya::answered(&asked.question, reply);
        if (200..300).contains(&reply.status) {
            // The newest cookie has been used: the one before it is dead.
            self.cookies.truncate(1);
        }
        if checks(&asked.question) {
            self.posture_answered(cx, reply.status, &result, now);
        }
        if let (None, Ok(Answer::Session(info))) = (asked.id, &result) {
            self.last_sign_in = info.last_sign_in.clone();
            self.password_rules = info.password_rules.clone();
        }
        if matches!(result, Ok(Answer::Active)) {
            // As the gateway counts it. Before a tunnel was up there is no idle time to start anew.
            self.idle_since = self.idle_since.map(|since| since.max(now));
        }
        let ended = match &result {
            Err(Failure { code: FailureCode::SessionEnded { reason }, .. }) => Some(*reason),
            Err(_) | Ok(_) => None,
        };
        if let Some(id) = asked.id {
            let result = if transient_status(reply.status) && result.is_ok() {
                Err(busy(reply).into())
            } else {
                result
            };
            cx.push(Action::Answered { id, result });
        }
        // While a channel is up its end has the last word; without one this is how the end is heard of.
        let reason: EndReason = ended.filter(|_| !matches!(self.link, Link::Up { .. }))?;
        Some(Ending::by_gateway(reason))
    }

    pub(super) fn not_answered(&mut self, cx: &mut Context, http: HttpId, failure: FailureCode) {
        let under_way = self.asks.under_way.take_if(|(under_way, _)| *under_way == http);
        let Some((_, Asked { id, question })) = under_way else { return };
        if checks(&question) {
            self.posture.failed();
        }
        if let Some(id) = id {
            cx.push(Action::Answered { id, result: Err(failure.into()) });
        }
    }

    /// Answers every question with `failure`.
    pub(super) fn drop_questions(&mut self, cx: &mut Context, failure: &Failure) {
        if let Some((http, asked)) = self.asks.under_way.take() {
            cx.push(Action::CancelHttp(http));
            self.asks.waiting.push_front(asked);
        }
        for id in self.asks.waiting.drain(..).filter_map(|asked| asked.id) {
            cx.push(Action::Answered { id, result: Err(failure.clone()) });
        }
    }
}

/// Whether a question is part of the endpoint check.
fn checks(question: &Question) -> bool {
    matches!(question, Question::Posture | Question::Report(_))
}
