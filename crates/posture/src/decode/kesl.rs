//! `kesl-control --app-info`: Kaspersky Endpoint Security on Linux, of version 10 and later.

use jiff::tz::TimeZone;
use praya_model::Timestamp;

use super::product::Reported;
use super::{Malformed, date, said};
use crate::facts::{Family, RealTime};

/// What it says of itself; its times are in the system's own zone, and 1970 stands for never. Without its databases it
/// scans nothing.
///
/// # Errors
/// When it is no such answer.
pub fn kaspersky(answer: &str, zone: &TimeZone) -> Result<Reported, Malformed> {
    let wrong = Malformed("the state of Kaspersky Endpoint Security");
    let value = |names: [&str; 2]| {
        let mut lines = answer.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| names.contains(&name.trim())).map(|(_, value)| value.trim())
    };
    let loaded = value(["Application databases loaded", "Anti-virus databases loaded"]).ok_or(wrong)?;
    let watching = value(["File Threat Protection", "File monitoring"]).ok_or(wrong)?;
    let made = value(["Last release date of databases"; 2]).and_then(|made| date::plain(made, zone).ok());
    let real_time = match watching {
        "Available and running" if loaded == "Yes" => RealTime::On,
        "Unavailable due to license limitation" => RealTime::Expired,
        _ => RealTime::Off,
    };
    Ok(Reported {
        version: value(["Version"; 2]).and_then(said),
        running: (loaded != "Yes").then_some(false),
        real_time: Some(real_time),
        definitions_at: made.filter(|made| *made > Timestamp::from_secs(86_400)),
        ..Reported::new(Family::Kaspersky, "Kaspersky Endpoint Security")
    })
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
        ];
        for answer in answers {
            assert!(kaspersky(answer, &TimeZone::UTC).is_err(), "{answer}");
        }
    }
}
