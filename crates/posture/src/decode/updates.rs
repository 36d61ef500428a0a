//! When updates of a system were installed: packages of Windows' Component Based Servicing, the dates of
//! `Win32_QuickFixEngineering`, and `InstallHistory.plist` of macOS.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use praya_model::Timestamp;

use super::{Malformed, date};
use crate::facts::is_hotfix;

/// `CurrentState` of a package that is installed.
pub const INSTALLED: u32 = 0x70;

/// Whether this is the name of an update among the packages: `Package_for_RollupFix~…`, `Package_for_KB5044284~…`. The
/// others are parts of the system that came with it.
pub fn is_update(package: &str) -> bool {
    ["Package_for_RollupFix~", "Package_for_KB"].iter().any(|prefix| package.starts_with(prefix))
}

/// Each `HotFixID` of `Win32_QuickFixEngineering` once, in the order of their texts: of more than `most` those with the
/// highest numbers, which are the newest. What Windows could not name (`File 1`) is left out.
pub fn hotfixes<'a>(ids: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let mut ids: Vec<&str> = ids.map(str::trim).filter(|id| is_hotfix(id)).collect();
    ids.sort_unstable_by_key(|id| (id.len(), *id));
    ids.dedup();
    let newest = ids.into_iter().rev().take(most).map(str::to_owned);
    newest.collect::<BTreeSet<_>>().into_iter().collect()
}

/// `InstalledOn` of `Win32_QuickFixEngineering`, a text without a fixed form: `10/7/2026`, the month first whatever the
/// system's language, `20261007`, or the 16 digits of a FILETIME.
///
/// # Errors
/// When it has none of these forms.
pub fn installed_on(text: &str) -> Result<Timestamp, Malformed> {
    let text = text.trim();
    if text.len() == 16 {
        let ticks = u64::from_str_radix(text, 16).map_err(|_| NOT_A_DATE)?;
        return date::filetime(ticks);
    }
    let date = Date::strptime("%m/%d/%Y", text).or_else(|_| Date::strptime("%Y%m%d", text));
    let begin = date.and_then(|date| date.to_zoned(TimeZone::UTC)).map_err(|_| NOT_A_DATE)?;
    Ok(Timestamp::from_millis(begin.timestamp().as_millisecond()))
}

const NOT_A_DATE: Malformed = Malformed("the date of an update");

/// When macOS or Safari were updated last, from `InstallHistory.plist`; `None` if never. Other rows are programs and
/// lists of malware, which say nothing of the system.
///
/// # Errors
/// When it is no XML property list of that form.
pub fn macos(history: &str) -> Result<Option<Timestamp>, Malformed> {
    let wrong = Malformed("the history of macOS's updates");
    if !history.contains("<plist") {
        return Err(wrong);
    }
    let mut newest = None;
    for row in history.split("<dict>").skip(1) {
        let value = |key: &str, kind: &str| {
            let (_, after) = row.split_once(&format!("<key>{key}</key>"))?;
            let value = after.trim_start().strip_prefix(&format!("<{kind}>"))?;
            value.split_once(&format!("</{kind}>")).map(|(value, _)| value)
        };
        let of_system = |name: &str| SYSTEM.iter().any(|prefix| name.starts_with(prefix));
        if value("displayName", "string").is_some_and(of_system) {
            let at = date::iso(value("date", "date").ok_or(wrong)?)?;
            newest = newest.max(Some(at));
        }
    }
    Ok(newest)
}

const SYSTEM: [&str; 5] = ["macOS", "OS X", "Security Update", "Rapid Security Response", "Safari"];

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Timestamp = Timestamp::from_secs(1_791_331_200);

    #[test]
    fn every_form_of_a_hotfixs_day() {
        for text in ["10/7/2026", "10/07/2026", " 20261007 ", "01dd562470aa4000"] {
            assert_eq!(
                installed_on(text).map(|at| at.as_secs() / 86400),
                Ok(DAY.as_secs() / 86400),
                "{text}"
            );
        }
        for text in ["", "13/10/2026", "7.10.2026", "2026-10-07", "zzzzzzzzzzzzzzzz", "éééééééé"] {
            assert!(installed_on(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hotfixes_by_name() {
        let ids =
            ["KB5044284", "File 1", " KB5043080 ", "KB5044284", "", "KB999", "KB123456789", "KB504428x"];
        assert_eq!(hotfixes(ids.into_iter(), 9), ["KB5043080", "KB5044284"]);
        let ids = ["KB5043080", "KB976932", "KB5044284", "KB5044284"];
        assert_eq!(hotfixes(ids.into_iter(), 9), ["KB5043080", "KB5044284", "KB976932"]);
        assert_eq!(hotfixes(ids.into_iter(), 2), ["KB5043080", "KB5044284"]);
    }

    #[test]
    fn updates_among_the_packages() {
        assert!(is_update("Package_for_RollupFix~31bf3856ad364e35~amd64~~26100.2033.1.5"));
        assert!(is_update("Package_for_KB5043080~31bf3856ad364e35~amd64~~26100.1742.1.10"));
        for other in ["Microsoft-Windows-Client-Features-Package~31bf3856ad364e35~amd64~~10.0.26100.1", ""] {
            assert!(!is_update(other), "{other}");
        }
    }

    #[test]
    fn of_macos_only_updates_of_the_system_count() {
        let history = super::super::tests::fixture("install_history/InstallHistory.plist");
        assert_eq!(macos(&history), Ok(Some(Timestamp::from_secs(1_791_354_240))));
        assert_eq!(macos("<plist><array></array></plist>"), Ok(None));
        for wrong in ["", "bplist00", "<plist><dict><key>displayName</key><string>macOS 26</string></dict>"] {
            assert!(macos(wrong).is_err(), "{wrong}");
        }
    }
}
