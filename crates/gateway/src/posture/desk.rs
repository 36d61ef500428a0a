//! Where reports are opened and judged: by the gateway's clock, kept, recorded and counted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use praya_model::posture::Check;
use praya_model::{AccountName, GroupName, SessionId, Timestamp};
use praya_posture::facts::HostFacts;
use praya_posture::policy::{Access, Policy};
use praya_posture::report::{self, ReportError, SignedReport};
use praya_posture::verdict::{self, Consequence, Judgement, PolicyVersion, Verdict};
use serde_json::json;

use super::book::{self, Book};
use super::fit::{self, Fit, Judged};
use crate::audit::{Audit, GATEWAY, PERSON};
use crate::metrics::Metrics;
use crate::store::{AuditEvent, DeviceKey, NewAudit, NewVerdict, Outcome, Result, Store, StoreError};

/// Judges machines. Clones are the same desk.
#[derive(Clone, Debug)]
pub struct Desk {
    store: Store,
    audit: Audit,
    metrics: Metrics,
}

/// Whose machine reports.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// The device that signed in, or signs in.
    pub device: DeviceKey,
    /// The machine's name as it gave it.
    pub host_name: String,
    /// Whose sign-in or session it is.
    pub account: AccountName,
    /// The session, once there is one.
    pub session: Option<SessionId>,
    /// Where the report came from.
    pub source: IpAddr,
}

/// What policies want to know before there is a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: no policy is for this person.
    Nothing,
    /// A report about these.
    Report(Vec<Check>),
    /// The client cannot report; this is what it gets, and it is not [`Access::Deny`].
    Unreported(Fit),
    /// The client cannot report, and policy wants a report.
    Refused,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    /// The report is none for this device and question.
    #[error(transparent)]
    Refused(#[from] ReportError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Desk {
    /// A desk that keeps verdicts in `store`.
    pub fn new(store: Store, audit: Audit, metrics: Metrics) -> Self {
        Self { store, audit, metrics }
    }

    /// What is asked of somebody who signs in from `device`; without one, the client cannot report.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask(&self, account: AccountName, device: Option<DeviceKey>) -> Result<Asked> {
        let asked = self.store.run(move |store| {
            let book = Book::load(store)?;
            let policies = book.applying(&groups(store, &account)?, None);
            Ok::<_, StoreError>(match device {
                _ if policies.is_empty() => Asked::Nothing,
                Some(_) => Asked::Report(book::checks(&policies).into_iter().collect()),
                None => {
                    let fit = Fit::without_report(&policies);
                    if fit.access == Access::Deny { Asked::Refused } else { Asked::Unreported(fit) }
                }
            })
        });
        let asked = asked.await?;
        match &asked {
            Asked::Unreported(_) => self.metrics.posture_unreported("let_in"),
            Asked::Refused => self.metrics.posture_unreported("refused"),
            Asked::Nothing | Asked::Report(_) => {}
        }
        Ok(asked)
    }

    /// Opens the report that answers `nonce` and judges it. Without a question there is nothing to answer. A report
    /// that is refused is recorded and counted, and nothing else happens.
    ///
    /// # Errors
    /// [`Unjudged`].
    pub async fn judge(
        &self,
        who: Reporter,
        nonce: Option<String>,
        sealed: SignedReport,
        now: Timestamp,
    ) -> Result<Judged, Unjudged> {
        let key = who.device;
        let opened = match &nonce {
            Some(nonce) => report::open(&sealed, nonce, &key.0),
            None => Err(ReportError::Nonce),
        };
        let facts = match opened {
            Ok(facts) => facts,
            Err(error) => {
                let problem = name(&error);
                self.metrics.posture_report_refused(problem);
                let detail = json!({ "device": key.short(), "problem": problem });
                let record = NewAudit {
                    outcome: Outcome::Refused,
                    code: Some("bad_posture_report".into()),
                    ..record(&who, detail, PERSON, now)
                };
                self.audit.record(record).await;
                return Err(error.into());
            }
        };
        let metrics = self.metrics.clone();
        let (judged, record) = self
            .store
            .run(move |store| {
                let book = Book::load(store)?;
                let groups = groups(store, &who.account)?;
                judge(store, &book, &groups, who, facts, &metrics, now)
            })
            .await?;
        if let Some(record) = record {
            self.audit.record(record).await;
        }
        Ok(judged)
    }
}

/// What becomes of a session's fitness when policies, or its person's groups, may have changed; `None` when they have
/// not. What the machine said last is judged anew where it answers what is asked now. Blocks.
///
/// # Errors
/// The store's.
pub(crate) fn follow(
    desk: &Desk,
    book: &Book,
    groups: &[GroupName],
    who: &(SessionId, Option<DeviceKey>),
    before: Option<&Fit>,
    now: Timestamp,
) -> Result<Option<Option<Fit>>> {
    let (session, device) = who;
    let policies = book.applying(groups, before.and_then(|fit| fit.platform));
    let versions = fit::versions(&policies);
    if before.map_or(&[][..], |fit| &fit.policies) == versions {
        return Ok(None);
    }
    if policies.is_empty() {
        return Ok(Some(None));
    }
    if device.is_none() {
        return Ok(Some(Some(Fit::without_report(&policies))));
    }
    let last = desk.store.latest_verdict(session)?;
    let asked = || Ok(Some(Some(Fit::asked(before, &policies, now))));
    let Some(last) = last else { return asked() };
    if !book::answered(&last.found.facts, &book::checks(&policies)) {
        return asked();
    }
    let NewVerdict { device, host_name, account, source, facts, .. } = last.found;
    let who = Reporter { device, host_name, account, session: Some(session.clone()), source };
    let (judged, record) = judge(&desk.store, book, groups, who, facts, &desk.metrics, now)?;
    if let Some(record) = record {
        desk.audit.record_blocking(&NewAudit { actor: GATEWAY.into(), ..record });
    }
    let lease = before.and_then(|fit| fit.valid_until);
    let after = before.map_or_else(|| Fit::asked(None, &policies, now), Fit::clone).judged(&judged);
    // Old facts, new policies: the lease goes on as it was, and fresh facts are wanted now.
    let valid_until = [lease, after.valid_until].into_iter().flatten().min();
    Ok(Some(Some(Fit { valid_until, recheck_at: Some(now), ..after })))
}

/// Judges, keeps the verdict, counts it; with the record of it, unless it says the same as the session's last one,
/// in whose place it comes.
fn judge(
    store: &Store,
    book: &Book,
    groups: &[GroupName],
    who: Reporter,
    facts: HostFacts,
    metrics: &Metrics,
    now: Timestamp,
) -> Result<(Judged, Option<NewAudit>)> {
    let policies = verdict::applying(&book.policies, groups, Some(&facts));
    let verdict = verdict::evaluate(&policies, &facts, &book.support, now);
    count(metrics, &policies, &verdict);
    let before = match &who.session {
        Some(session) => store.latest_verdict(session)?,
        None => None,
    };
    // Once in a quarter of an hour for each session: what says nothing new takes no more room.
    let same = before.filter(|before| same(&before.found.verdict, &verdict)).map(|before| before.id);
    let record = same.is_none().then(|| verdict_record(&who, &verdict, now));
    let (platform, lapse) = (facts.os.value().ok().map(|os| os.family), verdict::on_fail(&policies));
    let Reporter { device, host_name, account, session, source } = who;
    let new = NewVerdict { device, host_name, account, session, source, verdict, facts };
    let number = match same {
        Some(number) => {
            store.renew_verdict(number, &new)?;
            number
        }
        None => store.add_verdict(&new)?,
    };
    Ok((Judged { verdict: new.verdict, number, platform, lapse }, record))
}

/// Whether two verdicts differ in nothing but their times.
fn same(one: &Verdict, other: &Verdict) -> bool {
    (&one.policies, one.status, &one.access, &one.results)
        == (&other.policies, other.status, &other.access, &other.results)
}

/// Each check of the policies with the worst that came of it.
fn count(metrics: &Metrics, policies: &[&Policy], verdict: &Verdict) {
    let mut worst: BTreeMap<Check, &'static str> =
        book::checks(policies).into_iter().map(|check| (check, "passed")).collect();
    let order = [Consequence::Recorded, Consequence::Warned, Consequence::InGrace, Consequence::Failed];
    for consequence in order {
        let results = verdict.results.iter().filter(|result| result.consequence == consequence);
        for finding in results.flat_map(|result| &result.findings) {
            worst.insert(finding.check, consequence_name(consequence));
        }
    }
    for (check, outcome) in worst {
        metrics.posture_check(check, outcome);
    }
    metrics.posture_verdict(verdict.status);
}

/// "Device, check, value, outcome."
fn verdict_record(who: &Reporter, verdict: &Verdict, now: Timestamp) -> NewAudit {
    let policies: Vec<String> = verdict
        .policies
        .iter()
        .map(|PolicyVersion { id, version }| format!("{id} version {version}"))
        .collect();
    let checks: Vec<serde_json::Value> = verdict.results.iter().flat_map(checks_of).collect();
    let detail = json!({
        "device": who.device.short(),
        "host_name": who.host_name,
        "policies": policies,
        "access": verdict.access,
        "checks": checks,
    });
    let outcome = match verdict.access {
        Access::Allow => Outcome::Ok,
        Access::Limit(_) | Access::Deny => Outcome::Refused,
    };
    NewAudit { outcome, code: Some(super::word(&verdict.status)), ..record(who, detail, PERSON, now) }
}

fn checks_of(result: &Judgement) -> Vec<serde_json::Value> {
    let outcome = consequence_name(result.consequence);
    let one = |finding: &praya_model::posture::Finding| {
        json!({
            "requirement": result.requirement,
            "outcome": outcome,
            "check": finding.check,
            "expected": finding.expected,
            "found": finding.found,
        })
    };
    if result.findings.is_empty() {
        return vec![json!({ "requirement": result.requirement, "outcome": outcome })];
    }
    result.findings.iter().map(one).collect()
}

fn record(who: &Reporter, detail: serde_json::Value, actor: &str, now: Timestamp) -> NewAudit {
    NewAudit {
        account: Some(who.account.clone()),
        source: Some(who.source),
        session: who.session.clone(),
        detail,
        ..NewAudit::new(now, AuditEvent::Posture, Outcome::Ok, actor)
    }
}

fn groups(store: &Store, account: &AccountName) -> Result<Vec<GroupName>> {
    Ok(store.groups_of(account)?.into_iter().map(|group| group.name).collect())
}

const fn consequence_name(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::Passed => "passed",
        Consequence::Warned => "warned",
        Consequence::Recorded => "recorded",
        Consequence::InGrace => "in_grace",
        Consequence::Failed => "failed",
    }
}

/// The stable name of what is wrong with a report.
const fn name(error: &ReportError) -> &'static str {
    match error {
        ReportError::TooLarge => "too_large",
        ReportError::Signature => "signature",
        ReportError::Malformed(_) => "malformed",
        ReportError::Schema(_) => "schema",
        ReportError::Nonce => "nonce",
        ReportError::LongText => "long_text",
        ReportError::ManyProducts => "many_products",
    }
}
