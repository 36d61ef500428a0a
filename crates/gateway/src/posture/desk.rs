//! Where reports are opened and judged: by the gateway's clock, kept, recorded and counted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use praya_model::posture::{Check, is_plain};
use praya_model::reported::Reported;
use praya_model::{AccountName, GroupName, SessionId, Timestamp};
use praya_posture::facts::{HostFacts, OsFamily};
use praya_posture::policy::{Access, Policy, Requirement};
use praya_posture::report::{self, ReportError, SignedReport};
use praya_posture::reported::reported;
use praya_posture::verdict::{self, Consequence, Judgement, PolicyVersion, State, Verdict};
use serde_json::{Value, json};

use super::book::{self, Book};
use super::fit::{Fit, Judged, is_silent};
use crate::audit::{Audit, GATEWAY, PERSON};
use crate::http::notice::Notices;
use crate::metrics::Metrics;
use crate::store::{AuditEvent, DeviceKey, NewAudit, NewVerdict, Outcome, Result, Store, StoreError};

/// Judges machines. Clones are the same desk.
#[derive(Clone, Debug)]
pub struct Desk {
    store: Store,
    audit: Audit,
    metrics: Metrics,
    notices: Arc<Notices>,
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
    /// Before that the verdict over the last report of the same sign-in, if there was one.
    pub before: Option<i64>,
    /// Where the report came from.
    pub source: IpAddr,
}

/// A question that was asked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the report must answer.
    pub nonce: String,
    /// What was to be read.
    pub checks: Vec<Check>,
    /// Of which kind the machine was taken to be; what is asked of others only was left out.
    pub platform: Option<OsFamily>,
    /// From then on an answer is too old to be believed.
    pub until: Timestamp,
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
    /// Nobody knows: a policy cannot be read.
    Unreadable,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Unjudged {
    /// The report is none for this device and question.
    #[error(transparent)]
    Refused(#[from] ReportError),
    /// It comes too long after the question.
    #[error("the report answers a question that was asked too long ago")]
    Stale,
    /// Policies changed since the question, and want to know what the machine was not asked.
    #[error("the machine was not asked what policies want to know by now")]
    Outdated,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Desk {
    /// A desk that keeps verdicts in `store`.
    pub fn new(store: Store, audit: Audit, metrics: Metrics) -> Self {
        Self { store, audit, metrics, notices: Arc::default() }
    }

    /// What is asked of somebody at `device`; without one, the client cannot report. What is asked of machines of other
    /// kinds than `platform` only is left out.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask(
        &self,
        account: AccountName,
        device: Option<DeviceKey>,
        platform: Option<OsFamily>,
    ) -> Result<Asked> {
        let notices = Arc::clone(&self.notices);
        let asked = self.store.run(move |store| {
            let (book, groups) = (Book::load(store)?, groups(store, &account)?);
            if let Some(unreadable) = book.unreadable_for(&groups).next() {
                if let Some(more) = notices.due("unreadable policy", Instant::now()) {
                    let why = &unreadable.why;
                    tracing::error!(
                        why,
                        more_held_back = more,
                        "a policy cannot be read, so nobody comes in"
                    );
                }
                return Ok(Asked::Unreadable);
            }
            let policies = book.applying(&groups, None);
            Ok::<_, StoreError>(match device {
                _ if policies.is_empty() => Asked::Nothing,
                Some(_) => Asked::Report(book::checks(&policies, platform).into_iter().collect()),
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
            Asked::Nothing | Asked::Report(_) | Asked::Unreadable => {}
        }
        Ok(asked)
    }

    /// Opens the report that answers `question` and judges it. Without a question there is nothing to answer. A report
    /// that is refused is recorded and counted, and nothing else happens.
    ///
    /// # Errors
    /// [`Unjudged`].
    pub async fn judge(
        &self,
        who: Reporter,
        question: Option<Question>,
        sealed: SignedReport,
        now: Timestamp,
    ) -> Result<Judged, Unjudged> {
        let (facts, checks, platform) = match open(&sealed, question, &who.device, now) {
            Ok(opened) => opened,
            Err(error) => {
                let problem = name(&error);
                self.metrics.posture_report_refused(problem);
                let detail = json!({ "device": who.device.short(), "problem": problem });
                let record = NewAudit {
                    outcome: Outcome::Refused,
                    code: Some("bad_posture_report".into()),
                    ..record(&who, detail, PERSON, now)
                };
                self.audit.record(record).await;
                return Err(error);
            }
        };
        let (metrics, audit) = (self.metrics.clone(), self.audit.clone());
        self.store
            .run(move |store| {
                let (book, groups) = (Book::load(store)?, groups(store, &who.account)?);
                if let Some(unreadable) = book.unreadable_for(&groups).next() {
                    return Err(StoreError::Failed { detail: unreadable.why.clone() }.into());
                }
                // Of a machine that turns out to be of another kind, what was not asked is not known.
                let wanted = book::checks(&book.applying(&groups, None), platform);
                if !wanted.iter().all(|check| checks.contains(check)) {
                    return Err(Unjudged::Outdated);
                }
                let (judged, record) = judge(store, &book, &groups, who, facts, &metrics, now)?;
                // Here, so that nobody who stops waiting takes it away.
                if let Some(record) = record {
                    audit.record_blocking(&record);
                }
                Ok(judged)
            })
            .await
    }
}

/// The facts in the report that answers `question`, and what was to be read for it on a machine of which kind.
fn open(
    sealed: &SignedReport,
    question: Option<Question>,
    key: &DeviceKey,
    now: Timestamp,
) -> Result<(HostFacts, Vec<Check>, Option<OsFamily>), Unjudged> {
    let Some(Question { nonce, checks, platform, until }) = question else {
        return Err(ReportError::Nonce.into());
    };
    let facts = report::open(sealed, &nonce, &key.0)?;
    if now >= until { Err(Unjudged::Stale) } else { Ok((plain(&facts)?, checks, platform)) }
}

/// The same with plain texts, so that no machine spoofs a table by what it calls itself.
fn plain(facts: &HostFacts) -> Result<HostFacts, ReportError> {
    fn clean(value: &mut Value) {
        match value {
            Value::String(text) => text.retain(is_plain),
            Value::Array(list) => list.iter_mut().for_each(clean),
            Value::Object(fields) => fields.values_mut().for_each(clean),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let malformed = |error: serde_json::Error| ReportError::Malformed(error.to_string());
    let mut value = serde_json::to_value(facts).map_err(malformed)?;
    clean(&mut value);
    serde_json::from_value(value).map_err(malformed)
}

/// Whether other policies are for a session than those that it was judged by.
pub(crate) fn wanted(book: &Book, groups: &[GroupName], fit: Option<&Fit>) -> bool {
    let versions = book.versions(groups, fit.and_then(|fit| fit.platform));
    fit.map_or(&[][..], |fit| &fit.policies) != versions
}

/// What becomes of a session's fitness when policies, or its person's groups, may have changed; `None` when they have
/// not. What the machine said last is judged anew where it answers what is asked now and still counts. Its client hears
/// of it at `told`. Blocks.
///
/// # Errors
/// The store's.
pub(crate) fn follow(
    desk: &Desk,
    book: &Book,
    groups: &[GroupName],
    who: &(SessionId, AccountName, Option<DeviceKey>),
    before: Option<&Fit>,
    told: Timestamp,
    now: Timestamp,
) -> Result<Option<Option<Fit>>> {
    let (session, account, device) = who;
    if !wanted(book, groups, before) {
        return Ok(None);
    }
    let platform = before.and_then(|fit| fit.platform);
    if let Some(unreadable) = book.unreadable_for(groups).next() {
        if let Some(more) = desk.notices.due("unreadable policy of a session", Instant::now()) {
            let why = &unreadable.why;
            tracing::error!(
                why,
                more_held_back = more,
                "a policy cannot be read, so a session reaches nothing"
            );
        }
        let PolicyVersion { id, version } = &unreadable.version;
        desk.audit.record_blocking(&NewAudit {
            account: Some(account.clone()),
            session: Some(session.clone()),
            code: Some("policy_unreadable".into()),
            detail: json!({ "policy": id, "version": version }),
            ..NewAudit::new(now, AuditEvent::Posture, Outcome::Failed, GATEWAY)
        });
        return Ok(Some(Some(Fit::closed(book.versions(groups, platform), before))));
    }
    let policies = book.applying(groups, platform);
    if policies.is_empty() {
        return Ok(Some(None));
    }
    if device.is_none() {
        return Ok(Some(Some(Fit::without_report(&policies))));
    }
    let asked = || Ok(Some(Some(Fit::asked(before, &policies, told, now))));
    if before.is_some_and(|fit| is_silent(fit, now)) && verdict::on_fail(&policies) != Access::Allow {
        return asked();
    }
    let last = desk.store.latest_verdict(session)?;
    let Some(last) = last else { return asked() };
    let kind = last.found.facts.os.value().ok().map(|os| os.family);
    if !book::answered(&last.found.facts, &book::checks(&policies, kind)) {
        return asked();
    }
    let NewVerdict { device, host_name, account, source, facts, .. } = last.found;
    let who = Reporter { device, host_name, account, session: Some(session.clone()), before: None, source };
    let (judged, record) = judge(&desk.store, book, groups, who, facts, &desk.metrics, now)?;
    if let Some(record) = record {
        desk.audit.record_blocking(&NewAudit { actor: GATEWAY.into(), ..record });
    }
    Ok(Some(Some(Fit::judged_again(before, &judged, told))))
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
    let platform = facts.os.value().ok().map(|os| os.family);
    count(metrics, &policies, platform, &verdict);
    // Whose place it takes: what says nothing new takes no more room, and a sign-in has one verdict, the newest.
    let (place, news) = match &who.session {
        Some(session) => {
            let before = store.latest_verdict(session)?;
            let same = before.filter(|before| same(&before.found.verdict, &verdict));
            (same.as_ref().map(|before| before.id), same.is_none())
        }
        None => (who.before, true),
    };
    let lapse = verdict::on_fail(&policies);
    let about = who.clone();
    let Reporter { device, host_name, account, session, source, before: _ } = who;
    let new = NewVerdict { device, host_name, account, session, source, verdict, facts };
    let added = match place {
        Some(number) => store.renew_verdict(number, &new)?,
        None => store.add_verdict(&new)?,
    };
    let record = news.then(|| verdict_record(&about, book, &new, added.crowded, now));
    let number = added.number;
    Ok((Judged { verdict: new.verdict, number, platform, lapse }, record))
}

/// Whether two verdicts differ in nothing but their times.
fn same(one: &Verdict, other: &Verdict) -> bool {
    (&one.policies, one.status, &one.access, &one.results)
        == (&other.policies, other.status, &other.access, &other.results)
}

/// Each check of the policies with the worst that came of it.
fn count(metrics: &Metrics, policies: &[&Policy], platform: Option<OsFamily>, verdict: &Verdict) {
    let mut worst: BTreeMap<Check, &'static str> =
        book::checks(policies, platform).into_iter().map(|check| (check, "passed")).collect();
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

/// "Device, check, value, outcome." Of a machine that says something else all day long the checks are left out.
fn verdict_record(who: &Reporter, book: &Book, new: &NewVerdict, crowded: bool, now: Timestamp) -> NewAudit {
    let (verdict, read) = (&new.verdict, reported(&new.facts, &book.support));
    let policies: Vec<String> = verdict
        .policies
        .iter()
        .map(|PolicyVersion { id, version }| format!("{id} version {version}"))
        .collect();
    let checks: Vec<Value> =
        verdict.results.iter().flat_map(|result| checks_of(result, book, new, &read)).collect();
    let mut detail = json!({
        "device": who.device.short(),
        "host_name": who.host_name,
        "policies": policies,
        "access": verdict.access,
    });
    if let Some(would_be) = &verdict.if_enforced {
        detail["if_enforced"] = json!(would_be);
    }
    if crowded {
        detail["checks_left_out"] = checks.len().into();
    } else {
        detail["checks"] = checks.into();
    }
    let outcome = match verdict.access {
        Access::Allow => Outcome::Ok,
        Access::Limit(_) | Access::Deny => Outcome::Refused,
    };
    NewAudit { outcome, code: Some(super::word(&verdict.status)), ..record(who, detail, PERSON, now) }
}

/// Each thing that is wrong; or the requirement as a whole with what was read for it, of which one part may be enough.
fn checks_of(result: &Judgement, book: &Book, new: &NewVerdict, read: &Reported) -> Vec<Value> {
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
    if result.state == State::Skipped {
        return vec![json!({ "requirement": result.requirement, "outcome": "skipped" })];
    }
    if result.findings.is_empty() {
        let requirements = book.policies.iter().filter(|policy| policy.id == result.policy);
        let mut requirements = requirements.flat_map(|policy| &policy.requirements);
        let checks = requirements.find(|found| found.id == result.requirement).map(Requirement::checks);
        // In a word, such as the names of programs.
        let values = |check| match new.facts.hotfixes.value() {
            // How many there are tells enough.
            Ok(all) if check == Check::Hotfixes => json!([all.len()]),
            _ => {
                let facts = read.facts.iter().filter(|fact| fact.check == check);
                facts.filter_map(|fact| fact.items.first()).map(|item| json!(item.value)).collect()
            }
        };
        let read: serde_json::Map<_, _> =
            checks.into_iter().flatten().map(|check| (super::word(&check), values(check))).collect();
        return vec![json!({ "requirement": result.requirement, "outcome": outcome, "read": read })];
    }
    result.findings.iter().map(one).collect()
}

fn record(who: &Reporter, detail: Value, actor: &str, now: Timestamp) -> NewAudit {
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
const fn name(error: &Unjudged) -> &'static str {
    match error {
        Unjudged::Stale => "stale",
        Unjudged::Refused(ReportError::TooLarge) => "too_large",
        Unjudged::Refused(ReportError::Signature) => "signature",
        Unjudged::Refused(ReportError::Malformed(_)) => "malformed",
        Unjudged::Refused(ReportError::Schema(_)) => "schema",
        Unjudged::Refused(ReportError::Nonce) => "nonce",
        Unjudged::Refused(ReportError::LongText) => "long_text",
        Unjudged::Refused(ReportError::ManyProducts) => "many_products",
        Unjudged::Refused(ReportError::Hotfixes) => "hotfixes",
        Unjudged::Outdated | Unjudged::Store(_) => "not_judged",
    }
}
