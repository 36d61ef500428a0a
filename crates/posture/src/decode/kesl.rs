//! `kesl-control --app-info`, with and without `--json`: Kaspersky Endpoint Security on Linux, of version 10 and later.
//!
//! Both are known from what others publish of them, not from the product. The names in the JSON are the words of the
//! other form, and both may be in the language of the product: what is not in these words is not understood.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use praya_model::Timestamp;
use serde_json::Value;

use super::product::Reported;
use super::{Malformed, date, said};
use crate::facts::{Family, RealTime};

const WRONG: Malformed = Malformed("the state of Kaspersky Endpoint Security");

/// What it says of itself; its times are in the system's own zone, and 1970 stands for never. Without its databases it
/// scans nothing.
///
/// # Errors
/// When it is no such answer, or says something that is not known.
pub fn kaspersky(answer: &str, zone: &TimeZone) -> Result<Reported, Malformed> {
    let values = values(answer)?;
    let value = |names: [&str; 2]| names.iter().find_map(|name| values.get(*name)).map(String::as_str);
    let loaded = match value(["Application databases loaded", "Anti-virus databases loaded"]) {
        Some("Yes" | "true") => true,
        Some("No" | "None" | "false") => false,
        _ => return Err(WRONG),
    };
    let real_time = match value(["File Threat Protection", "File monitoring"]) {
        Some("Available and running") if loaded => RealTime::On,
        Some("Available and running" | "Available and stopped") => RealTime::Off,
        Some("Unavailable due to license limitation") => RealTime::Expired,
        _ => return Err(WRONG),
    };
    let made = value(["Last release date of databases"; 2]).and_then(|made| date::plain(made, zone).ok());
    Ok(Reported {
        version: value(["Version"; 2]).and_then(said),
        running: (!loaded).then_some(false),
        real_time: Some(real_time),
        definitions_at: made.filter(|made| *made > Timestamp::from_secs(86_400)),
        ..Reported::new(Family::Kaspersky, "Kaspersky Endpoint Security")
    })
}

/// What it calls each value, from an object of JSON or from lines.
fn values(answer: &str) -> Result<BTreeMap<String, String>, Malformed> {
    if answer.trim_start().starts_with('{') {
        let object: BTreeMap<String, Value> = serde_json::from_str(answer).map_err(|_| WRONG)?;
        let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(object.into_iter().map(|(name, value)| (name, plain(value))).collect());
    }
    let lines = answer.lines().filter_map(|line| line.split_once(':'));
    Ok(lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> Reported {
        let macau = TimeZone::fixed(jiff::tz::offset(8));
        kaspersky(&super::super::tests::fixture(&format!("kesl/{name}")), &macau).unwrap()
    }

    #[test]
    fn two_generations() {
        let on = told("12-on.txt");
        assert_eq!((on.running, on.real_time), (None, Some(RealTime::On)));
        assert_eq!(on.definitions_at, Some(Timestamp::from_secs(1_791_354_240)));
        assert_eq!(on.version.as_deref(), Some("12.1.0.1543"));
        assert_eq!(told("12-on.json"), on, "the same in JSON");
        let off = told("10-stopped.txt");
        assert_eq!((off.running, off.real_time), (None, Some(RealTime::Off)));
        assert_eq!(off.definitions_at, Some(Timestamp::from_secs(1_534_968_660)));
    }

    #[test]
    fn without_databases_or_a_licence_nothing_protects() {
        let empty = told("12-no-databases.txt");
        assert_eq!((empty.running, empty.real_time), (Some(false), Some(RealTime::Off)));
        assert_eq!(empty.definitions_at, None);
        let expired = "Application databases loaded: Yes\n\
                       File Threat Protection: Unavailable due to license limitation\n";
        assert_eq!(kaspersky(expired, &TimeZone::UTC).unwrap().real_time, Some(RealTime::Expired));
    }

    #[test]
    fn other_answers_are_not_taken_for_it() {
        let answers = [
            "",
            "Error: service is not running",
            "Version: 12",
            "File Threat Protection: Available and running",
            "{}",
            "{\"Version\":",
            // Another language, and words that are not known.
            "Базы программы загружены: Да\nЗащита от файловых угроз: Доступна и запущена",
            r#"{"Базы программы загружены":"Да","Защита от файловых угроз":"Доступна и запущена"}"#,
            "Application databases loaded: Sim\nFile Threat Protection: Available and running",
            "Application databases loaded: Yes\nFile Threat Protection: Available and waiting",
            r#"{"Application databases loaded":"Yes","File Threat Protection":{}}"#,
        ];
        for answer in answers {
            assert!(kaspersky(answer, &TimeZone::UTC).is_err(), "{answer}");
        }
    }
}
