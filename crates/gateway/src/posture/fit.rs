//! What the endpoint check leaves of a session's access as time passes (4F: lease, recheck, warn first). Pure.

use std::time::Duration;

use praya_model::Timestamp;
use praya_model::posture::{Finding, Status};
use praya_posture::facts::OsFamily;
use praya_posture::policy::{Access, Policy};
use praya_posture::verdict::{PolicyVersion, Verdict, on_fail};
use serde::{Deserialize, Serialize};

use crate::sessions::expiry::Jump;

/// While a machine is to be put right, it is looked at again at least so often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A report that is late by so much is overdue.
const OVERDUE: Duration = Duration::from_secs(60);
/// Where no policy sets it, a client asks again after so long.
pub const ASK_AGAIN: Duration = Duration::from_secs(15 * 60);

/// A verdict with what it does not say itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Its number in the store.
    pub number: i64,
    /// The machine's kind by its own word.
    pub platform: Option<OsFamily>,
    /// What is left when no newer verdict comes in time: what a failing machine gets.
    pub lapse: Access,
}

/// How fit a session's machine is, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// The policies that the rest follows from.
    pub policies: Vec<PolicyVersion>,
    /// The machine's kind by its own word.
    pub platform: Option<OsFamily>,
    /// The number of the verdict in the store; absent where the machine has not been judged.
    pub verdict: Option<i64>,
    /// The verdict in a word.
    pub status: Status,
    /// What the person is told.
    pub findings: Vec<Finding>,
    /// What is in force.
    pub access: Access,
    /// Until when it is, without a newer verdict.
    pub valid_until: Option<Timestamp>,
    /// What is in force after that, where it is less.
    pub lapse: Access,
    /// When the machine is to be judged again.
    pub recheck_at: Option<Timestamp>,
    /// What comes unless the machine is put right.
    pub due: Option<Due>,
}

/// Less access, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// From when on.
    pub at: Timestamp,
    /// What is left then.
    pub access: Access,
}

impl Fit {
    /// That of a session which begins with this verdict.
    pub fn new(judged: &Judged) -> Self {
        let Judged { verdict, number, platform, lapse } = judged;
        Self {
            policies: verdict.policies.clone(),
            platform: *platform,
            verdict: Some(*number),
            status: verdict.status,
            findings: verdict.findings(),
            access: verdict.access.clone(),
            valid_until: verdict.valid_until,
            lapse: lapse.clone(),
            recheck_at: verdict.recheck_at,
            due: None,
        }
    }

    /// That of a session whose client cannot report.
    pub fn without_report(policies: &[&Policy]) -> Self {
        Self {
            policies: versions(policies),
            platform: None,
            verdict: None,
            status: Status::Unknown,
            findings: Vec::new(),
            access: praya_posture::verdict::without_report(policies),
            valid_until: None,
            lapse: Access::Deny,
            recheck_at: None,
            due: None,
        }
    }

    /// That of a session of which policies now want to know what it was never asked: what it has it keeps for as long
    /// as a machine may be put right, from when its client has asked, which it is to do at `told`.
    pub fn asked(before: Option<&Self>, policies: &[&Policy], told: Timestamp, now: Timestamp) -> Self {
        let access = before.map_or(Access::Allow, |fit| fit.access.clone());
        let lapse = on_fail(policies);
        let minutes = policies
            .iter()
            .filter(|policy| policy.enforce)
            .map(|policy| policy.retry_minutes)
            .min()
            .unwrap_or(0);
        let mut at = heard_by(told, now).after(Duration::from_secs(u64::from(minutes) * 60));
        if let Some(due) = before.and_then(|fit| fit.due.as_ref()) {
            at = at.min(due.at);
        }
        Self {
            policies: versions(policies),
            platform: before.and_then(|fit| fit.platform),
            verdict: None,
            status: Status::Unknown,
            findings: before.map_or_else(Vec::new, |fit| fit.findings.clone()),
            due: (!within(&access, &lapse)).then(|| Due { at, access: lapse.clone() }),
            access,
            // The lease goes on as it was.
            valid_until: before.and_then(|fit| fit.valid_until),
            lapse,
            recheck_at: Some(now),
        }
    }

    /// That of a session whose policies, named by `versions`, cannot be read: nobody knows what they ask, so nothing is
    /// left until they can be, and the session stays.
    pub fn closed(versions: Vec<PolicyVersion>, before: Option<&Self>) -> Self {
        Self {
            policies: versions,
            platform: before.and_then(|fit| fit.platform),
            verdict: None,
            status: Status::Unknown,
            findings: Vec::new(),
            access: Access::Limit(Vec::new()),
            valid_until: None,
            lapse: Access::Limit(Vec::new()),
            recheck_at: None,
            due: None,
        }
    }

    /// In the place of one that was stored and cannot be read. It names a policy that nobody has, so that the policies
    /// in force are followed at once.
    pub fn unreadable() -> Self {
        let nobodys = PolicyVersion { id: String::new(), version: 0 };
        Self::closed(vec![nobodys], None)
    }

    /// Whether it is [`Fit::unreadable`].
    pub fn is_unreadable(&self) -> bool {
        self.policies.iter().any(|policy| policy.id.is_empty())
    }

    /// That of the same session after another verdict. What leaves at least as much is in force at once; what takes
    /// something away warns first.
    #[must_use]
    pub fn judged(&self, judged: &Judged) -> Self {
        self.judged_until(judged, judged.verdict.retry_until.unwrap_or(judged.verdict.evaluated_at))
    }

    /// That after other policies have judged what the machine said before, of which its client hears when it asks the
    /// next time, at `told`. It warns from then on, and begins no lease: the old one goes on; where there is none, the
    /// machine has as long to report anew as it would have to be put right.
    #[must_use]
    pub fn judged_again(before: Option<&Self>, judged: &Judged, told: Timestamp) -> Self {
        let now = judged.verdict.evaluated_at;
        let warned = |until: Timestamp| heard_by(told, now).after(until.since(now));
        let retry = judged.verdict.retry_until.map(warned);
        let first = Self { access: Access::Allow, ..Self::new(judged) };
        let after = before.unwrap_or(&first).judged_until(judged, retry.unwrap_or(now));
        let new = judged.verdict.valid_until.max(retry);
        let valid_until = match before.and_then(|fit| fit.valid_until) {
            Some(lease) => Some(new.map_or(lease, |new| lease.min(new))),
            None => retry,
        };
        Self { valid_until, recheck_at: Some(now), ..after }
    }

    fn judged_until(&self, judged: &Judged, at: Timestamp) -> Self {
        let new = Self::new(judged);
        if within(&self.access, &new.access) {
            return new;
        }
        let now = judged.verdict.evaluated_at;
        let at = self.due.as_ref().map_or(at, |due| due.at.min(at));
        let soon = now.after(LOOK_AGAIN);
        Self {
            due: Some(Due { at, access: new.access }),
            access: self.access.clone(),
            // A bad verdict does not lengthen the lease of the last good one; where there is none, it begins one.
            valid_until: self.valid_until.or(new.valid_until),
            recheck_at: Some(new.recheck_at.map_or(soon, |at| at.min(soon))),
            ..new
        }
    }

    /// That at `now`, if time has changed it; or if nothing is left, so that nobody forgets to end the session.
    pub fn as_of(&self, now: Timestamp) -> Option<Self> {
        if self.access == Access::Deny {
            return Some(self.clone());
        }
        let lapsed = self.valid_until.is_some_and(|until| now >= until).then_some(&self.lapse);
        let due = self.due.as_ref().filter(|due| now >= due.at).map(|due| &due.access);
        if lapsed.is_none() && due.is_none() {
            return None;
        }
        // Time only takes: what is left is what all of them leave.
        let access = [lapsed, due].into_iter().flatten().cloned().fold(self.access.clone(), Access::and);
        Some(Self {
            access,
            valid_until: self.valid_until.filter(|_| lapsed.is_none()),
            due: self.due.clone().filter(|_| due.is_none()),
            ..self.clone()
        })
    }

    /// The same after a time that counts for nobody: the gateway was down, or its clock jumped.
    #[must_use]
    pub fn moved(self, jump: Jump) -> Self {
        let moved = |at: Timestamp| jump.of(at);
        Self {
            valid_until: self.valid_until.map(moved),
            recheck_at: self.recheck_at.map(moved),
            due: self.due.map(|due| Due { at: moved(due.at), ..due }),
            ..self
        }
    }

    /// Seconds until the session ends unless its machine is put right, or at last reported.
    pub fn ends_in(&self, now: Timestamp) -> Option<u32> {
        let due = self.due.as_ref().filter(|due| due.access == Access::Deny).map(|due| due.at);
        let overdue = self.recheck_at.is_some_and(|at| now >= at.after(OVERDUE));
        let lease = self.valid_until.filter(|_| overdue && self.lapse == Access::Deny);
        due.into_iter().chain(lease).min().map(|at| seconds(at, now))
    }
}

/// Whether a session that is fit like this was limited and has not reported for so long that nothing it said before
/// counts any longer. What is closed counts again once policies can be read.
pub(super) fn is_silent(fit: &Fit, now: Timestamp) -> bool {
    let closed = fit.verdict.is_none() && fit.recheck_at.is_none();
    fit.access != Access::Allow && !closed && fit.valid_until.is_none_or(|until| now >= until)
}

/// Whether a session that is fit like this reaches only some resources.
pub fn is_limited(fit: Option<&Fit>) -> bool {
    fit.is_some_and(|fit| fit.access != Access::Allow)
}

/// By when a client has heard what changes now, that was told to ask at `told`.
fn heard_by(told: Timestamp, now: Timestamp) -> Timestamp {
    now.max(told.after(OVERDUE))
}

/// Seconds until a session that is fit like this is to be asked about again.
pub fn recheck_in(fit: Option<&Fit>, now: Timestamp) -> u32 {
    let at = fit.and_then(|fit| fit.recheck_at).unwrap_or(now.after(ASK_AGAIN));
    seconds(at, now)
}

/// Which writings these are.
pub fn versions(policies: &[&Policy]) -> Vec<PolicyVersion> {
    policies.iter().map(|policy| PolicyVersion { id: policy.id.clone(), version: policy.version }).collect()
}

/// Whether `less` leaves nothing that `more` does not.
fn within(less: &Access, more: &Access) -> bool {
    less.clone().and(more.clone()) == *less
}

fn seconds(at: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(at.since(now).as_secs()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
