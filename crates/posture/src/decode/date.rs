//! The forms in which systems and products write dates.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use praya_model::Timestamp;

use super::Malformed;

const NOT_A_DATE: Malformed = Malformed("a date");

/// `Wed Oct  7 06:24:00 2026`, as `ctime(3)` writes it: in the system's own time zone.
pub fn ctime(text: &str, zone: &TimeZone) -> Result<Timestamp, Malformed> {
    let words: Vec<&str> = text.split_ascii_whitespace().skip(1).collect();
    local("%b %d %H:%M:%S %Y", &words.join(" "), zone)
}

/// `2026-10-07 06:24:00`, as dpkg's log writes it: in the system's own time zone.
pub fn plain(text: &str, zone: &TimeZone) -> Result<Timestamp, Malformed> {
    local("%Y-%m-%d %H:%M:%S", text, zone)
}

/// `07 Oct 2026 06-24 +0000`, as ClamAV's databases write it.
pub fn clamav(text: &str) -> Result<Timestamp, Malformed> {
    zoned("%d %b %Y %H-%M %z", text)
}

/// `2026-10-07T06:24:00+0000` or with another zone, as DNF's log writes it.
pub fn iso(text: &str) -> Result<Timestamp, Malformed> {
    zoned("%Y-%m-%dT%H:%M:%S%z", &text.replace('Z', "+0000"))
}

/// `20261007062400.000000+480`, as WMI writes it (MS-WMIO `CIM_DATETIME`): the offset is in minutes.
pub fn cim(text: &str) -> Result<Timestamp, Malformed> {
    let (date, rest) = text.trim().split_once('.').ok_or(NOT_A_DATE)?;
    let sign = rest.find(['+', '-']).ok_or(NOT_A_DATE)?;
    let (_, offset) = rest.split_at_checked(sign).ok_or(NOT_A_DATE)?;
    let minutes: i32 = offset.parse().map_err(|_| NOT_A_DATE)?;
    let seconds = minutes.checked_mul(60).ok_or(NOT_A_DATE)?;
    let offset = Offset::from_seconds(seconds).map_err(|_| NOT_A_DATE)?;
    local("%Y%m%d%H%M%S", date, &offset.to_time_zone())
}

/// A FILETIME of Windows: hundreds of nanoseconds since 1601. One of the time before 1970 is none.
pub const fn filetime(ticks: u64) -> Result<Timestamp, Malformed> {
    const BEFORE_1970: u64 = 11_644_473_600_000;
    match (ticks / 10_000).checked_sub(BEFORE_1970) {
        Some(millis) => Ok(Timestamp::from_millis(millis.cast_signed())),
        None => Err(NOT_A_DATE),
    }
}

fn zoned(form: &str, text: &str) -> Result<Timestamp, Malformed> {
    let time = strtime::parse(form, text.trim()).and_then(|parts| parts.to_timestamp());
    time.map(|time| Timestamp::from_millis(time.as_millisecond())).map_err(|_| NOT_A_DATE)
}

fn local(form: &str, text: &str, zone: &TimeZone) -> Result<Timestamp, Malformed> {
    let parsed: Result<DateTime, _> = strtime::parse(form, text.trim()).and_then(|parts| parts.to_datetime());
    let time = parsed.and_then(|time| time.to_zoned(zone.clone())).map_err(|_| NOT_A_DATE)?;
    Ok(Timestamp::from_millis(time.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_791_354_240);

    #[test]
    fn every_form_of_the_same_moment() {
        let utc = TimeZone::UTC;
        let macau = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(ctime("Wed Oct  7 06:24:00 2026", &utc), Ok(AT));
        assert_eq!(ctime("Wed Oct  7 14:24:00 2026", &macau), Ok(AT));
        assert_eq!(plain("2026-10-07 14:24:00", &macau), Ok(AT));
        assert_eq!(clamav("07 Oct 2026 06-24 +0000"), Ok(AT));
        assert_eq!(clamav("07 Oct 2026 02-24 -0400"), Ok(AT));
        assert_eq!(iso("2026-10-07T06:24:00+0000"), Ok(AT));
        assert_eq!(iso("2026-10-07T06:24:00Z"), Ok(AT));
        assert_eq!(cim("20261007142400.000000+480"), Ok(AT));
        assert_eq!(cim("20261007062400.123456-000"), Ok(AT));
    }

    #[test]
    fn what_is_no_date_is_said_to_be_none() {
        for text in
            ["", "7", "Wed", "99 Oct 2026 06-24 +0000", "20261007.+99999999999", "Wed, x GMT", "é.+480"]
        {
            assert!(ctime(text, &TimeZone::UTC).is_err(), "{text}");
            assert!(plain(text, &TimeZone::UTC).is_err(), "{text}");
            assert!(clamav(text).is_err() && iso(text).is_err() && cim(text).is_err(), "{text}");
        }
    }
}
