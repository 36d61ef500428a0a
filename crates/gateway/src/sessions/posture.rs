//! The endpoint check of live sessions: the question and the report, the lease, and policies that change meanwhile.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use praya_model::api::{PostureQuestion, PostureReply};
use praya_model::posture::Status;
use praya_model::{EndReason, FailureCode, GroupName, Timestamp};
use praya_posture::policy;
use praya_posture::report::SignedReport;

use super::access::Access;
use super::expiry::Jump;
use super::live::LiveSession;
use super::new_cookie;
use super::registry::Sessions;
use crate::audit::GATEWAY;
use crate::posture::fit::{self, Fit, Judged};
use crate::posture::{Asked, Book, Desk, Question, Reporter, Unjudged, follow, wanted};
use crate::store::{AuditEvent, NewAudit, Outcome, Result, Store, StoreError};

/// Policies that change one after another are followed so often in one go.
const FOLLOWED_AT_ONCE: usize = 8;

/// Where a policy cannot be read, clients look again after so many seconds whether it was mended.
const UNREADABLE: u32 = 60;

impl Sessions {
    /// What the session's machine is asked now. Each question takes the place of the one before.
    ///
    /// # Errors
    /// [`FailureCode::Busy`] for one question after another, or a store that fails.
    pub async fn posture_question(
        &self,
        session: &LiveSession,
        now: Timestamp,
    ) -> Result<PostureQuestion, FailureCode> {
        let busy = |retry_after_seconds| FailureCode::Busy { retry_after_seconds };
        session.may_ask(now).map_err(busy)?;
        self.ask_machine(session, now).await.map_err(|error| {
            tracing::error!(%error, "a machine could not be asked about");
            busy(5)
        })
    }

    async fn ask_machine(&self, session: &LiveSession, now: Timestamp) -> Result<PostureQuestion> {
        let platform = session.fit().and_then(|fit| fit.platform);
        let asked = match session.device_key {
            Some(device) => self.desk.ask(session.account.clone(), Some(device), platform).await?,
            // Whoever cannot report was told so at sign-in.
            None => Asked::Nothing,
        };
        let unreadable = asked == Asked::Unreadable;
        let checks = match asked {
            Asked::Report(checks) => checks,
            Asked::Nothing | Asked::Unreported(_) | Asked::Refused | Asked::Unreadable => Vec::new(),
        };
        let nonce = if checks.is_empty() { String::new() } else { new_cookie()?.expose().to_owned() };
        if !checks.is_empty() {
            session.ask_machine(nonce.clone(), checks.clone(), platform, now);
        }
        let (fit, recheck_seconds) = session.tell(if unreadable { UNREADABLE } else { u32::MAX }, now);
        Ok(PostureQuestion {
            checks,
            nonce,
            recheck_seconds,
            limited: fit::is_limited(fit.as_ref()),
            ends_in_seconds: fit.as_ref().and_then(|fit| fit.ends_in(now)),
            findings: fit.map_or_else(Vec::new, |fit| fit.findings),
        })
    }

    /// Judges the report that answers the question before, to its end even if the caller goes away, at the time `now`
    /// tells once it is its turn. A report that is refused changes nothing.
    ///
    /// # Errors
    /// [`FailureCode::BadPostureReport`]; [`FailureCode::Busy`] for one report after another, for a question that
    /// policies have overtaken, or a store that fails.
    pub async fn posture_report(
        self: &Arc<Self>,
        session: &Arc<LiveSession>,
        sealed: SignedReport,
        source: IpAddr,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<PostureReply, FailureCode> {
        let Some(device) = session.device_key else { return Err(FailureCode::BadPostureReport) };
        let question = session
            .hear_machine(now())
            .map_err(|retry_after_seconds| FailureCode::Busy { retry_after_seconds })?;
        let who = Reporter {
            device,
            host_name: session.host_name().to_owned(),
            account: session.account.clone(),
            session: Some(session.id.clone()),
            before: None,
            source,
        };
        let (sessions, session) = (Arc::clone(self), Arc::clone(session));
        let judged = async move { sessions.judge_report(&session, who, question, sealed, now).await };
        tokio::spawn(judged).await.unwrap_or_else(|gone| {
            tracing::error!(%gone, "the judging of a machine broke off");
            Err(FailureCode::Internal { detail: "report".into() })
        })
    }

    async fn judge_report(
        &self,
        session: &LiveSession,
        who: Reporter,
        question: Option<Question>,
        sealed: SignedReport,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<PostureReply, FailureCode> {
        let _turn = session.judging.lock().await;
        let now = now();
        let judged = self.desk.judge(who, question, sealed, now).await.map_err(|error| match error {
            Unjudged::Refused(_) | Unjudged::Stale => FailureCode::BadPostureReport,
            Unjudged::Outdated => FailureCode::Busy { retry_after_seconds: 1 },
            Unjudged::Store(error) => {
                tracing::error!(%error, "a machine could not be judged");
                FailureCode::Busy { retry_after_seconds: 5 }
            }
        })?;
        self.take_verdict(session, &judged, now).await;
        let (fit, recheck_seconds) = session.tell(u32::MAX, now);
        Ok(PostureReply {
            status: fit.as_ref().map_or(Status::NotApplicable, |fit| fit.status),
            limited: fit::is_limited(fit.as_ref()),
            recheck_seconds,
            ends_in_seconds: fit.as_ref().and_then(|fit| fit.ends_in(now)),
            findings: fit.map_or_else(Vec::new, |fit| fit.findings),
        })
    }

    /// Puts a verdict into force; and follows the policies that came while it was made, which nobody else does: whoever
    /// put them into force has followed them already.
    pub(super) async fn take_verdict(&self, session: &LiveSession, judged: &Judged, now: Timestamp) {
        session.update_fit(|before| Some(after(before, judged)));
        if let Some(live) = self.get(&session.id) {
            let (desk, settled) = (self.desk.clone(), self.store.clone());
            let settled = settled.run(move |store| settle(&desk, store, &live, now)).await;
            if let Err(error) = settled {
                tracing::error!(%error, "policies that changed could not be followed; trying again");
                self.unsettled.store(true, Ordering::Relaxed);
            }
        }
        self.apply(session, now).await;
    }

    /// Applies what time has done: leases that ran out, machines that were not put right. Returns how many sessions
    /// ended.
    pub(super) async fn sweep_posture(&self, now: Timestamp) -> usize {
        let mut ended = 0;
        for session in self.list() {
            let Some(fit) = session.pass_time(now) else { continue };
            if self.apply(&session, now).await {
                ended += 1;
            } else if fit.access != policy::Access::Allow {
                let record = NewAudit {
                    account: Some(session.account.clone()),
                    session: Some(session.id.clone()),
                    code: Some("limited".into()),
                    ..NewAudit::new(now, AuditEvent::Posture, Outcome::Refused, GATEWAY)
                };
                self.audit.record(record).await;
            }
        }
        ended
    }

    /// Gives these sessions what their people may reach, as the look of that number found it, and follows policies that
    /// changed for them. Whatever fails, nobody keeps what was taken from them, and nobody else waits for it.
    pub(super) async fn follow_policies(
        &self,
        open: Vec<(Arc<LiveSession>, Arc<Access>)>,
        look: u64,
        now: Timestamp,
    ) -> Result<()> {
        let book = self.store.run(Book::load).await.map(Arc::new);
        let mut concerned = Vec::new();
        for (session, access) in open {
            let wanted = |book: &Arc<Book>| wanted(book, &access.groups, session.fit().as_ref());
            if book.as_ref().is_ok_and(|book| !wanted(book)) {
                session.give(&self.config, look, &access);
            } else {
                // What comes new comes once it is known what policies say of it.
                session.give(&self.config, look, &Arc::new(access.common(&session.full_access())));
                concerned.push((session, access));
            }
        }
        let book = book?;
        let mut failed = Ok(());
        for (session, access) in concerned {
            let (desk, book, live, groups) =
                (self.desk.clone(), Arc::clone(&book), Arc::clone(&session), access.groups.clone());
            // A report that is judged now counts, and not the one before it.
            let _turn = session.judging.lock().await;
            match self.store.run(move |_| follow_policy(&desk, &book, &live, &groups, now)).await {
                Ok(_) => {
                    session.give(&self.config, look, &access);
                    self.apply(&session, now).await;
                }
                Err(error) => failed = Err(error),
            }
        }
        failed
    }

    /// Follows the policies in force for one session. Blocks.
    pub(super) fn settle(&self, session: &LiveSession, now: Timestamp) -> Result<()> {
        if settle(&self.desk, &self.store, session, now)? {
            self.store.set_posture(&session.id, || session.fit())?;
            session.narrow(&self.config);
        }
        Ok(())
    }

    /// The time, for whatever is judged or said of sessions.
    pub fn now(&self) -> Timestamp {
        self.at(|| (SystemTime::now().into(), Instant::now()))
    }

    /// The time by these clocks, before which every session has followed a clock that was set: no lease, no warning, no
    /// idle time and no time away ends earlier or later by it. What sessions have of the absolute end they have by the
    /// new clock.
    pub(super) fn at(&self, read: impl FnOnce() -> (Timestamp, Instant)) -> Timestamp {
        // Nobody else judges anything until all have followed, and nobody looks who has read the old time.
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, steady) = read();
        if let Some(jump) = watch.look(now, steady) {
            self.clock_was_set(jump, now);
        }
        now
    }

    pub(super) fn clock_was_set(&self, jump: Jump, now: Timestamp) {
        for session in self.list() {
            session.moved(jump, now);
        }
        self.jumps().push(jump);
    }

    fn jumps(&self) -> MutexGuard<'_, Vec<Jump>> {
        self.jumps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps and records what clocks that were set have changed.
    pub(super) async fn store_jumps(&self, now: Timestamp) {
        let jumps = std::mem::take(&mut *self.jumps());
        for jump in jumps {
            self.store_jump(jump, now).await;
        }
    }

    async fn store_jump(&self, jump: Jump, now: Timestamp) {
        let (way, by) = match jump {
            Jump::Ahead(by) => ("ahead", by),
            Jump::Back(by) => ("back", by),
        };
        tracing::warn!(seconds = by.as_secs(), way, "the clock was set; sessions follow it");
        let sessions = self.list();
        let stored = self.store.run(move |store| {
            for session in sessions {
                store.set_posture(&session.id, || session.fit())?;
                store.set_away(&session.id, session.clock().away_since)?;
            }
            Ok::<_, StoreError>(())
        });
        if let Err(error) = stored.await {
            tracing::error!(%error, "the sessions' times could not be stored");
        }
        self.audit
            .record(NewAudit {
                code: Some("clock_set".into()),
                detail: serde_json::json!({ "way": way, "seconds": by.as_secs() }),
                ..NewAudit::new(now, AuditEvent::Gateway, Outcome::Ok, GATEWAY)
            })
            .await;
    }

    /// Puts the session's fitness into force, and keeps it; whether the session ended by it.
    pub(super) async fn apply(&self, session: &LiveSession, now: Timestamp) -> bool {
        if session.fit().is_some_and(|fit| fit.access == policy::Access::Deny) {
            return self.end(&session.id, EndReason::PostureLost, GATEWAY, now).await;
        }
        session.narrow(&self.config);
        let Some(live) = self.get(&session.id) else { return false };
        let kept = self.store.run(move |store| store.set_posture(&live.id, || live.fit()));
        if let Err(error) = kept.await {
            tracing::error!(%error, "what the endpoint check left of a session could not be stored");
        }
        false
    }
}

/// A session's fitness after a verdict.
fn after(before: Option<Fit>, judged: &Judged) -> Fit {
    let now = judged.verdict.evaluated_at;
    let before = before.unwrap_or_else(|| Fit::asked(None, &[], now, now));
    before.judged(judged)
}

/// Follows until the policies in force are those that the session is judged by: others may come while it is judged.
/// Whether there was anything to follow. Blocks.
fn settle(desk: &Desk, store: &Store, session: &LiveSession, now: Timestamp) -> Result<bool> {
    for round in 0..FOLLOWED_AT_ONCE {
        let book = Book::load(store)?;
        let groups: Vec<_> = store.groups_of(&session.account)?.into_iter().map(|group| group.name).collect();
        if !follow_policy(desk, &book, session, &groups, now)? {
            return Ok(round > 0);
        }
    }
    Err(StoreError::Failed { detail: "policies change faster than they can be followed".into() })
}

/// Whether anything was to be followed. Blocks.
fn follow_policy(
    desk: &Desk,
    book: &Book,
    session: &LiveSession,
    groups: &[GroupName],
    now: Timestamp,
) -> Result<bool> {
    let who = (session.id.clone(), session.account.clone(), session.device_key);
    loop {
        let before = session.standing();
        let Some(fit) = follow(desk, book, groups, &who, before.0.as_ref(), before.1, now)? else {
            return Ok(false);
        };
        // Else time passed meanwhile, or the client was told to ask at another time.
        if session.follow_fit(&before, fit) {
            return Ok(true);
        }
    }
}
