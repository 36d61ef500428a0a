//! What a policy says of a machine: every requirement's outcome at once, and what follows (A-22, A-23, 4F).
//!
//! Three values: a requirement is met, not met, or not known. What is not known is not met unless the policy says
//! otherwise for the check, and it stays unknown under `not`, so that absence never passes for good news.

mod antivirus;
mod judge;
mod names;
mod os;

use std::collections::BTreeMap;
use std::time::Duration;

pub use praya_model::posture::Status;
use praya_model::posture::{Finding, MAX_FINDINGS, Outcome};
use praya_model::{GroupName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::facts::HostFacts;
use crate::policy::{Access, OnUnavailable, Policy, Requirement, Severity};
use crate::support::SupportTable;
use judge::{Judge, Judged, Truth};
pub(crate) use os::build_numbers;

/// What the policies that apply say of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// By which policies.
    pub policies: Vec<PolicyVersion>,
    /// In a word.
    pub status: Status,
    /// When, by the gateway's clock.
    pub evaluated_at: Timestamp,
    /// Until when it holds; without end where no policy applies that is enforced.
    pub valid_until: Option<Timestamp>,
    /// When the machine is to be checked again; never where no policy applies.
    pub recheck_at: Option<Timestamp>,
    /// Until when a refused machine may be put right without a new code; never where no policy applies that is
    /// enforced.
    pub retry_until: Option<Timestamp>,
    /// What the session may reach.
    pub access: Access,
    /// What it would be if every policy were enforced (see [`Policy::enforce`]); absent where every one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_enforced: Option<IfEnforced>,
    /// Every requirement of every policy.
    pub results: Vec<Judgement>,
}

/// What a verdict would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IfEnforced {
    /// In a word.
    pub status: Status,
    /// What the session could reach.
    pub access: Access,
}

/// A policy as it was when it judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// [`Policy::id`].
    pub id: String,
    /// [`Policy::version`].
    pub version: u32,
}

/// What became of one requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The policy's id.
    pub policy: String,
    /// The requirement's id.
    pub requirement: String,
    /// Its severity.
    pub severity: Severity,
    /// Whether the machine meets it.
    pub state: State,
    /// What follows.
    pub consequence: Consequence,
    /// Why: empty where it is met without reserve.
    pub findings: Vec<Finding>,
}

/// Whether a machine meets a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does.
    Met,
    /// It does not.
    NotMet,
    /// Nobody knows.
    Unknown,
    /// It is not asked of this kind of machine.
    Skipped,
}

/// What follows from a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Nothing.
    Passed,
    /// The person is told.
    Warned,
    /// It stands in the record; the person is not told.
    Recorded,
    /// The person is told; later it will be [`Consequence::Failed`] (see [`Policy::grace_until`]).
    InGrace,
    /// [`Policy::on_fail`].
    Failed,
}

impl Verdict {
    /// What the person is told: all of it at once, what refuses first. Of more than [`MAX_FINDINGS`] the last one that
    /// is told says how many follow.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for wanted in [Consequence::Failed, Consequence::InGrace, Consequence::Warned] {
            let told = self.results.iter().filter(|result| result.consequence == wanted);
            for finding in told.flat_map(|result| &result.findings) {
                let same = |other: &Finding| {
                    (other.check, &other.expected, &other.found)
                        == (finding.check, &finding.expected, &finding.found)
                };
                if !findings.iter().any(same) {
                    findings.push(finding.clone());
                }
            }
        }
        let more = u32::try_from(findings.len().saturating_sub(MAX_FINDINGS)).unwrap_or(u32::MAX);
        findings.truncate(MAX_FINDINGS);
        if let Some(last) = findings.last_mut().filter(|_| more > 0) {
            last.more = Some(more);
        }
        findings
    }
}

/// The policies that are for somebody in `groups` on the machine of `facts`; without facts, on any machine.
pub fn applying<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    groups: &[GroupName],
    facts: Option<&HostFacts>,
) -> Vec<&'a Policy> {
    let platform = facts.and_then(|facts| facts.os.value().ok()).map(|os| os.family);
    policies.into_iter().filter(|policy| policy.applies(groups, platform)).collect()
}

/// What a client gets that cannot report, by the policies that apply to its person.
pub fn without_report(policies: &[&Policy]) -> Access {
    policies.iter().map(|policy| policy.left_without_report()).fold(Access::Allow, Access::and)
}

/// What a machine gets that fails something of each of these policies.
pub fn on_fail(policies: &[&Policy]) -> Access {
    policies.iter().map(|policy| policy.left_on_fail()).fold(Access::Allow, Access::and)
}

/// Judges the machine of `facts` by `policies` at `now`, which is the gateway's own time.
pub fn evaluate(policies: &[&Policy], facts: &HostFacts, support: &SupportTable, now: Timestamp) -> Verdict {
    let trial = policies.iter().any(|policy| !policy.enforce).then(|| {
        let enforced: Vec<Policy> = policies.iter().map(|policy| policy.enforced()).collect();
        let results = judge(&enforced.iter().collect::<Vec<_>>(), facts, support, now);
        IfEnforced { status: status_of(&results), access: access_of(policies, &results) }
    });
    let results = judge(policies, facts, support, now);
    let after = |minutes: u32| now.after(Duration::from_secs(u64::from(minutes) * 60));
    // A policy that is not enforced takes nothing from anybody, and so no time either.
    let enforced = || policies.iter().filter(|policy| policy.enforce);
    Verdict {
        policies: policies
            .iter()
            .map(|policy| PolicyVersion { id: policy.id.clone(), version: policy.version })
            .collect(),
        status: status_of(&results),
        evaluated_at: now,
        valid_until: enforced().map(|policy| after(policy.lease_minutes)).min(),
        recheck_at: policies.iter().map(|policy| after(policy.recheck_minutes)).min(),
        retry_until: enforced().map(|policy| after(policy.retry_minutes)).min(),
        access: access_of(policies, &results),
        if_enforced: trial,
        results,
    }
}

fn judge(policies: &[&Policy], facts: &HostFacts, support: &SupportTable, now: Timestamp) -> Vec<Judgement> {
    let of = |policy| {
        let judge = Judge { policy, facts, support, now };
        policy.requirements.iter().map(move |requirement| judgement(&judge, requirement))
    };
    policies.iter().copied().flat_map(of).collect()
}

fn status_of(results: &[Judgement]) -> Status {
    results.iter().map(status).max().unwrap_or(Status::NotApplicable)
}

fn access_of(policies: &[&Policy], results: &[Judgement]) -> Access {
    let failed = |policy: &&&Policy| {
        results.iter().any(|result| result.policy == policy.id && result.consequence == Consequence::Failed)
    };
    policies.iter().filter(failed).map(|policy| policy.on_fail.clone()).fold(Access::Allow, Access::and)
}

/// What one requirement makes of the whole.
fn status(result: &Judgement) -> Status {
    match (result.consequence, result.state) {
        (Consequence::Failed, State::Unknown) => Status::Unknown,
        (Consequence::Failed, State::Met | State::NotMet | State::Skipped) => Status::NonCompliant,
        (_, State::Skipped) => Status::NotApplicable,
        (Consequence::InGrace, _) => Status::InGrace,
        _ => Status::Compliant,
    }
}

fn judgement(judge: &Judge<'_>, requirement: &Requirement) -> Judgement {
    let (policy, platform) = (judge.policy, judge.facts.os.value().ok().map(|os| os.family));
    let (state, consequence, judged) = if requirement.applies(platform) {
        let judged = judge.expression(&requirement.expression, false);
        let in_grace = policy.grace_until.is_some_and(|day| judge.now < day.end());
        let severity = if policy.enforce { requirement.severity } else { Severity::Audit };
        (state(judged.truth), consequence(&judged, severity, in_grace), judged)
    } else {
        (State::Skipped, Consequence::Passed, Judged::met())
    };
    let outcome = if consequence == Consequence::Failed { Outcome::Failed } else { Outcome::Warning };
    let finding = |gap: judge::Gap| Finding {
        check: gap.check,
        outcome,
        expected: gap.expected,
        found: gap.found,
        link: requirement.link.clone(),
        more: None,
    };
    Judgement {
        policy: policy.id.clone(),
        requirement: requirement.id.clone(),
        severity: requirement.severity,
        state,
        consequence,
        findings: judged.gaps.into_iter().map(finding).collect(),
    }
}

const fn state(truth: Truth) -> State {
    match truth {
        Truth::Met => State::Met,
        Truth::NotMet => State::NotMet,
        Truth::Unknown(_) => State::Unknown,
    }
}

/// The table of 4F: truth × severity × what the policy says about what is not known.
const fn consequence(judged: &Judged, severity: Severity, in_grace: bool) -> Consequence {
    let unmet = match judged.truth {
        Truth::Met if judged.gaps.is_empty() => return Consequence::Passed,
        Truth::Unknown(OnUnavailable::Pass) => return Consequence::Passed,
        Truth::Met | Truth::Unknown(OnUnavailable::Warn) => false,
        Truth::NotMet | Truth::Unknown(OnUnavailable::Fail) => true,
    };
    match severity {
        Severity::Audit => Consequence::Recorded,
        Severity::Mandatory if unmet && in_grace => Consequence::InGrace,
        Severity::Mandatory if unmet => Consequence::Failed,
        Severity::Mandatory | Severity::Optional => Consequence::Warned,
    }
}

/// A machine as it was seen once, for a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it reported.
    pub facts: HostFacts,
    /// The groups of the person who used it.
    pub groups: Vec<GroupName>,
    /// When the gateway got the report.
    pub at: Timestamp,
}

/// What a policy would have said of machines that were seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// How many machines got each word.
    pub statuses: BTreeMap<Status, u32>,
    /// By requirement: how many machines would have failed it.
    pub failed: BTreeMap<String, u32>,
    /// By requirement: how many machines were never asked what it needs or could not tell.
    pub unknown: BTreeMap<String, u32>,
}

impl DryRun {
    /// Judges every machine of `seen` by `policy` as of the time it was seen, as if it were enforced, and counts what
    /// comes of it.
    ///
    /// What was not asked then is not known now: [`DryRun::unknown`] says how much of the result that touches.
    pub fn add<'a>(
        &mut self,
        policy: &Policy,
        seen: impl IntoIterator<Item = &'a Seen>,
        support: &SupportTable,
    ) {
        let policy = policy.enforced();
        for machine in seen {
            let policies = applying([&policy], &machine.groups, Some(&machine.facts));
            let verdict = evaluate(&policies, &machine.facts, support, machine.at);
            *self.statuses.entry(verdict.status).or_default() += 1;
            for result in verdict.results {
                match (result.state, result.consequence) {
                    (State::Unknown, _) => *self.unknown.entry(result.requirement).or_default() += 1,
                    (_, Consequence::Failed) => *self.failed.entry(result.requirement).or_default() += 1,
                    (State::Met | State::NotMet | State::Skipped, _) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
