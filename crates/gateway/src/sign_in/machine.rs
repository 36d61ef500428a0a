//! The conversation as a pure state machine: an event in, one action out. It owns the order of the factors.
//!
//! `password → code → new password → machine → elsewhere → session`, each only after the one before. What this
//! machine asks to be judged is judged by the shell; nothing but a judgement moves it on. Until the session is
//! made, a conversation opens nothing.

mod check;

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use check::{Check, found_wanting};
use praya_identity::TokenKind;
use praya_identity::otp;
use praya_identity::tokens::Standing;
use praya_model::password::PasswordRules;
use praya_model::sign_in::{ElsewhereChoice, ElsewhereSession, TokenHint};
use praya_model::{AccountName, FailureCode, SignInAnswer, SignInStep, Timestamp, TokenSerial};

use super::Others;
pub use super::moves::{
    Action, CodeVerdict, CreateVerdict, Event, MachineVerdict, NewPasswordVerdict, PasswordVerdict,
};
use crate::posture::Fit;

/// Of a name as typed no more than this is kept, in code points; no name is so long.
const MAX_TYPED_NAME: usize = 256;

/// How long after its time a conversation is kept whose machine was found wanting.
const LINGER: Duration = Duration::from_secs(60);

/// How many answers one conversation hears before it must begin anew.
const MAX_ANSWERS: u32 = 30;

/// The rules of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether an account without a token may sign in by password alone.
    pub token_required: bool,
    /// How many sessions an account may have at once; at least 1.
    pub per_account: u32,
    /// Whether the person may end the oldest sessions when all are in use, or is refused.
    pub may_replace: bool,
    /// What new passwords must look like.
    pub password: PasswordRules,
    /// How long a person has for one step, however often it is asked again.
    pub step_time: Duration,
    /// How long a person has for the whole sign-in; and longer where policy gives longer to put a machine right.
    pub total_time: Duration,
}

/// One sign-in under way.
#[derive(Debug)]
pub struct Conversation {
    state: State,
    asked: Discriminant<SignInStep>,
    deadline: Timestamp,
    end: Timestamp,
    answers_left: u32,
}

/// Where the conversation stands. The states after the password carry what was proved, so that a state that is
/// further on cannot be made without the proof.
#[derive(Debug)]
enum State {
    Password { account: Option<String> },
    JudgingPassword { account: String },
    Otp(PasswordProof, TokenInfo),
    JudgingCode(PasswordProof, TokenInfo),
    NewPassword(Factors),
    JudgingNewPassword(Factors),
    FindingPolicy(Complete, Option<Check>),
    CheckingMachine(Complete, Check),
    JudgingMachine(Complete, Check),
    FindingElsewhere(Fitting),
    Elsewhere(Fitting, Vec<ElsewhereSession>),
    Creating(Fitting),
    Over,
}

/// The password was right.
#[derive(Debug)]
struct PasswordProof {
    account: AccountName,
    hash: String,
    must_change: bool,
}

/// Every factor that policy demands was right.
#[derive(Debug)]
struct Factors {
    password: PasswordProof,
    token: Option<TokenSerial>,
}

/// Every factor was right and no new password is due any longer.
#[derive(Clone, Debug)]
struct Complete {
    account: AccountName,
    hash: String,
    token: Option<TokenSerial>,
}

/// All of [`Complete`], and the machine may come in: no policy asks anything, or this is what it left.
#[derive(Debug)]
struct Fitting {
    complete: Complete,
    fit: Option<Fit>,
}

#[derive(Debug)]
struct TokenInfo {
    serial: TokenSerial,
    kind: TokenKind,
}

impl Conversation {
    /// Begins; `account` is the name as typed, when it is known already.
    pub fn begin(account: Option<String>, rules: &Rules, now: Timestamp) -> (Self, SignInStep) {
        let account = account.as_deref().map(kept);
        let step = SignInStep::Password { account: account.as_deref().and_then(shown) };
        let end = now.after(rules.total_time);
        let begun = Self {
            state: State::Password { account },
            asked: discriminant(&step),
            deadline: now.after(rules.step_time).min(end),
            end,
            answers_left: MAX_ANSWERS,
        };
        (begun, step)
    }

    /// Until when the step that was asked last may be answered.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// Until when the conversation is kept: an answer after [`Conversation::deadline`] still learns that the machine
    /// was not put right in time.
    pub fn kept_until(&self) -> Timestamp {
        if found_wanting(&self.state) { self.deadline.after(LINGER) } else { self.deadline }
    }

    /// Whose password was right, while a step after it waits for its answer.
    pub fn proved(&self) -> Option<&AccountName> {
        match &self.state {
            State::Otp(proof, _) => Some(&proof.account),
            State::NewPassword(factors) => Some(&factors.password.account),
            State::CheckingMachine(complete, _) => Some(&complete.account),
            State::Elsewhere(fitting, _) => Some(&fitting.complete.account),
            State::Password { .. }
            | State::JudgingPassword { .. }
            | State::JudgingCode(..)
            | State::JudgingNewPassword(_)
            | State::FindingPolicy(..)
            | State::JudgingMachine(..)
            | State::FindingElsewhere(_)
            | State::Creating(_)
            | State::Over => None,
        }
    }

    /// Moves on. An event that does not fit the state ends the conversation, except an answer of the wrong kind,
    /// after which the same step is asked again.
    pub fn handle(&mut self, event: Event, rules: &Rules, now: Timestamp) -> Action {
        let state = std::mem::replace(&mut self.state, State::Over);
        match (event, state) {
            (Event::Answered(answer), state) => self.answered(state, answer, rules, now),
            (Event::NotJudged(code), state) => self.not_judged(state, code, rules, now),
            (Event::PasswordJudged(verdict), State::JudgingPassword { account }) => {
                self.password_judged(account, verdict, rules, now)
            }
            (Event::CodeJudged(verdict), State::JudgingCode(proof, token)) => {
                self.code_judged(proof, token, verdict, rules, now)
            }
            (Event::NewPasswordJudged(verdict), State::JudgingNewPassword(factors)) => {
                self.new_password_judged(factors, verdict, rules, now)
            }
            (Event::PolicyFound(found), State::FindingPolicy(complete, check)) => {
                self.policy_found(complete, check, found, rules, now)
            }
            (Event::MachineJudged(verdict), State::JudgingMachine(complete, check)) => {
                self.machine_judged(complete, check, verdict, rules, now)
            }
            (Event::ElsewhereFound(sessions), State::FindingElsewhere(fitting)) => {
                self.elsewhere_found(fitting, sessions, rules, now)
            }
            (Event::SessionCreated(Ok(grant)), State::Creating(_)) => Action::Finish(grant),
            (Event::SessionCreated(Err(CreateVerdict::Elsewhere(sessions))), State::Creating(fitting)) => {
                self.elsewhere_found(fitting, sessions, rules, now)
            }
            (Event::SessionCreated(Err(CreateVerdict::Refused(code))), State::Creating(_)) => {
                Action::Refuse(code)
            }
            (_, state) => misfit(&state),
        }
    }

    fn answered(&mut self, state: State, answer: SignInAnswer, rules: &Rules, now: Timestamp) -> Action {
        if now >= self.deadline || self.answers_left == 0 {
            return Action::Refuse(if found_wanting(&state) {
                FailureCode::PostureFailed
            } else {
                FailureCode::SignInExpired
            });
        }
        self.answers_left -= 1;
        match (state, answer) {
            (State::Over, _) => Action::Refuse(FailureCode::SignInExpired),
            (_, SignInAnswer::Cancel) => Action::Refuse(FailureCode::Cancelled),
            (State::Password { account: asked }, SignInAnswer::Password { account, password }) => {
                // Before any factor is proved the name may still be given, or given anew.
                let Some(account) = account.filter(|name| !name.trim().is_empty()).or(asked) else {
                    return self.ask_password(None, Some(FailureCode::WrongCredentials), rules, now);
                };
                let account = kept(&account);
                self.state = State::JudgingPassword { account: account.clone() };
                Action::JudgePassword { account, password }
            }
            (State::Otp(proof, token), SignInAnswer::Otp { code }) => {
                let account = proof.account.clone();
                self.state = State::JudgingCode(proof, token);
                Action::JudgeCode { account, code }
            }
            (State::NewPassword(factors), SignInAnswer::NewPassword { password, repeat }) => {
                let (account, old_hash) = (factors.password.account.clone(), factors.password.hash.clone());
                self.state = State::JudgingNewPassword(factors);
                Action::JudgeNewPassword { account, old_hash, password, repeat }
            }
            (State::CheckingMachine(complete, check), SignInAnswer::Posture { report, signature }) => {
                let account = complete.account.clone();
                self.state = State::JudgingMachine(complete, check);
                Action::JudgeMachine { account, report, signature }
            }
            (State::Elsewhere(fitting, _), SignInAnswer::Elsewhere { choice }) => match choice {
                ElsewhereChoice::Replace if rules.may_replace => {
                    self.create(fitting, Others::Replace(rules.per_account.max(1)), now)
                }
                ElsewhereChoice::Replace | ElsewhereChoice::Cancel => Action::Refuse(FailureCode::Cancelled),
            },
            (state, _) => self.not_judged(state, FailureCode::UnexpectedAnswer, rules, now),
        }
    }

    /// Asks the step again whose answer was not judged.
    fn not_judged(&mut self, state: State, code: FailureCode, rules: &Rules, now: Timestamp) -> Action {
        if matches!(state, State::FindingPolicy(_, None) | State::FindingElsewhere(_) | State::Creating(_)) {
            return Action::Refuse(code);
        }
        let notice = Some(code);
        match state {
            State::Password { account } => self.ask_password(account, notice, rules, now),
            State::JudgingPassword { account } => self.ask_password(Some(account), notice, rules, now),
            State::Otp(proof, token) | State::JudgingCode(proof, token) => {
                self.ask_otp(proof, token, notice, rules, now)
            }
            State::NewPassword(factors) | State::JudgingNewPassword(factors) => {
                self.ask_new_password(factors, notice, rules, now)
            }
            State::CheckingMachine(complete, check)
            | State::JudgingMachine(complete, check)
            | State::FindingPolicy(complete, Some(check)) => {
                self.ask_machine(complete, Check { notice, ..check }, rules, now)
            }
            State::Elsewhere(fitting, sessions) => self.ask_elsewhere(fitting, sessions, notice, rules, now),
            State::FindingPolicy(_, None) | State::FindingElsewhere(_) | State::Creating(_) | State::Over => {
                Action::Refuse(FailureCode::SignInExpired)
            }
        }
    }

    fn password_judged(
        &mut self,
        typed: String,
        verdict: PasswordVerdict,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        match verdict {
            PasswordVerdict::Wrong => {
                self.ask_password(Some(typed), Some(FailureCode::WrongCredentials), rules, now)
            }
            PasswordVerdict::Locked { seconds_left } => Action::Refuse(FailureCode::Locked { seconds_left }),
            PasswordVerdict::Closed(code) => Action::Refuse(code),
            PasswordVerdict::Right { account, hash, must_change, standing } => {
                let proof = PasswordProof { account, hash, must_change };
                match standing {
                    Standing::Ready(token) => {
                        let token = TokenInfo { serial: token.serial, kind: token.kind };
                        self.ask_otp(proof, token, None, rules, now)
                    }
                    Standing::NoToken if !rules.token_required => {
                        self.after_factors(Factors { password: proof, token: None }, rules, now)
                    }
                    Standing::NoToken | Standing::Inactive { .. } | Standing::Disabled { .. } => {
                        Action::Refuse(no_usable_token(standing))
                    }
                }
            }
        }
    }

    fn code_judged(
        &mut self,
        proof: PasswordProof,
        token: TokenInfo,
        verdict: CodeVerdict,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let notice = match verdict {
            CodeVerdict::Accepted { serial } => {
                return self.after_factors(Factors { password: proof, token: Some(serial) }, rules, now);
            }
            CodeVerdict::Locked { seconds_left } => {
                return Action::Refuse(FailureCode::Locked { seconds_left });
            }
            CodeVerdict::Unusable(standing) => return Action::Refuse(no_usable_token(standing)),
            CodeVerdict::Replayed { next_in_seconds } => FailureCode::ReplayedOtp { next_in_seconds },
            CodeVerdict::ClockOff { serial } => FailureCode::OtpClockOff { serial },
            CodeVerdict::Wrong => FailureCode::WrongOtp,
        };
        self.ask_otp(proof, token, Some(notice), rules, now)
    }

    fn after_factors(&mut self, factors: Factors, rules: &Rules, now: Timestamp) -> Action {
        if factors.password.must_change {
            return self.ask_new_password(factors, None, rules, now);
        }
        let Factors { password: PasswordProof { account, hash, .. }, token } = factors;
        self.find_policy(Complete { account, hash, token }, None)
    }

    fn new_password_judged(
        &mut self,
        factors: Factors,
        verdict: NewPasswordVerdict,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        match verdict {
            NewPasswordVerdict::Set { hash } => {
                let Factors { password: PasswordProof { account, .. }, token } = factors;
                self.find_policy(Complete { account, hash, token }, None)
            }
            NewPasswordVerdict::Broken(broken) => {
                self.ask_new_password(factors, Some(FailureCode::PasswordRules { broken }), rules, now)
            }
            NewPasswordVerdict::Raced => Action::Refuse(FailureCode::SignInExpired),
        }
    }

    fn find_elsewhere(&mut self, fitting: Fitting) -> Action {
        let account = fitting.complete.account.clone();
        self.state = State::FindingElsewhere(fitting);
        Action::FindElsewhere { account }
    }

    fn elsewhere_found(
        &mut self,
        fitting: Fitting,
        sessions: Vec<ElsewhereSession>,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let allowed = rules.per_account.max(1);
        if sessions.len() < usize::try_from(allowed).unwrap_or(usize::MAX) {
            return self.create(fitting, Others::AtMost(allowed), now);
        }
        if rules.may_replace {
            return self.ask_elsewhere(fitting, sessions, None, rules, now);
        }
        Action::Refuse(FailureCode::SignedInElsewhere { sessions })
    }

    fn create(&mut self, fitting: Fitting, others: Others, now: Timestamp) -> Action {
        if now >= self.end {
            return Action::Refuse(FailureCode::SignInExpired);
        }
        let Complete { account, hash, token } = fitting.complete.clone();
        let posture = fitting.fit.clone();
        self.state = State::Creating(fitting);
        Action::CreateSession { account, hash, token, posture, others }
    }

    fn ask_password(
        &mut self,
        account: Option<String>,
        notice: Option<FailureCode>,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let step = SignInStep::Password { account: account.as_deref().and_then(shown) };
        self.state = State::Password { account };
        self.ask(step, notice, rules, now)
    }

    fn ask_otp(
        &mut self,
        proof: PasswordProof,
        token: TokenInfo,
        notice: Option<FailureCode>,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let hint = TokenHint {
            serial: token.serial.clone(),
            digits: token.kind.digits(),
            step_seconds: token.kind.step_seconds(),
            seconds_left: otp::seconds_left(token.kind, now),
        };
        self.state = State::Otp(proof, token);
        self.ask(SignInStep::Otp { prompt: None, token: Some(hint) }, notice, rules, now)
    }

    fn ask_new_password(
        &mut self,
        factors: Factors,
        notice: Option<FailureCode>,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        self.state = State::NewPassword(factors);
        self.ask(SignInStep::NewPassword { rules: Some(rules.password.clone()) }, notice, rules, now)
    }

    fn ask_elsewhere(
        &mut self,
        fitting: Fitting,
        sessions: Vec<ElsewhereSession>,
        notice: Option<FailureCode>,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let choices = vec![ElsewhereChoice::Replace, ElsewhereChoice::Cancel];
        self.state = State::Elsewhere(fitting, sessions.clone());
        self.ask(SignInStep::Elsewhere { sessions, choices }, notice, rules, now)
    }

    /// The time of a step runs from its first asking: answers that do not fit must not keep a sign-in waiting for
    /// ever, with factors that were proved long ago.
    fn ask(
        &mut self,
        step: SignInStep,
        notice: Option<FailureCode>,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let kind = discriminant(&step);
        if self.asked != kind {
            self.asked = kind;
            self.deadline = now.after(rules.step_time).min(self.end);
        }
        Action::Ask { step, notice }
    }
}

/// As much of a typed name as is kept; what is pending is bounded in number and so must be in size.
fn kept(typed: &str) -> String {
    typed.trim().chars().take(MAX_TYPED_NAME).collect()
}

/// A typed name as it is shown again: folded, whether or not there is such an account.
fn shown(typed: &str) -> Option<AccountName> {
    praya_identity::fold_name(typed).ok()
}

/// The shell mixed something up; nobody gets in by it.
fn misfit(state: &State) -> Action {
    let stands = match state {
        State::Password { .. } => "password",
        State::JudgingPassword { .. } => "judging a password",
        State::Otp(..) => "code",
        State::JudgingCode(..) => "judging a code",
        State::NewPassword(_) => "new password",
        State::JudgingNewPassword(_) => "judging a new password",
        State::FindingPolicy(..) => "finding the policy",
        State::CheckingMachine(..) => "checking the machine",
        State::JudgingMachine(..) => "judging the machine",
        State::FindingElsewhere(_) => "finding other sessions",
        State::Elsewhere(..) => "elsewhere",
        State::Creating(_) => "creating",
        State::Over => "over",
    };
    Action::Refuse(FailureCode::Internal {
        detail: format!("an event does not fit the sign-in state: {stands}"),
    })
}

fn no_usable_token(standing: Standing) -> FailureCode {
    match standing {
        Standing::Inactive { serial, days } => FailureCode::TokenInactive { serial, days },
        Standing::Disabled { serial } | Standing::Ready(praya_identity::Token { serial, .. }) => {
            FailureCode::TokenDisabled { serial }
        }
        Standing::NoToken => FailureCode::NoToken,
    }
}
