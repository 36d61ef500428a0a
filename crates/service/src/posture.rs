//! Reads this machine for the endpoint check, away from the task that owns the session: the tunnel never waits for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use praya_model::api::PostureReport;
use praya_model::posture::Check;
use praya_model::{FailureCode, Timestamp};
use praya_posture::collect::{self, Machine};
use praya_posture::facts::HostFacts;
use praya_posture::report::{SignedReport, seal};
use praya_posture::reported::reported;
use praya_posture::support::SupportTable;
use praya_session::MachineReport;

use crate::device_key::DeviceKey;

/// What `checks` need to know, and nothing else; within [`collect::LIMIT`].
pub(crate) async fn facts(checks: BTreeSet<Check>) -> Result<HostFacts, FailureCode> {
    let read = move || {
        let machine = Machine::this(Timestamp::from(SystemTime::now()));
        collect::collect(&machine, &checks)
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| FailureCode::Internal { detail: format!("this machine could not be read: {error}") })
}

/// `facts` as they stand in a report.
pub(crate) fn in_json(facts: &HostFacts) -> Result<String, FailureCode> {
    serde_json::to_string(facts).map_err(|error| FailureCode::Internal { detail: error.to_string() })
}

/// As [`facts`], as the report that answers `nonce`, and as the person sees it.
pub(crate) async fn report(
    checks: BTreeSet<Check>,
    nonce: String,
    key: Arc<DeviceKey>,
) -> Result<MachineReport, FailureCode> {
    let facts = facts(checks).await?;
    let sealed = seal(&nonce, &facts, |marked| key.sign_report(marked));
    let SignedReport { report, signature } =
        sealed.map_err(|error| FailureCode::Internal { detail: error.to_string() })?;
    tracing::debug!(bytes = report.len(), "this machine was read for the gateway");
    let reported = reported(&facts, &SupportTable::built_in());
    Ok(MachineReport { report: PostureReport { report, signature }, reported })
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use praya_posture::facts::Unavailable;
    use praya_posture::report::open;

    use super::*;

    #[tokio::test]
    async fn a23_a_report_is_signed_by_the_device_answers_its_question_and_tells_what_was_asked_only() {
        let dir = tempfile::tempdir().unwrap();
        let key = Arc::new(DeviceKey::load_or_create(&dir.path().join("device.key")).unwrap());
        let public = BASE64.decode(key.public().as_bytes()).unwrap().try_into().unwrap();
        let asked = BTreeSet::from([Check::OperatingSystem]);
        let MachineReport { report, reported } = report(asked, "bm9uY2U".to_owned(), key).await.unwrap();
        let PostureReport { report: body, signature } = report;
        let facts = open(&SignedReport { report: body, signature }, "bm9uY2U", &public).unwrap();
        assert!(facts.os.value().is_ok(), "{facts:?}");
        assert_eq!(facts.antivirus.value(), Err(Unavailable::NotAsked));
        assert_eq!(facts.disk.value(), Err(Unavailable::NotAsked));
        let shown: Vec<Check> = reported.facts.iter().map(|fact| fact.check).collect();
        assert_eq!(shown, [Check::OperatingSystem], "the person sees the same");
    }
}
