//! The shell around the sign-in machine: tickets, judgements, limits, the audit, and the session at the end.

mod passwords;
mod posture;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use data_encoding::BASE64URL_NOPAD;
use praya_identity::limits::{Allowance, SourceLimiter};
use praya_identity::{IdentityStore as _, WrappingKey, random};
use praya_model::api::{BeginSignIn, SignInReply};
use praya_model::failure::LastSignIn;
use praya_model::password::PasswordRules;
use praya_model::posture::is_plain;
use praya_model::{
    AccountName, Failure, FailureCode, Secret, SessionId, SignInAnswer, SignInStep, Timestamp, TokenSerial,
};
use praya_posture::facts::OsFamily;
use praya_posture::report::SignedReport;

use super::directory::{CreateRefusal, NewSession, Others, SessionDirectory};
use super::grounds::Grounds;
use super::judge::{Findings, Judge, NotJudged};
use super::machine::{Action, Conversation, CreateVerdict, Event, NewPasswordVerdict};
use super::pending::{Full, Kept, Owner, Pending, Room};
use super::policy::SignInPolicy;
use crate::audit::{Audit, PERSON, support_code};
use crate::http::notice::Notices;
use crate::posture::{Desk, Fit, Question};
use crate::store::{AuditEvent, CookieHash, DeviceKey, NewAudit, Outcome, Store};
use posture::question;

/// Host and client names are cut to so many code points.
const MAX_LABEL: usize = 128;

/// How many sign-ins one source may begin for each try that it has. Beginning is cheap, but not free.
const BEGINS_PER_TRY: u32 = 4;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the service is made of.
pub struct SignInParts {
    /// People and tokens.
    pub store: Store,
    /// Opens token secrets and blinds names.
    pub key: Arc<WrappingKey>,
    /// Where sessions are made.
    pub sessions: Arc<dyn SessionDirectory>,
    /// Where machines are judged.
    pub posture: Desk,
    /// Where refusals and successes are recorded.
    pub audit: Audit,
    /// The rules.
    pub policy: SignInPolicy,
    /// The time.
    pub clock: Clock,
}

/// The sign-in, for every front: JSON and AnyConnect forms. Clones are the same service.
#[derive(Clone)]
pub struct SignInService {
    inner: Arc<Inner>,
}

struct Inner {
    judge: Judge,
    sessions: Arc<dyn SessionDirectory>,
    posture: Desk,
    audit: Audit,
    clock: Clock,
    pending: Mutex<Pending<Talk>>,
    tries: Option<Mutex<SourceLimiter>>,
    begins: Option<Mutex<SourceLimiter>>,
    /// Reports are no guesses, and a machine that is put right must not take the tries of its neighbours' passwords.
    reports: Option<Mutex<SourceLimiter>>,
    notices: Notices,
}

/// A conversation and what the session will want to know.
struct Talk {
    conversation: Conversation,
    device_key: Option<DeviceKey>,
    host_name: String,
    client: String,
    /// The machine's kind by its own word.
    platform: Option<OsFamily>,
    /// The question about the machine that is open.
    question: Option<Question>,
    /// The verdict over the last report.
    verdict: Option<i64>,
    about: About,
}

/// Whom and what the records of a conversation are about.
struct About {
    source: IpAddr,
    account: Option<AccountName>,
    token: Option<TokenSerial>,
    /// Whether anything was judged at all; before that there is nothing to record.
    judged: bool,
}

impl SignInService {
    /// A service without any sign-in under way.
    pub fn new(parts: SignInParts) -> Self {
        let SignInParts { store, key, sessions, posture, audit, policy, clock } = parts;
        Self {
            inner: Arc::new(Inner {
                pending: Mutex::new(Pending::new(
                    Room { total: policy.pending, each: policy.pending_per_source },
                    Room { total: policy.pending, each: policy.pending_per_account },
                )),
                tries: policy.rate.map(|rate| Mutex::new(SourceLimiter::new(rate))),
                begins: policy.rate.map(|rate| Mutex::new(SourceLimiter::new(rate.times(BEGINS_PER_TRY)))),
                reports: policy.rate.map(|rate| Mutex::new(SourceLimiter::new(rate))),
                notices: Notices::default(),
                judge: Judge::new(store, key, policy),
                sessions,
                posture,
                audit,
                clock,
            }),
        }
    }

    /// What a new password must look like.
    pub fn password_rules(&self) -> &PasswordRules {
        &self.inner.judge.policy.rules.password
    }

    /// Starts a conversation. An empty account name is asked for with the password.
    pub async fn begin(&self, request: BeginSignIn, source: IpAddr) -> SignInReply {
        let inner = &self.inner;
        if let Allowance::Refused { retry_after_seconds, .. } = inner.take(inner.begins.as_ref(), source) {
            inner.notices.say("begins too many sign-ins", source, "turned away");
            return refused(inner.plain(FailureCode::TooManyAttempts { retry_after_seconds }));
        }
        let mut about = About { source, account: None, token: None, judged: false };
        let device_key = match request.device_key.as_deref().map(DeviceKey::from_base64) {
            Some(None) => {
                let detail = "device_key must be 32 bytes in base64".to_owned();
                return refused(
                    inner.failure(&mut about, AuditEvent::SignIn, FailureCode::Protocol { detail }).await,
                );
            }
            Some(key) => key,
            None => None,
        };
        let account = Some(request.account).filter(|name| !name.trim().is_empty());
        let (conversation, step) = Conversation::begin(account, &inner.judge.policy.rules, inner.now());
        let talk = Talk {
            conversation,
            device_key,
            host_name: label(&request.host_name),
            client: label(&request.client),
            platform: request.platform.and_then(|name| serde_json::from_value(name.into()).ok()),
            question: None,
            verdict: None,
            about,
        };
        inner.ask(talk, step, None).await
    }

    /// Answers the step of `ticket`. Once heard, an answer is judged to its end even if the caller goes away.
    pub async fn answer(&self, ticket: &Secret, answer: SignInAnswer, source: IpAddr) -> SignInReply {
        let found = self.inner.pending().take(&CookieHash::of(ticket), self.inner.now());
        let Some(mut talk) = found else { return refused(self.inner.plain(FailureCode::SignInExpired)) };
        talk.about.source = source;
        let inner = Arc::clone(&self.inner);
        let driven = tokio::spawn(async move { inner.drive(talk, Event::Answered(answer)).await });
        driven.await.unwrap_or_else(|gone| {
            tracing::error!(%gone, "a sign-in broke off");
            refused(self.inner.plain(FailureCode::Internal { detail: "sign-in".into() }))
        })
    }

    /// Changes a password by its owner's wish and ends the account's sessions except `keep`, the one that asks.
    /// `device` is the key that one has proved: a lock that others caused does not hold there (1G.4).
    ///
    /// # Errors
    /// The failure to show: `WrongCurrentPassword`, `PasswordRules`, `Locked`, `TooManyAttempts`, `Busy`.
    pub async fn change_password(
        &self,
        account: &AccountName,
        keep: Option<&SessionId>,
        device: Option<DeviceKey>,
        current: Secret,
        new: Secret,
        source: IpAddr,
    ) -> Result<(), Failure> {
        let inner = Arc::clone(&self.inner);
        let (account, keep) = (account.clone(), keep.cloned());
        let changed =
            tokio::spawn(
                async move { inner.change_password(account, keep, device, current, new, source).await },
            );
        changed.await.unwrap_or_else(|gone| {
            tracing::error!(%gone, "a password change broke off");
            Err(self.inner.plain(FailureCode::Internal { detail: "password change".into() }))
        })
    }

    /// How many sign-ins are under way, for the metrics.
    pub fn pending(&self) -> usize {
        self.inner.pending().len()
    }
}

impl Inner {
    /// Takes the machine from an answer to the next question, or to the end.
    async fn drive(&self, mut talk: Talk, mut event: Event) -> SignInReply {
        loop {
            let action = talk.conversation.handle(event, &self.judge.policy.rules, self.now());
            event = match action {
                Action::Ask { step, notice } => return self.ask(talk, step, notice).await,
                Action::Refuse(code) => {
                    return refused(self.failure(&mut talk.about, AuditEvent::SignIn, code).await);
                }
                Action::Finish(grant) => {
                    let record = NewAudit {
                        session: grant.session.clone(),
                        ..talk.about.record(self.now(), AuditEvent::SignIn, Outcome::Ok)
                    };
                    self.audit.record(record).await;
                    return over(SignInStep::Done(grant));
                }
                Action::JudgePassword { account, password } => {
                    match self.heard(self.tries.as_ref(), &mut talk.about) {
                        Ok(()) => {
                            let judged =
                                self.judge.password(&account, password, talk.device_key, self.now()).await;
                            self.found(&mut talk.about, judged, Event::PasswordJudged).await
                        }
                        Err(limited) => Event::NotJudged(limited),
                    }
                }
                Action::JudgeCode { account, code } => match self.heard(self.tries.as_ref(), &mut talk.about)
                {
                    Ok(()) => {
                        let judged = self.judge.code(&account, code, talk.device_key, self.now()).await;
                        self.found(&mut talk.about, judged, Event::CodeJudged).await
                    }
                    Err(limited) => Event::NotJudged(limited),
                },
                Action::JudgeNewPassword { account, old_hash, password, repeat } => {
                    let now = self.now();
                    let judged =
                        self.judge.new_password(&account, old_hash, password, Some(&repeat), now).await;
                    match judged {
                        Ok(verdict) => {
                            if matches!(verdict, NewPasswordVerdict::Set { .. }) {
                                self.password_changed(&talk.about, account, None).await;
                            }
                            Event::NewPasswordJudged(verdict)
                        }
                        Err(error) => Event::NotJudged(not_judged(error)),
                    }
                }
                Action::FindPolicy { account } => {
                    match self.posture.ask(account, talk.device_key, talk.platform).await {
                        Ok(asked) => Event::PolicyFound(asked),
                        Err(error) => Event::NotJudged(not_judged(error.into())),
                    }
                }
                Action::JudgeMachine { account, report, signature } => {
                    match self.heard(self.reports.as_ref(), &mut talk.about) {
                        Ok(()) => {
                            self.judge_machine(&mut talk, account, SignedReport { report, signature }).await
                        }
                        Err(limited) => Event::NotJudged(limited),
                    }
                }
                Action::FindElsewhere { account } => {
                    let (sessions, device_key) = (Arc::clone(&self.sessions), talk.device_key);
                    let found = self
                        .judge
                        .store
                        .run(move |_| sessions.elsewhere(&account, device_key.as_ref()))
                        .await;
                    found.map_or_else(
                        |error| Event::NotJudged(not_judged(error.into())),
                        Event::ElsewhereFound,
                    )
                }
                Action::CreateSession { account, hash, token, posture, others } => {
                    let grounds = Grounds { account, hash, token, policy: self.judge.policy.tokens };
                    Event::SessionCreated(self.create(&talk, grounds, posture, others).await)
                }
            };
        }
    }

    /// Asks a step under a new ticket, and for a report under a new nonce.
    async fn ask(&self, mut talk: Talk, mut step: SignInStep, notice: Option<FailureCode>) -> SignInReply {
        let notice = match notice {
            Some(code) => Some(self.failure(&mut talk.about, AuditEvent::SignInStep, code).await),
            None => None,
        };
        let Ok(bytes) = random::bytes::<32>() else {
            return refused(self.plain(FailureCode::Internal { detail: "random".into() }));
        };
        let ticket = Secret::new(BASE64URL_NOPAD.encode(&bytes));
        let Ok(question) = question(&mut step, talk.platform, talk.conversation.deadline()) else {
            return refused(self.plain(FailureCode::Internal { detail: "random".into() }));
        };
        talk.question = question;
        let (now, deadline, source) = (self.now(), talk.conversation.deadline(), talk.about.source);
        let kept_until = talk.conversation.kept_until();
        let proved = talk.conversation.proved().cloned();
        let owner = proved.map_or_else(|| Owner::Stranger(source.into()), Owner::Known);
        match self.pending().insert(CookieHash::of(&ticket), owner, talk, kept_until, now) {
            Ok(Kept::Beside) => {}
            Ok(Kept::InPlaceOfAnother) => self.crowded("one that has proved nothing makes room"),
            Err(Full) => {
                self.crowded("every place is taken by people who gave their password");
                return refused(self.plain(FailureCode::Busy { retry_after_seconds: 10 }));
            }
        }
        let expires_in = u32::try_from(deadline.since(now).as_secs()).unwrap_or(u32::MAX);
        SignInReply { ticket: Some(ticket), next: step, notice, expires_in }
    }

    /// Makes the session, if nothing that was proved has been taken back meanwhile.
    async fn create(
        &self,
        talk: &Talk,
        grounds: Grounds,
        posture: Option<Fit>,
        others: Others,
    ) -> Result<praya_model::sign_in::Grant, CreateVerdict> {
        let now = self.now();
        let of_name = self.judge.key.name_key(&grounds.account);
        let of_device = talk.device_key.map(|key| self.judge.key.device_key(&grounds.account, &key.0));
        let sessions = Arc::clone(&self.sessions);
        let source = talk.about.source;
        let mut new = NewSession {
            account: grounds.account.clone(),
            device_key: talk.device_key,
            host_name: talk.host_name.clone(),
            client: talk.client.clone(),
            source,
            last_sign_in: None,
            posture,
            others,
        };
        let created = self.judge.store.run(move |store| {
            let refuse = |code| Ok(Err(CreateVerdict::Refused(code)));
            match grounds.check(store, now)? {
                Ok(account) => new.last_sign_in = account.last_sign_in,
                Err(gone) => return refuse(gone.code),
            }
            let grant = match sessions.create(new, now) {
                Ok(grant) => grant,
                Err(CreateRefusal::Elsewhere(others)) => return Ok(Err(CreateVerdict::Elsewhere(others))),
                Err(CreateRefusal::NoRoom) => return refuse(FailureCode::Busy { retry_after_seconds: 60 }),
                Err(CreateRefusal::Store(error)) => return Err(error),
            };
            // Whoever takes something back ends the sessions that he finds. Between the look above and the session's
            // making he found none; from here on he finds this one.
            if let Err(gone) = grounds.check(store, now)? {
                sessions.end_sessions_of(&grounds.account, None, gone.reason, now)?;
                return refuse(gone.code);
            }
            if let Some(own) = of_device {
                store.clear_failures(&own)?;
            }
            // A lock that others caused holds for them; only a known device comes as far as this meanwhile.
            if store.failures(&of_name)?.locked_for(now).is_none() {
                store.clear_failures(&of_name)?;
            }
            store.record_sign_in(&grounds.account, &LastSignIn { at: now, source: source.to_string() })?;
            Ok(Ok(grant))
        });
        created.await.unwrap_or_else(|error| Err(CreateVerdict::Refused(not_judged(error.into()))))
    }

    /// Whether the source may try; every judged answer takes one try.
    fn heard(&self, limiter: Option<&Mutex<SourceLimiter>>, about: &mut About) -> Result<(), FailureCode> {
        match self.take(limiter, about.source) {
            Allowance::Allowed => {
                about.judged = true;
                Ok(())
            }
            Allowance::Refused { retry_after_seconds, first } => {
                // A flood leaves one record, not one per try.
                about.judged = first;
                Err(FailureCode::TooManyAttempts { retry_after_seconds })
            }
        }
    }

    fn take(&self, limiter: Option<&Mutex<SourceLimiter>>, source: IpAddr) -> Allowance {
        limiter.map_or(Allowance::Allowed, |limiter| {
            limiter.lock().unwrap_or_else(PoisonError::into_inner).take(source.into(), self.now())
        })
    }

    fn crowded(&self, what: &str) {
        if let Some(more_held_back) = self.notices.due("crowded", Instant::now()) {
            tracing::warn!(more_held_back, "sign_in.pending is reached: {what}");
        }
    }

    async fn found<V>(
        &self,
        about: &mut About,
        judged: Result<(V, Findings), NotJudged>,
        event: impl FnOnce(V) -> Event,
    ) -> Event {
        match judged {
            Ok((verdict, findings)) => {
                self.note(about, findings).await;
                event(verdict)
            }
            Err(error) => Event::NotJudged(not_judged(error)),
        }
    }

    /// Takes down what a judgement found out, and records the locks that it caused.
    async fn note(&self, about: &mut About, findings: Findings) {
        about.account = findings.account;
        about.token = findings.token.or_else(|| about.token.take());
        let now = self.now();
        if findings.account_locked {
            self.audit.record(about.record(now, AuditEvent::AccountLocked, Outcome::Refused)).await;
        }
        if let Some(serial) = findings.token_locked {
            let record = NewAudit {
                token: Some(serial),
                code: Some("locked".into()),
                ..about.record(now, AuditEvent::TokenState, Outcome::Refused)
            };
            self.audit.record(record).await;
        }
    }

    /// A failure as the person gets it, with a support code that stands in the audit record of the same event.
    async fn failure(&self, about: &mut About, event: AuditEvent, code: FailureCode) -> Failure {
        let mut failure = self.plain(code);
        let worth_a_record =
            about.judged && !matches!(failure.code, FailureCode::Busy { .. } | FailureCode::UnexpectedAnswer);
        if !worth_a_record {
            return failure;
        }
        let support = support_code();
        failure.support = Some(support.clone());
        let (name, detail) = named(&failure.code);
        let broken = matches!(failure.code, FailureCode::Internal { .. });
        let outcome = if broken { Outcome::Failed } else { Outcome::Refused };
        let record = NewAudit {
            code: Some(name),
            support: Some(support),
            detail,
            ..about.record(self.now(), event, outcome)
        };
        self.audit.record(record).await;
        failure
    }

    fn plain(&self, code: FailureCode) -> Failure {
        Failure { help_desk: self.judge.policy.help_desk.clone(), ..code.into() }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending<Talk>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl About {
    fn record(&self, now: Timestamp, event: AuditEvent, outcome: Outcome) -> NewAudit {
        NewAudit {
            account: self.account.clone(),
            source: Some(self.source),
            token: self.token.clone(),
            ..NewAudit::new(now, event, outcome, PERSON)
        }
    }
}

impl fmt::Debug for SignInService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInService").field("pending", &self.pending()).finish_non_exhaustive()
    }
}

fn over(step: SignInStep) -> SignInReply {
    SignInReply { ticket: None, next: step, notice: None, expires_in: 0 }
}

fn refused(failure: Failure) -> SignInReply {
    over(SignInStep::Refused(failure))
}

/// What the person learns when nothing was judged; the log has the rest, which could name files.
fn not_judged(error: NotJudged) -> FailureCode {
    match error {
        NotJudged::Busy { retry_after_seconds } => FailureCode::Busy { retry_after_seconds },
        NotJudged::Broken(detail) => {
            tracing::error!(%detail, "a sign-in could not be judged");
            FailureCode::Internal { detail: "store".into() }
        }
    }
}

/// The stable name of a code, and its arguments, as the JSON form has them.
fn named(code: &FailureCode) -> (String, serde_json::Value) {
    let mut value = serde_json::to_value(code).unwrap_or_default();
    let name = value.as_object_mut().and_then(|object| object.remove("code"));
    let name = name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_else(|| "internal".into());
    let empty = value.as_object().is_none_or(serde_json::Map::is_empty);
    (name, if empty { serde_json::Value::Null } else { value })
}

/// A peer's name for itself, fit to be shown: nothing that steers a terminal or turns a line around, not too long.
pub(crate) fn label(text: &str) -> String {
    text.chars().filter(|c| is_plain(*c)).take(MAX_LABEL).collect()
}
