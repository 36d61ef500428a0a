//! The report for the help desk: what the app knows of its own state, without who, where and what for.
//!
//! It is made by allowing, not by striking out: of the texts in the state only those from closed vocabularies (states,
//! codes, versions) are kept; every other text becomes a name like `<account 1>`, the same one wherever it occurs. So a
//! field that is added later is hidden until somebody allows it.

use std::collections::HashMap;
use std::fmt::Write as _;

use praya_ipc::Diagnosis;
use praya_model::Timestamp;
use serde_json::{Map, Value};

use crate::state::AppState;

/// Keys whose values come from a closed vocabulary of this program.
const PLAIN: &[&str] = &[
    "version",
    "screen",
    "service",
    "rights",
    "state",
    "code",
    "cause",
    "reason",
    "ended",
    "step",
    "resources",
    "kind",
    "protocol",
    "warning",
    "rule",
    "broken",
    "locale",
    "language",
    "theme",
    "open_web",
    "open_rdp",
    "open_ssh",
    "open_share",
    "managed",
    "notices",
    "outcome",
    "support",
];
/// Names of checks of the service's doctor are its own words; the details beside them are not.
const CHECK_NAME: &str = "name";

/// A line of the app's own record of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What, in stable English names.
    pub what: String,
}

/// Facts about the machine that the shell knows; none of them names a person or a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub Vec<(&'static str, String)>);

/// Writes the report.
pub fn report(state: &AppState, facts: &Facts, record: &[Entry], diagnosis: Option<&Diagnosis>) -> String {
    let mut cover = Cover::default();
    let mut text =
        format!("Praya {}\nmade at {} s since 1970\n\n# This computer\n", state.version, state.now.as_secs());
    for (name, value) in &facts.0 {
        // A fact is a version or a word; anything longer is not what it should be.
        let value: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push_str("\n# What happened\n");
    for entry in record {
        let _ = writeln!(text, "{} {}", entry.at.as_secs(), entry.what);
    }
    if let Some(diagnosis) = diagnosis {
        text.push_str("\n# What the service found\n");
        for check in &diagnosis.checks {
            let value = cover.value(CHECK_NAME, serde_json::to_value(check).unwrap_or_default());
            let _ = writeln!(text, "{}: {value}", check.name);
        }
    }
    let mut shown = state.clone();
    // Curves say when somebody worked, and nothing about a fault.
    shown.rates.clear();
    let value = cover.value("", serde_json::to_value(shown).unwrap_or_default());
    let _ = write!(text, "\n# State\n{value:#}\n");
    text
}

/// Gives every text that is covered a name, the same one each time.
#[derive(Default)]
struct Cover {
    names: HashMap<String, String>,
    counts: HashMap<String, usize>,
}

impl Cover {
    fn value(&mut self, key: &str, value: Value) -> Value {
        match value {
            Value::String(text) => {
                Value::String(if is_plain(key, &text) { text } else { self.cover(key, text) })
            }
            Value::Array(items) => items.into_iter().map(|item| self.value(key, item)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(key, value)| {
                    let value = self.value(&key, value);
                    (key, value)
                });
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    fn cover(&mut self, key: &str, text: String) -> String {
        if text.is_empty() {
            return text;
        }
        if let Some(name) = self.names.get(&text) {
            return name.clone();
        }
        let count = self.counts.entry(key.to_owned()).or_default();
        *count += 1;
        let name = format!("<{key} {count}>");
        self.names.insert(text, name.clone());
        name
    }
}

/// Whether `text` is kept: its key is of a closed vocabulary, and it looks like a word of one.
fn is_plain(key: &str, text: &str) -> bool {
    PLAIN.contains(&key)
        && text.len() <= 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

#[cfg(test)]
mod tests {
    use praya_ipc::{Check, CheckOutcome};
    use praya_model::{AccountName, FailureCode, Snapshot, TunnelState};
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{any_state, attached, resource};
    use crate::state::ResourceList;

    fn telling() -> AppState {
        let mut state = attached(Snapshot {
            state: TunnelState::Connected,
            account: Some(AccountName::new("hark.chen")),
            profile: Some("TCC-VPN".parse().unwrap()),
            gateway: Some("vpn.secret.example".parse().unwrap()),
            help_desk: Some("ext 4711".into()),
            last_failure: Some(FailureCode::NameNotFound { host: "vpn.secret.example".into() }.into()),
            ..Snapshot::default()
        });
        let list = vec![resource("payroll")];
        state.resources =
            ResourceList::Ready { list, favourites: vec![], recent: vec![], refreshing: false, stale: None };
        state
    }

    #[test]
    fn the_report_names_the_fault_and_nobody() {
        let check = Check {
            name: "gateway_name".into(),
            outcome: CheckOutcome::Bad,
            detail: "vpn.secret.example does not resolve".into(),
            failure: Some(FailureCode::NameNotFound { host: "vpn.secret.example".into() }.into()),
        };
        let facts = Facts(vec![("desktop", "GNOME".into())]);
        let record = [Entry { at: Timestamp::from_secs(7), what: "connected".into() }];
        let text = report(&telling(), &facts, &record, Some(&Diagnosis { checks: vec![check] }));
        for expected in
            ["desktop: GNOME", "7 connected", "gateway_name: ", "name_not_found", "\"connected\"", "bad"]
        {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        for hidden in ["chen", "TCC", "secret", "4711", "payroll", "staff"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        assert_eq!(text.matches("<host 1>").count(), 2, "the same host has the same name: {text}");
    }

    proptest! {
        #[test]
        fn no_name_of_a_person_or_place_is_in_a_report(
            mut state in any_state(),
            secret in "[A-Z][a-z]{2}[.][a-z]{3}[0-9]{4}",
        ) {
            state.snapshot.account = Some(AccountName::new(secret.as_str()));
            state.snapshot.profile = secret.parse().ok();
            state.snapshot.banner = Some(format!("hello {secret}"));
            state.snapshot.last_failure = Some(FailureCode::Internal { detail: secret.clone() }.into());
            let text = report(&state, &Facts::default(), &[], None);
            prop_assert!(!text.contains(&secret), "{text}");
        }
    }
}
