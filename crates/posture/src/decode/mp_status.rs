//! `MSFT_MpComputerStatus` of WMI's `root\Microsoft\Windows\Defender`, as names and values (4A).

use super::product::Reported;
use super::{Malformed, date, said};
use crate::facts::{Family, RealTime};

/// What Defender says of itself: scanning needs the engine on, files watched, and not the passive mode beside another
/// program.
///
/// # Errors
/// When the rows lack what every version of the class has.
pub fn defender<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Reported, Malformed> {
    let mut enabled = None;
    let mut watching = None;
    let mut passive = false;
    let mut defender = Reported::new(Family::Defender, "Microsoft Defender Antivirus");
    for (name, value) in rows {
        let value = value.trim();
        match name.trim() {
            "AntivirusEnabled" => enabled = Some(truth(value)?),
            "RealTimeProtectionEnabled" => watching = Some(truth(value)?),
            "AMRunningMode" => passive = !value.is_empty() && value != "Normal",
            "AMEngineVersion" => defender.engine_version = said(value),
            "AMProductVersion" => defender.version = said(value),
            "AntivirusSignatureVersion" => defender.definitions_version = said(value),
            "AntivirusSignatureLastUpdated" => {
                defender.definitions_at = date::cim(value).or_else(|_| date::iso(value)).ok();
            }
            "DefenderSignaturesOutOfDate" => defender.definitions_current = truth(value).ok().map(|old| !old),
            _ => {}
        }
    }
    let running = enabled.ok_or(WRONG)?;
    let on = running && watching.ok_or(WRONG)? && !passive;
    defender.running = Some(running);
    defender.real_time = Some(if on { RealTime::On } else { RealTime::Off });
    Ok(defender)
}

const WRONG: Malformed = Malformed("the status of Microsoft Defender");

fn truth(value: &str) -> Result<bool, Malformed> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "-1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(WRONG),
    }
}

/// The rows of a listing with one `name : value` or `name=value` each; other lines are left out.
pub fn rows(listing: &str) -> impl Iterator<Item = (&str, &str)> {
    listing.lines().filter_map(|line| {
        let at = line.find([':', '='])?;
        let (name, value) = line.split_at_checked(at)?;
        Some((name.trim(), value.get(1..)?.trim()))
    })
}

#[cfg(test)]
mod tests {
    use praya_model::Timestamp;

    use super::*;

    fn fixture(name: &str) -> Result<Reported, Malformed> {
        let listing = super::super::tests::fixture(&format!("mp_status/{name}"));
        defender(rows(&listing))
    }

    #[test]
    fn on_with_current_definitions() {
        let status = fixture("on.txt").unwrap();
        assert_eq!((status.running, status.real_time), (Some(true), Some(RealTime::On)));
        assert_eq!(status.definitions_version.as_deref(), Some("1.439.210.0"));
        assert_eq!(status.definitions_at, Some(Timestamp::from_secs(1_791_354_240)));
        assert_eq!(status.definitions_current, Some(true));
        assert_eq!(status.version.as_deref(), Some("4.18.26080.7"));
        assert_eq!(status.engine_version.as_deref(), Some("1.1.26080.3009"));
    }

    #[test]
    fn enabled_does_not_mean_that_files_are_watched() {
        let status = fixture("real-time-off.txt").unwrap();
        assert_eq!((status.running, status.real_time), (Some(true), Some(RealTime::Off)));
    }

    #[test]
    fn passive_beside_another_program_does_not_protect() {
        let status = fixture("passive.txt").unwrap();
        assert_eq!((status.running, status.real_time), (Some(true), Some(RealTime::Off)));
        assert_eq!(status.definitions_current, Some(false));
    }

    #[test]
    fn without_what_matters_nothing_is_said() {
        for listing in
            ["", "AntivirusEnabled : True", "AntivirusEnabled : perhaps\nRealTimeProtectionEnabled : True"]
        {
            assert_eq!(defender(rows(listing)), Err(WRONG), "{listing}");
        }
    }
}
