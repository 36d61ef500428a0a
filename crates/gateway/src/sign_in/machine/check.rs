//! The machine's part of the conversation: what policies ask of it by now, its reports, and the time to put it right.

use praya_model::posture::{self, Finding};
use praya_model::{FailureCode, SignInStep, Timestamp};
use praya_posture::policy::Access;

use super::{Action, Complete, Conversation, Fitting, MachineVerdict, Rules, State};
use crate::posture::{Asked, Fit};

/// What is asked of the machine.
#[derive(Debug, Default)]
pub(super) struct Check {
    pub(super) checks: Vec<posture::Check>,
    pub(super) findings: Vec<Finding>,
    /// Until when it may be put right; set once it was found wanting.
    pub(super) retry_until: Option<Timestamp>,
    /// What was wrong with the last report.
    pub(super) notice: Option<FailureCode>,
}

impl Conversation {
    /// Looks up what policies ask; with what was asked of the machine already, where it was: they may have changed.
    pub(super) fn find_policy(&mut self, complete: Complete, check: Option<Check>) -> Action {
        let account = complete.account.clone();
        self.state = State::FindingPolicy(complete, check);
        Action::FindPolicy { account }
    }

    pub(super) fn policy_found(
        &mut self,
        complete: Complete,
        check: Option<Check>,
        found: Asked,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        match found {
            Asked::Nothing => self.find_elsewhere(Fitting { complete, fit: None }),
            Asked::Unreported(fit) => self.fits(complete, fit),
            Asked::Refused => Action::Refuse(FailureCode::PostureUnsupported),
            Asked::Unreadable => Action::Refuse(FailureCode::Internal { detail: "policy".into() }),
            Asked::Report(checks) => {
                let check = Check { checks, ..check.unwrap_or_default() };
                self.ask_machine(complete, check, rules, now)
            }
        }
    }

    pub(super) fn machine_judged(
        &mut self,
        complete: Complete,
        mut check: Check,
        verdict: MachineVerdict,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        check.notice = None;
        match verdict {
            MachineVerdict::Fit(fit) => return self.fits(complete, fit),
            MachineVerdict::Unfit { findings, retry_until } => {
                check.findings = findings;
                // Counted from the first refusal: no number of reports makes it longer.
                let until = *check.retry_until.get_or_insert(retry_until);
                if now >= until {
                    return Action::Refuse(FailureCode::PostureFailed);
                }
                self.deadline = until;
                // Policy says how long that is; what comes after it has the time of a step.
                self.end = self.end.max(until.after(rules.step_time));
            }
            MachineVerdict::BadReport => check.notice = Some(FailureCode::BadPostureReport),
            MachineVerdict::Outdated => {}
        }
        self.find_policy(complete, Some(check))
    }

    /// The one door from the check to a session.
    fn fits(&mut self, complete: Complete, fit: Fit) -> Action {
        match fit.access {
            Access::Allow | Access::Limit(_) => self.find_elsewhere(Fitting { complete, fit: Some(fit) }),
            Access::Deny => Action::Refuse(FailureCode::PostureFailed),
        }
    }

    /// Asks for a report; the shell gives the question its nonce.
    pub(super) fn ask_machine(
        &mut self,
        complete: Complete,
        mut check: Check,
        rules: &Rules,
        now: Timestamp,
    ) -> Action {
        let left = |until: Timestamp| u32::try_from(until.since(now).as_secs()).unwrap_or(u32::MAX);
        let step = SignInStep::Posture {
            checks: check.checks.clone(),
            findings: check.findings.clone(),
            retry_seconds: check.retry_until.map(left),
            nonce: String::new(),
        };
        let notice = check.notice.take();
        self.state = State::CheckingMachine(complete, check);
        self.ask(step, notice, rules, now)
    }
}

/// Whether the machine was judged and may not come in as it is.
pub(super) const fn found_wanting(state: &State) -> bool {
    matches!(state, State::CheckingMachine(_, Check { retry_until: Some(_), .. }))
}
