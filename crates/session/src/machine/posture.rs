//! The endpoint check of a session: the gateway is asked what it wants to know, the machine is read, the report sent.
//!
//! It comes back when the gateway says, after a sleep and after a change of the network. A check that fails on the way
//! is made again and ends nothing: how long a session lives without one is the gateway's to say.

use std::time::Duration;

use praya_model::api::{PostureQuestion, PostureReply};
use praya_model::posture::Finding;
use praya_model::reported::Reported;
use praya_model::snapshot::PostureView;
use praya_model::{Failure, FailureCode, Timestamp};

use super::Context;
use super::live::Live;
use crate::{Answer, CheckId, MachineReport, Question};

/// The shortest time between two checks that nobody asks for, and the pause after one that failed.
const SHORTEST: Duration = Duration::from_secs(60);

/// The shortest pause after one that the gateway puts off.
const BREATH: Duration = Duration::from_secs(5);

/// The check of a session.
#[derive(Debug, Default)]
pub(super) struct Posture {
    stage: Stage,
    /// When the last one began.
    began: Option<Timestamp>,
    /// Whether the person asked for another one while one was under way: it may have read what is put right since.
    again: bool,
    /// What the gateway said last.
    pub(super) view: Option<PostureView>,
    /// What it was told last, in the sign-in perhaps.
    pub(super) reported: Option<Reported>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    /// As soon as the tunnel is up.
    #[default]
    Due,
    /// The next one.
    Waiting(Timestamp),
    /// The gateway's question, or its word on the report, is awaited.
    Asking,
    /// The machine is being read.
    Reading(CheckId),
    /// This gateway has no such check.
    Never,
}

impl Posture {
    /// Of a session whose sign-in told the gateway this of the machine.
    pub(super) fn after_sign_in(reported: Option<Reported>) -> Self {
        Self { reported, ..Self::default() }
    }

    /// The one under way came to nothing.
    pub(super) fn failed(&mut self) {
        self.again = false;
        self.stage = self.began.map_or(Stage::Due, |began| Stage::Waiting(began.after(SHORTEST)));
    }

    /// Something happened that may have changed the machine.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        if let Stage::Waiting(at) = &mut self.stage {
            let soonest = self.began.map_or(now, |began| began.after(SHORTEST));
            *at = soonest.max(now).min(*at);
        }
    }

    /// The person asks for it; how often that does any good is the gateway's to say.
    pub(super) fn now(&mut self, now: Timestamp) {
        match &mut self.stage {
            Stage::Waiting(at) => *at = now,
            Stage::Asking | Stage::Reading(_) => self.again = true,
            Stage::Due | Stage::Never => {}
        }
    }

    fn show(&mut self, findings: &[Finding], limited: bool, ends_in: Option<u32>, now: Timestamp) {
        let ends_at = ends_in.map(|left| now.after(Duration::from_secs(u64::from(left))));
        let findings = findings.to_vec();
        self.view = Some(PostureView { checked_at: now, findings, limited, ends_at });
    }

    fn wait(&mut self, seconds: u32, now: Timestamp) {
        let again = std::mem::take(&mut self.again);
        let pause =
            if again { Duration::ZERO } else { Duration::from_secs(u64::from(seconds)).max(SHORTEST) };
        self.stage = Stage::Waiting(now.after(pause));
    }
}

impl Live {
    /// When the next check is made.
    pub(super) fn check_at(&self) -> Option<Timestamp> {
        match self.posture.stage {
            Stage::Waiting(at) if self.connected() => Some(at),
            Stage::Waiting(_) | Stage::Due | Stage::Asking | Stage::Reading(_) | Stage::Never => None,
        }
    }

    /// Begins a check if it is time for one.
    pub(super) fn check_if_due(&mut self, cx: &mut Context, now: Timestamp) {
        let due = match self.posture.stage {
            Stage::Due => self.connected(),
            Stage::Waiting(at) => self.connected() && at <= now,
            Stage::Asking | Stage::Reading(_) | Stage::Never => false,
        };
        // Only a device that is known can sign a report.
        if due && self.bound {
            self.posture.began = Some(now);
            self.posture.stage = Stage::Asking;
            self.ask(cx, None, Question::Posture);
        }
    }

    /// The machine is read.
    pub(super) fn machine_checked(
        &mut self,
        cx: &mut Context,
        id: CheckId,
        report: Result<MachineReport, FailureCode>,
    ) {
        if self.posture.stage != Stage::Reading(id) {
            return;
        }
        match report {
            Ok(MachineReport { report, reported }) => {
                self.posture.stage = Stage::Asking;
                self.posture.reported = Some(reported);
                self.ask(cx, None, Question::Report(report));
            }
            Err(_) => self.posture.failed(),
        }
    }

    /// The gateway's word on either of the machine's own questions about the check.
    pub(super) fn posture_answered(
        &mut self,
        cx: &mut Context,
        status: u16,
        result: &Result<Answer, Failure>,
        now: Timestamp,
    ) {
        match result {
            Ok(Answer::Posture(asked)) => {
                let PostureQuestion { checks, nonce, recheck_seconds, findings, limited, ends_in_seconds } =
                    asked;
                self.posture.show(findings, *limited, *ends_in_seconds, now);
                if checks.is_empty() {
                    self.posture.wait(*recheck_seconds, now);
                } else {
                    self.posture.stage = Stage::Reading(cx.check(checks.clone(), nonce.clone()));
                }
            }
            Ok(Answer::Judged(judged)) => {
                let PostureReply { findings, status: _, limited, recheck_seconds, ends_in_seconds } =
                    &**judged;
                self.posture.show(findings, *limited, *ends_in_seconds, now);
                self.posture.wait(*recheck_seconds, now);
            }
            // Gateways of earlier versions.
            Err(_) if matches!(status, 404 | 405) => self.posture.stage = Stage::Never,
            Err(Failure { code: FailureCode::Busy { retry_after_seconds }, .. }) => {
                let pause = Duration::from_secs(u64::from(*retry_after_seconds)).clamp(BREATH, SHORTEST);
                // The one that is made then is that.
                self.posture.again = false;
                self.posture.stage = Stage::Waiting(now.after(pause));
            }
            Ok(_) | Err(_) => self.posture.failed(),
        }
    }
}
