//! What the endpoint check found, in words: the same choice of texts as the window's.

use praya_model::posture::{Check, Expected, Finding, Found, Outcome, Unavailable};
use praya_model::reported::{About, ReportedItem, Value};
use serde::Serialize;

use crate::failure::{borrowed, id, named};
use crate::{Arg, Texts, printable};

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingText {
    /// What the check is about.
    pub check: String,
    /// Whether it refuses or warns.
    pub outcome: String,
    /// What policy asks for.
    pub required: String,
    /// What is there instead.
    pub found: String,
    /// What to do about it.
    pub remedy: String,
}

impl Texts {
    /// A finding in words.
    pub fn finding(&self, finding: &Finding) -> FindingText {
        FindingText {
            check: self.posture_check(finding.check),
            outcome: self.say(match finding.outcome {
                Outcome::Failed => "checking-outcome-failed",
                Outcome::Warning => "checking-outcome-warning",
            }),
            required: self.required(finding),
            found: self.found(finding),
            remedy: self.finding_remedy(finding),
        }
    }

    /// What a check is about.
    pub fn posture_check(&self, check: Check) -> String {
        self.say(&id("check", &check))
    }

    /// What is read for a check.
    pub fn posture_reads(&self, check: Check) -> String {
        self.attribute(&id("check", &check), "reads", &[]).unwrap_or_else(|| self.posture_check(check))
    }

    /// Why something is not known.
    pub fn unavailable(&self, reason: Unavailable) -> String {
        self.say(&id("found-unavailable", &reason))
    }

    /// What an item of a report is about, where it is not the whole.
    pub fn reported_about(&self, about: About) -> String {
        self.say(&id("reported", &about))
    }

    /// The value of an item of a report.
    pub fn reported_value(&self, check: Check, item: &ReportedItem) -> String {
        let state =
            |text| if item.about.is_none() { self.of_check(check, text, &[]) } else { self.say(text) };
        match &item.value {
            Value::Text { text } => printable(text),
            Value::On => state("expected-on"),
            Value::Off => state("found-off"),
            Value::Missing => self.say("found-missing"),
            Value::Unavailable { reason } => self.unavailable(*reason),
            Value::Yes => self.say("reported-yes"),
            Value::No => self.say("reported-no"),
            Value::Snoozed => self.say("reported-snoozed"),
            Value::Expired => self.say("reported-expired"),
            Value::Instant { at } => self.say_with("reported-instant", &[("at", (*at).into())]),
            Value::Seconds { seconds } => {
                self.say_with("reported-seconds", &[("seconds", (*seconds).into())])
            }
        }
    }

    /// The text that a check has of its own, else that of all checks.
    pub fn of_check(&self, check: Check, text: &str, args: &[(&str, Arg)]) -> String {
        self.attribute(&id("check", &check), text, args).unwrap_or_else(|| self.say_with(text, args))
    }

    fn required(&self, Finding { check, expected, .. }: &Finding) -> String {
        let (name, mut fields) = named(expected, "expected");
        if let Expected::OneOf { names } | Expected::AllOf { names } | Expected::NoneOf { names } = expected {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            fields.push(("names".to_owned(), names.join(&self.say("name-separator")).into()));
        }
        self.of_check(*check, &format!("expected-{name}"), &borrowed(&fields))
    }

    fn found(&self, Finding { check, found, .. }: &Finding) -> String {
        if let Found::Unavailable { reason } = found {
            return self.unavailable(*reason);
        }
        let (name, fields) = named(found, "found");
        if let Found::Off { name: Some(_) } = found {
            return self.say_with("found-off-named", &borrowed(&fields));
        }
        self.of_check(*check, &format!("found-{name}"), &borrowed(&fields))
    }

    fn finding_remedy(&self, Finding { check, found, .. }: &Finding) -> String {
        if let Found::Unavailable { .. } = found {
            return self.say("checking-unread-remedy");
        }
        let check = id("check", check);
        let (name, _) = named(found, "found");
        let special = self.attribute(&check, &format!("remedy-{name}"), &[]);
        special.or_else(|| self.attribute(&check, "remedy", &[])).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::{Isolation, Locale};

    fn told(
        locale: Locale,
        check: &str,
        expected: serde_json::Value,
        found: serde_json::Value,
    ) -> FindingText {
        let finding = json!({"check": check, "outcome": "failed", "expected": expected, "found": found});
        let texts = Texts::new(locale, &TimeZone::UTC, Isolation::Off);
        texts.finding(&serde_json::from_value(finding).unwrap())
    }

    #[test]
    fn a22_a_finding_says_what_is_required_what_is_there_and_what_to_do() {
        let text = told(
            Locale::En,
            "antivirus",
            json!({"expected": "one_of", "names": ["ClamAV", "Sophos"]}),
            json!({"found": "off", "name": "ClamAV"}),
        );
        assert_eq!(text.check, "Antivirus program");
        assert_eq!(text.required, "One of: ClamAV, Sophos");
        assert_eq!(text.found, "ClamAV is there, but its protection is off");
        assert_eq!(text.remedy, "Switch the program's protection on.");
        let text = told(
            Locale::En,
            "hotfixes",
            json!({"expected": "all_of", "names": ["KB5043080", "KB5044284"]}),
            json!({"found": "missing"}),
        );
        assert_eq!(text.required, "All of: KB5043080, KB5044284");
        assert_eq!(text.found, "Not installed");
        let text = told(
            Locale::En,
            "updates",
            json!({"expected": "within_days", "days": 30}),
            json!({"found": "unavailable", "reason": "timed_out"}),
        );
        assert_eq!(text.required, "Updated within the last 30 days");
        assert!(text.found.contains("in time") && text.remedy.starts_with("Check again"), "{text:?}");
    }

    #[test]
    fn what_was_sent_is_said_with_its_values_in_every_language() {
        let on = ReportedItem { about: None, value: Value::On, source: None };
        let off = ReportedItem { value: Value::Off, ..on.clone() };
        let real_time = ReportedItem { about: Some(About::RealTime), ..on.clone() };
        let texts = |locale| Texts::new(locale, &TimeZone::UTC, Isolation::Off);
        let en = texts(Locale::En);
        assert_eq!(en.reported_value(Check::DiskEncryption, &off), "Not encrypted");
        assert_eq!(en.reported_value(Check::Antivirus, &real_time), "On");
        let seconds = ReportedItem { value: Value::Seconds { seconds: 600 }, ..on.clone() };
        assert_eq!(en.reported_value(Check::ScreenLock, &seconds), "10 minutes");
        let hostile = ReportedItem { value: Value::Text { text: "a\u{1b}[31m".into() }, ..on };
        assert_eq!(en.reported_value(Check::Firewall, &hostile), "a [31m");
        for locale in Locale::ALL {
            for about in About::ALL {
                let said = texts(locale).reported_about(about);
                assert!(!said.contains("reported-"), "{locale}: {said}");
            }
        }
    }

    #[test]
    fn every_finding_has_its_texts_in_every_language() {
        for locale in [Locale::En, Locale::ZhHantTw, Locale::ZhHantMo, Locale::PtMo] {
            for check in Check::ALL {
                let check = serde_json::to_value(check).unwrap();
                for found in ["missing", "off"] {
                    let found = json!({"found": found, "name": null});
                    let text = told(locale, check.as_str().unwrap(), json!({"expected": "on"}), found);
                    let all = [&text.check, &text.outcome, &text.required, &text.found, &text.remedy];
                    let said = |text: &&String| !text.is_empty() && !text.contains("check-");
                    assert!(all.iter().all(said), "{text:?}");
                }
            }
        }
    }
}
