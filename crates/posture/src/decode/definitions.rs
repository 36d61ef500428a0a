//! What antivirus programs of Windows write of their definitions into the registry and into files (4A).

use jiff::civil::Date;
use jiff::tz::TimeZone;
use praya_model::Timestamp;

use super::{Malformed, said};

const WRONG: Malformed = Malformed("a version of definitions");

/// ESET's `ScannerVersion`: `29743 (20261007)`, where the day may be missing.
///
/// # Errors
/// Without a day.
pub fn eset(version: &str) -> Result<Timestamp, Malformed> {
    let (_, after) = version.split_once('(').ok_or(WRONG)?;
    day(after.split_once(')').ok_or(WRONG)?.0)
}

/// `CurDefs` of Symantec's `definfo.dat`: `20261007.001`.
///
/// # Errors
/// When there is no such line.
pub fn symantec(file: &str) -> Result<String, Malformed> {
    file.lines().find_map(|line| line.trim().strip_prefix("CurDefs=")).and_then(said).ok_or(WRONG)
}

/// The day in [`symantec`]'s version.
///
/// # Errors
/// When it does not begin with one.
pub fn symantec_day(version: &str) -> Result<Timestamp, Malformed> {
    day(version.split('.').next().unwrap_or_default())
}

/// Kaspersky's `LastSuccessfulUpdate`, in seconds since 1970. Zero and all ones stand for never.
///
/// # Errors
/// When there was none.
pub fn kaspersky(seconds: u32) -> Result<Timestamp, Malformed> {
    match seconds {
        0 | u32::MAX => Err(WRONG),
        _ => Ok(Timestamp::from_secs(seconds.into())),
    }
}

/// Trend Micro's `InternalNonCrcPatternVer`, as its own pages write it: 2012300 is `20.123.00`.
pub fn trend_micro(pattern: u32) -> String {
    format!("{}.{:03}.{:02}", pattern / 100_000, pattern / 100 % 1000, pattern % 100)
}

fn day(text: &str) -> Result<Timestamp, Malformed> {
    let begin = Date::strptime("%Y%m%d", text.trim()).and_then(|day| day.to_zoned(TimeZone::UTC));
    Ok(Timestamp::from_millis(begin.map_err(|_| WRONG)?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Timestamp = Timestamp::from_secs(1_791_331_200);

    #[test]
    fn days_in_versions() {
        assert_eq!(eset("29743 (20261007)"), Ok(DAY));
        assert_eq!(symantec("[DefDates]\r\nCurDefs=20261007.001\r\n").as_deref(), Ok("20261007.001"));
        assert_eq!(symantec_day("20261007.001"), Ok(DAY));
        for version in ["", "29743", "29743 ()", "29743 (2026", "(20261399)"] {
            assert!(eset(version).is_err() && symantec(version).is_err(), "{version}");
            assert!(symantec_day(version).is_err(), "{version}");
        }
    }

    #[test]
    fn never_is_no_time() {
        assert_eq!(kaspersky(1_791_331_200), Ok(DAY));
        assert!(kaspersky(0).is_err() && kaspersky(u32::MAX).is_err());
    }

    #[test]
    fn trend_micros_patterns() {
        assert_eq!(trend_micro(2_012_300), "20.123.00");
        assert_eq!(trend_micro(1_700_541), "17.005.41");
    }
}
