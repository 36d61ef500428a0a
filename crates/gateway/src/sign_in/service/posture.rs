//! The machine's part of a sign-in: the question with its nonce, and what comes of the report.

use praya_model::{AccountName, FailureCode, SignInStep, Timestamp};
use praya_posture::facts::OsFamily;
use praya_posture::policy::Access;
use praya_posture::report::SignedReport;

use super::super::machine::{Event, MachineVerdict};
use super::{Inner, Talk, not_judged};
use crate::posture::{Fit, Question, Reporter, Unjudged};
use crate::sessions::new_cookie;
use crate::store::StoreError;

impl Inner {
    /// Judges a report. The question it answers is spent, whatever comes of it.
    pub(super) async fn judge_machine(
        &self,
        talk: &mut Talk,
        account: AccountName,
        sealed: SignedReport,
    ) -> Event {
        // Nobody without a key is asked for a report.
        let Some(device) = talk.device_key else {
            return Event::NotJudged(FailureCode::PostureUnsupported);
        };
        let (source, host_name) = (talk.about.source, talk.host_name.clone());
        let who = Reporter { device, host_name, account, session: None, before: talk.verdict, source };
        let now = self.now();
        match self.posture.judge(who, talk.question.take(), sealed, now).await {
            Ok(judged) => {
                talk.verdict = Some(judged.number);
                // What its report says counts, so that it is asked next what concerns that kind.
                talk.platform = judged.platform.or(talk.platform);
                Event::MachineJudged(if judged.verdict.access == Access::Deny {
                    MachineVerdict::Unfit {
                        findings: judged.verdict.findings(),
                        retry_until: judged.verdict.retry_until.unwrap_or(now),
                    }
                } else {
                    MachineVerdict::Fit(Fit::new(&judged))
                })
            }
            Err(Unjudged::Refused(_) | Unjudged::Stale) => Event::MachineJudged(MachineVerdict::BadReport),
            Err(Unjudged::Outdated) => Event::MachineJudged(MachineVerdict::Outdated),
            Err(Unjudged::Store(error)) => Event::NotJudged(not_judged(error.into())),
        }
    }
}

/// Gives a step that asks for a report its nonce, which is good until the step's own end. A person needs minutes to put
/// a machine right, so it is not shorter; the session that comes of it is asked anew.
pub(super) fn question(
    step: &mut SignInStep,
    platform: Option<OsFamily>,
    until: Timestamp,
) -> Result<Option<Question>, StoreError> {
    let SignInStep::Posture { checks, nonce, .. } = step else { return Ok(None) };
    new_cookie()?.expose().clone_into(nonce);
    Ok(Some(Question { nonce: nonce.clone(), checks: checks.clone(), platform, until }))
}
