//! `praya doctor`: what is and is not as it should be, and what to do about it.

use std::path::Path;

use praya_ipc::{Check, CheckOutcome, Client, Diagnosis, Request, Response};
use praya_model::paths::JOURNAL_FILE;
use praya_model::{Failure, FailureCode};
use praya_texts::printable;
use serde::Serialize;

use crate::format::{padded, widest};
use crate::out::{Out, Tone};
use crate::{Ended, text};

/// The name of the finding that the service refused to look.
const REFUSED: &str = "service_checks";

/// Each outcome with the word for it, and its tone.
const OUTCOMES: [(CheckOutcome, &str, Tone); 4] = [
    (CheckOutcome::Good, "cli-doctor-good", Tone::Good),
    (CheckOutcome::Warning, "cli-doctor-warning", Tone::Warning),
    (CheckOutcome::Bad, "cli-doctor-bad", Tone::Bad),
    (CheckOutcome::Skipped, "cli-doctor-skipped", Tone::Heading),
];

/// A finding with the advice spelled out.
#[derive(Debug, Serialize)]
struct Finding {
    #[serde(flatten)]
    check: Check,
    /// What it means and what to do.
    text: Option<String>,
}

/// Looks at everything, as far as it can be reached. Fails when something does not work.
pub(crate) async fn run(client: Result<Client, Failure>, state: &Path, out: Out) -> Result<(), Ended> {
    let mut checks = Vec::new();
    match client {
        Ok(client) => {
            let version = [("version", (&client.hello().version).into())];
            let answers = text::say_with("cli-service-answers", &version);
            checks.push(check("service", CheckOutcome::Good, answers, None));
            match client.request(Request::Doctor).await {
                Ok(Response::Diagnosis { diagnosis: Diagnosis { checks: found } }) => checks.extend(found),
                Ok(_) => return Err(Ended::unexpected()),
                Err(error) => {
                    let failure = error.into_failure();
                    let detail = text::say("cli-not-looked");
                    checks.push(check(REFUSED, CheckOutcome::Skipped, detail, Some(failure)));
                }
            }
        }
        Err(failure) => {
            checks.push(check("service", CheckOutcome::Bad, text::say("cli-no-service"), Some(failure)));
            checks.push(tun_device());
            checks.push(journal(state));
        }
    }
    let failed = has_failed(&checks);
    let findings: Vec<Finding> = checks
        .into_iter()
        .map(|check| Finding { text: check.failure.as_ref().map(text::finding), check })
        .collect();
    out.either(&findings, |findings| report(findings, out))?;
    if failed { Err(Ended::Silent(crate::Exit::Failed)) } else { Ok(()) }
}

/// Whether something does not work, or the service did not look at all.
fn has_failed(checks: &[Check]) -> bool {
    checks
        .iter()
        .any(|check| check.outcome == CheckOutcome::Bad || (check.name == REFUSED && check.failure.is_some()))
}

fn report(findings: &[Finding], out: Out) -> String {
    let width = widest(findings.iter().map(|finding| text::check_name(&finding.check.name)));
    let word_width = widest(OUTCOMES.map(|(_, id, _)| text::say(id)));
    let mut lines = Vec::new();
    for finding in findings {
        let (word, tone) = OUTCOMES
            .into_iter()
            .find(|(outcome, ..)| *outcome == finding.check.outcome)
            .map_or_else(|| (String::new(), Tone::Heading), |(_, id, tone)| (text::say(id), tone));
        let word = out.paint(tone, &padded(&word, word_width));
        let name = padded(&text::check_name(&finding.check.name), width);
        lines.push(format!("{word}  {name}  {}", printable(&finding.check.detail)));
        if let Some(text) = finding.text.as_ref().filter(|_| finding.check.outcome != CheckOutcome::Good) {
            lines.extend(text.lines().map(|line| format!("      {line}")));
        }
    }
    lines.join("\n")
}

fn check(name: &str, outcome: CheckOutcome, detail: String, failure: Option<Failure>) -> Check {
    Check { name: name.to_owned(), outcome, detail, failure }
}

fn tun_device() -> Check {
    if Path::new("/dev/net/tun").exists() {
        return check("tun_device", CheckOutcome::Good, "/dev/net/tun".to_owned(), None);
    }
    let detail = text::say("cli-no-tun");
    let failure = FailureCode::NoTunDevice { detail: detail.clone() }.into();
    check("tun_device", CheckOutcome::Bad, detail, Some(failure))
}

/// Whether a service that is not running has left something behind.
fn journal(state: &Path) -> Check {
    match std::fs::metadata(state.join(JOURNAL_FILE)) {
        Ok(_) => check("leftovers", CheckOutcome::Warning, text::say("cli-leftovers"), None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            check("leftovers", CheckOutcome::Good, text::say("cli-no-leftovers"), None)
        }
        Err(_) => check("leftovers", CheckOutcome::Skipped, text::say("cli-not-allowed-to-look"), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_finding_says_what_to_do() {
        let failure: Failure = FailureCode::ServiceUnavailable.into();
        let finding = Finding {
            text: Some(text::finding(&failure)),
            check: check("service", CheckOutcome::Bad, "no answer".into(), Some(failure)),
        };
        let report = report(&[finding], Out::new(true));
        assert!(report.starts_with("FAIL  Service  no answer\n"), "{report}");
        assert!(report.contains("sudo prayad"), "{report}");
    }

    #[test]
    fn a_doctor_that_was_not_let_in_has_not_found_everything_well() {
        let good = check("service", CheckOutcome::Good, String::new(), None);
        let skipped = check("session", CheckOutcome::Skipped, String::new(), None);
        assert!(!has_failed(&[good.clone(), skipped]));
        let in_use = Some(FailureCode::InUseByAnother.into());
        assert!(has_failed(&[good, check(REFUSED, CheckOutcome::Skipped, String::new(), in_use)]));
    }

    #[test]
    fn a_journal_without_a_service_is_a_leftover() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(journal(dir.path()).outcome, CheckOutcome::Good);
        std::fs::write(dir.path().join(JOURNAL_FILE), "").unwrap();
        assert_eq!(journal(dir.path()).outcome, CheckOutcome::Warning);
    }
}
