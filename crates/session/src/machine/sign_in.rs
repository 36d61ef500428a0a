//! The phase before there is a session: a conversation, one question at a time, each with its own deadline.

use std::time::Duration;

use praya_model::api::PostureReport;
use praya_model::reported::Reported;
use praya_model::snapshot::SignInProgress;
use praya_model::{
    AccountName, Failure, FailureCode, Profile, SignInAnswer, SignInStep, Snapshot, Timestamp, TunnelState,
};

use super::Context;
use crate::connector::{Conversation, Granted, Introduction, Progress};
use crate::{Action, Begin, CheckId, Event, HttpId, MachineReport};

/// A sign-in under way.
#[derive(Debug)]
pub(super) struct SigningIn {
    pub(super) profile: Profile,
    pub(super) account: Option<String>,
    pub(super) conversation: Conversation,
    /// What is awaited; while something is, nothing can be answered.
    pending: Option<Pending>,
    question: Option<Question>,
    round: u32,
    /// What the gateway was told of the machine last.
    pub(super) reported: Option<Reported>,
}

#[derive(Debug, PartialEq, Eq)]
enum Pending {
    /// The gateway's word.
    Http(HttpId),
    /// The machine's report.
    Check(CheckId),
}

#[derive(Debug)]
struct Question {
    step: SignInStep,
    asked_at: Timestamp,
    notice: Option<Failure>,
    deadline: Timestamp,
}

/// What an event did to a sign-in.
pub(super) enum Outcome {
    GoesOn,
    Granted(Box<Granted>),
    Over(Failure),
}

impl SigningIn {
    pub(super) fn begin(cx: &mut Context, begin: Begin) -> Self {
        let Begin { profile, account } = begin;
        let account = account.map(|account| account.trim().to_owned()).filter(|account| !account.is_empty());
        let (conversation, request) = Conversation::begin(Introduction {
            profile: profile.clone(),
            account: account.clone(),
            device_key: cx.settings.device_key.clone(),
            host_name: cx.settings.host_name.clone(),
            version: cx.settings.version.clone(),
        });
        let pending = Some(Pending::Http(cx.send(&profile, request)));
        Self { profile, account, conversation, pending, question: None, round: 0, reported: None }
    }

    pub(super) fn expired(&self, now: Timestamp) -> bool {
        self.wake().is_some_and(|deadline| deadline <= now)
    }

    /// The deadline of the question; while the gateway is awaited the shell's time limit counts.
    pub(super) fn wake(&self) -> Option<Timestamp> {
        let question = self.question.as_ref()?;
        self.pending.is_none().then_some(question.deadline)
    }

    pub(super) fn handle(&mut self, cx: &mut Context, event: Event, now: Timestamp) -> Outcome {
        match event {
            Event::HttpReply { id, reply } if self.pending == Some(Pending::Http(id)) => {
                self.pending = None;
                let progress = self.conversation.reply(&reply);
                self.take(cx, progress, now)
            }
            Event::HttpFailed { id, failure } if self.pending == Some(Pending::Http(id)) => {
                self.pending = None;
                self.ask_again(failure.into(), now)
            }
            Event::Answer { answer: SignInAnswer::Cancel, .. } | Event::CancelSignIn => {
                if let Some(Pending::Http(id)) = self.pending.take() {
                    cx.push(Action::CancelHttp(id));
                }
                if let Some(request) = self.conversation.cancel() {
                    // Its reply is not awaited.
                    cx.send(&self.profile, request);
                }
                // Whoever gives up has a reason, and the question's notice is what is known of it.
                let notice = self.question.take().and_then(|question| question.notice);
                Outcome::Over(notice.unwrap_or_else(|| FailureCode::Cancelled.into()))
            }
            Event::MachineChecked { id, report } if self.pending == Some(Pending::Check(id)) => {
                self.pending = None;
                let answered = report.and_then(|MachineReport { report, reported }| {
                    let PostureReport { report, signature } = report;
                    let progress = self.conversation.answer(SignInAnswer::Posture { report, signature })?;
                    self.reported = Some(reported);
                    Ok(progress)
                });
                match answered {
                    Ok(progress) => self.take(cx, progress, now),
                    Err(code) => self.ask_again(code.into(), now),
                }
            }
            Event::Answer { round, answer } => {
                if self.pending.is_some() || self.question.is_none() || round != self.round {
                    cx.push(Action::Rejected(FailureCode::UnexpectedAnswer));
                    return Outcome::GoesOn;
                }
                if answer == SignInAnswer::CheckAgain && self.check_machine(cx) {
                    return Outcome::GoesOn;
                }
                // The service reads the machine; what a view says of it does not count.
                if matches!(answer, SignInAnswer::Posture { .. }) {
                    cx.push(Action::Rejected(FailureCode::UnexpectedAnswer));
                    return Outcome::GoesOn;
                }
                let named = if let SignInAnswer::Password { account: Some(account), .. } = &answer {
                    Some(account.trim().to_owned())
                } else {
                    None
                };
                match self.conversation.answer(answer) {
                    Ok(progress) => {
                        self.account = named.filter(|named| !named.is_empty()).or(self.account.take());
                        self.take(cx, progress, now)
                    }
                    Err(code) => {
                        cx.push(Action::Rejected(code));
                        Outcome::GoesOn
                    }
                }
            }
            // No longer wanted.
            Event::HttpReply { .. } | Event::HttpFailed { .. } | Event::MachineChecked { .. } => {
                Outcome::GoesOn
            }
            // These never come here.
            Event::Begin(_)
            | Event::Connect
            | Event::Disconnect
            | Event::CheckAgain
            | Event::Logout { .. }
            | Event::Ask { .. }
            | Event::Restore(_)
            | Event::ChannelUp { .. }
            | Event::ChannelRefused { .. }
            | Event::ChannelFailed { .. }
            | Event::ChannelLost { .. }
            | Event::KeysWorn { .. }
            | Event::PeerDisconnect { .. }
            | Event::ChannelClosed { .. }
            | Event::NetworkReady { .. }
            | Event::NetworkFailed { .. }
            | Event::Traffic { .. }
            | Event::NetworkChanged
            | Event::Suspend
            | Event::Resume
            | Event::Tick => Outcome::GoesOn,
        }
    }

    fn take(&mut self, cx: &mut Context, progress: Progress, now: Timestamp) -> Outcome {
        match progress {
            Progress::Send(request) => {
                self.pending = Some(Pending::Http(cx.send(&self.profile, request)));
                Outcome::GoesOn
            }
            Progress::Ask { step, notice, expires_in } => {
                let notice = notice.map(|notice| notice.told(now));
                let wait =
                    expires_in.filter(|wait| *wait > Duration::ZERO).unwrap_or(cx.settings.answer_time);
                let posture = |step: &SignInStep| matches!(step, SignInStep::Posture { .. });
                // The machine is read at once the first time; afterwards when the person says so.
                let first = posture(&step) && !self.question.as_ref().is_some_and(|last| posture(&last.step));
                self.question = Some(Question { step, asked_at: now, notice, deadline: now.after(wait) });
                self.round += 1;
                if first {
                    self.check_machine(cx);
                }
                Outcome::GoesOn
            }
            Progress::Unheard(failure) => self.ask_again(failure, now),
            Progress::Granted(granted) => Outcome::Granted(granted),
            Progress::Over(failure) => Outcome::Over(failure),
        }
    }

    /// Has the machine read, if that is what the gateway asks for.
    fn check_machine(&mut self, cx: &mut Context) -> bool {
        let Some(Question { step: SignInStep::Posture { checks, nonce, .. }, .. }) = &self.question else {
            return false;
        };
        self.pending = Some(Pending::Check(cx.check(checks.clone(), nonce.clone())));
        true
    }

    /// Puts the question that got no answer once more. Nothing is sent twice by machine: a code could have been used
    /// up. The person decides.
    fn ask_again(&mut self, failure: Failure, now: Timestamp) -> Outcome {
        match (&mut self.question, self.conversation.unanswered()) {
            (Some(question), Some(step)) if failure.code.is_transient() => {
                (question.step, question.notice) = (step, Some(failure.told(now)));
                self.round += 1;
                Outcome::GoesOn
            }
            (Some(_) | None, _) => Outcome::Over(failure),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let question = self.question.as_ref();
        let waiting = self.pending.is_some();
        Snapshot {
            state: TunnelState::SigningIn,
            sign_in: Some(SignInProgress {
                round: self.round,
                step: question.map(|question| question.step.clone()),
                asked_at: question.map(|question| question.asked_at),
                notice: question.and_then(|question| question.notice.clone()),
                deadline: question.map(|question| question.deadline).filter(|_| !waiting),
                waiting,
            }),
            ..self.about()
        }
    }

    /// The snapshot after the sign-in ended without a session.
    pub(super) fn refused(&self, failure: Failure, now: Timestamp) -> Snapshot {
        let about = self.about();
        let mut failure = failure.told(now);
        failure.help_desk = failure.help_desk.or_else(|| about.help_desk.clone());
        Snapshot { state: TunnelState::NoSession, last_failure: Some(failure), ..about }
    }

    fn about(&self) -> Snapshot {
        let gateway = self.conversation.gateway();
        Snapshot {
            profile: Some(self.profile.name.clone()),
            gateway: Some(self.profile.gateway.clone()),
            gateway_name: gateway.map(|gateway| gateway.name.clone()),
            help_desk: gateway.and_then(|gateway| gateway.help_desk.clone()),
            account: self.account.clone().map(AccountName::new),
            reported: self.reported.clone(),
            ..Snapshot::default()
        }
    }
}
