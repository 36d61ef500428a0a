//! The endpoint check of live sessions: the question and the report, the lease, and policies that change meanwhile.

use std::net::IpAddr;
use std::sync::Arc;

use praya_model::api::{PostureQuestion, PostureReply};
use praya_model::{EndReason, FailureCode, GroupName, Timestamp};
use praya_posture::policy;
use praya_posture::report::SignedReport;

use super::access::Access;
use super::live::LiveSession;
use super::new_cookie;
use super::registry::Sessions;
use crate::audit::GATEWAY;
use crate::posture::fit::{self, Fit, Judged};
use crate::posture::{Asked, Book, Desk, Reporter, Unjudged, follow};
use crate::store::{AuditEvent, NewAudit, Outcome, Result, StoreError};

impl Sessions {
    /// What the session's machine is asked now. Each question takes the place of the one before.
    ///
    /// # Errors
    /// The store's.
    pub async fn posture_question(&self, session: &LiveSession, now: Timestamp) -> Result<PostureQuestion> {
        let asked = match session.device_key {
            Some(device) => self.desk().ask(session.account.clone(), Some(device)).await?,
            // Whoever cannot report was told so at sign-in.
            None => Asked::Nothing,
        };
        let checks = match asked {
            Asked::Report(checks) => checks,
            Asked::Nothing | Asked::Unreported(_) | Asked::Refused => Vec::new(),
        };
        let nonce = if checks.is_empty() { String::new() } else { new_cookie()?.expose().to_owned() };
        if !checks.is_empty() {
            session.ask_machine(nonce.clone());
        }
        let fit = session.fit();
        Ok(PostureQuestion {
            checks,
            nonce,
            recheck_seconds: fit::recheck_in(fit.as_ref(), now),
            limited: fit::is_limited(fit.as_ref()),
            ends_in_seconds: fit.as_ref().and_then(|fit| fit.ends_in(now)),
            findings: fit.map_or_else(Vec::new, |fit| fit.findings),
        })
    }

    /// Judges the report that answers the question before. A report that is refused changes nothing.
    ///
    /// # Errors
    /// [`FailureCode::BadPostureReport`]; [`FailureCode::Busy`] for one report after another, or a store that fails.
    pub async fn posture_report(
        &self,
        session: &LiveSession,
        sealed: SignedReport,
        source: IpAddr,
        now: Timestamp,
    ) -> Result<PostureReply, FailureCode> {
        let Some(device) = session.device_key else { return Err(FailureCode::BadPostureReport) };
        let nonce = session
            .hear_machine(now)
            .map_err(|retry_after_seconds| FailureCode::Busy { retry_after_seconds })?;
        let who = Reporter {
            device,
            host_name: session.host_name().to_owned(),
            account: session.account.clone(),
            session: Some(session.id.clone()),
            source,
        };
        let judged = self.desk().judge(who, nonce, sealed, now).await.map_err(|error| match error {
            Unjudged::Refused(_) => FailureCode::BadPostureReport,
            Unjudged::Store(error) => {
                tracing::error!(%error, "a machine could not be judged");
                FailureCode::Busy { retry_after_seconds: 5 }
            }
        })?;
        let fit = session.update_fit(|before| Some(after(before, &judged)));
        self.apply(session, now).await;
        let findings = judged.verdict.findings();
        Ok(PostureReply {
            findings,
            status: judged.verdict.status,
            limited: fit::is_limited(fit.as_ref()),
            recheck_seconds: fit::recheck_in(fit.as_ref(), now),
            ends_in_seconds: fit.as_ref().and_then(|fit| fit.ends_in(now)),
        })
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

    /// Follows policies that changed for these sessions, with what their people may reach.
    pub(super) async fn follow_policies(
        &self,
        open: Vec<(Arc<LiveSession>, Arc<Access>)>,
        now: Timestamp,
    ) -> Result<()> {
        let book = Arc::new(self.store.run(Book::load).await?);
        for (session, access) in open {
            let groups = access.groups.clone();
            if self.wanted(&book, &session, &groups) {
                let (desk, book, live) = (self.desk(), Arc::clone(&book), Arc::clone(&session));
                self.store.run(move |_| follow_policy(&desk, &book, &live, &groups, now)).await?;
                self.apply(&session, now).await;
            }
            self.set_access(&session, &access);
        }
        Ok(())
    }

    /// As [`Sessions::follow_policies`] for one session; its access is the caller's to set. Blocks.
    pub(super) fn follow_policy(
        &self,
        book: &Book,
        session: &LiveSession,
        groups: &[GroupName],
        now: Timestamp,
    ) -> Result<()> {
        if follow_policy(&self.desk(), book, session, groups, now)? {
            self.store.set_posture(&session.id, session.fit().as_ref())?;
        }
        Ok(())
    }

    /// Sets what of `access` the endpoint check leaves.
    pub(super) fn set_access(&self, session: &LiveSession, access: &Arc<Access>) {
        match session.fit() {
            Some(fit) => session.set_access(&access.left_by(&self.config, &fit.access)),
            None => session.set_access(access),
        }
    }

    /// Whether other policies are for the session than those that it was judged by.
    fn wanted(&self, book: &Book, session: &LiveSession, groups: &[GroupName]) -> bool {
        let fit = session.fit();
        let policies = book.applying(groups, fit.as_ref().and_then(|fit| fit.platform));
        fit.map_or_else(Vec::new, |fit| fit.policies) != fit::versions(&policies)
    }

    /// Puts the session's fitness into force, and keeps it; whether the session ended by it.
    async fn apply(&self, session: &LiveSession, now: Timestamp) -> bool {
        let fit = session.fit();
        let left = fit.as_ref().map_or(policy::Access::Allow, |fit| fit.access.clone());
        if left == policy::Access::Deny {
            return self.end(&session.id, EndReason::PostureLost, GATEWAY, now).await;
        }
        let (id, account, config) = (session.id.clone(), session.account.clone(), self.config.clone());
        let kept = self.store.run(move |store| {
            store.set_posture(&id, fit.as_ref())?;
            Ok::<_, StoreError>(Access::new(
                &config,
                &store.groups_of(&account)?,
                store.resources_for(&account)?,
            ))
        });
        let access = kept.await.map_or_else(
            |error| {
                tracing::error!(%error, "what the endpoint check left of a session could not be stored");
                // Nothing becomes more by it.
                session.access()
            },
            Arc::new,
        );
        session.set_access(&access.left_by(&self.config, &left));
        false
    }

    fn desk(&self) -> Desk {
        Desk::new(self.store.clone(), self.audit.clone(), self.metrics.clone())
    }
}

/// A session's fitness after a verdict.
fn after(before: Option<Fit>, judged: &Judged) -> Fit {
    let before = before.unwrap_or_else(|| Fit::asked(None, &[], judged.verdict.evaluated_at));
    before.judged(judged)
}

/// Whether anything followed. Blocks.
fn follow_policy(
    desk: &Desk,
    book: &Book,
    session: &LiveSession,
    groups: &[GroupName],
    now: Timestamp,
) -> Result<bool> {
    let before = session.fit();
    let who = (session.id.clone(), session.device_key);
    let Some(fit) = follow(desk, book, groups, &who, before.as_ref(), now)? else { return Ok(false) };
    // A report that was judged meanwhile was judged by these policies already.
    session.update_fit(|current| if current == before { fit } else { current });
    Ok(true)
}
