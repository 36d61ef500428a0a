//! Times and numbers as a person reads them (B-16, B-17): the functions that messages may call.

use jiff::tz::TimeZone;

/// A span as HH:MM:SS; hours go on past 99 rather than turning into days.
pub fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Bytes with two decimals after `separator` and a unit.
///
/// The units are binary and carry the names people know from their file manager: 1 KB is 1024 bytes, 1 MB is
/// 1024 KB. Below one KB there is nothing to round and no decimals.
pub fn bytes(bytes: u64, separator: &str) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // A hundredth of the unit, rounded to nearest in integers, so that 1023.999 KB becomes 1.00 MB.
    let mut unit_size: u128 = 1024;
    for (at, unit) in UNITS.iter().enumerate() {
        let hundredths = (u128::from(bytes) * 100 + unit_size / 2) / unit_size;
        if hundredths < 1024 * 100 || at + 1 == UNITS.len() {
            return format!("{}{separator}{:02} {unit}", hundredths / 100, hundredths % 100);
        }
        unit_size *= 1024;
    }
    unreachable!("the last unit always returns")
}

/// The two largest units of a span: the message that says the unit, and how many there are. A second part of zero is
/// left out.
pub(crate) fn span(seconds: u64) -> (Part, Option<Part>) {
    let (large, small) = match seconds {
        0..60 => return (("duration-seconds", seconds), None),
        60..3600 => (("duration-minutes", seconds / 60), ("duration-seconds", seconds % 60)),
        3600..172_800 => (("duration-hours", seconds / 3600), ("duration-minutes", seconds / 60 % 60)),
        _ => (("duration-days", seconds / 86_400), ("duration-hours", seconds / 3600 % 24)),
    };
    (large, Some(small).filter(|(_, count)| *count > 0))
}

/// The id of a unit's message, and how many of the unit.
pub(crate) type Part = (&'static str, u64);

/// The arguments of the message `date-time` for an instant in `zone`; `None` where the calendar ends.
pub(crate) fn date_time(unix_seconds: i64, zone: &TimeZone) -> Option<[(&'static str, String); 11]> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = jiff::Timestamp::from_second(unix_seconds).ok()?.to_zoned(zone.clone());
    let name = |names: &[&str], from_zero: i8| {
        usize::try_from(from_zero)
            .ok()
            .and_then(|at| names.get(at))
            .map_or_else(String::new, ToString::to_string)
    };
    let period = match at.hour() {
        0..5 => "night",
        5..12 => "am",
        _ => "pm",
    };
    let hour12 = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    Some([
        ("year", at.year().to_string()),
        ("month", at.month().to_string()),
        ("month2", format!("{:02}", at.month())),
        ("month_name", name(&MONTHS, at.month() - 1)),
        ("day", at.day().to_string()),
        ("day2", format!("{:02}", at.day())),
        ("weekday", name(&WEEKDAYS, at.weekday().to_monday_zero_offset())),
        ("hour2", format!("{:02}", at.hour())),
        ("hour12", hour12.to_string()),
        ("minute2", format!("{:02}", at.minute())),
        ("period", period.to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b17_durations_are_hours_minutes_seconds() {
        for (seconds, text) in [
            (0, "00:00:00"),
            (3, "00:00:03"),
            (59, "00:00:59"),
            (3600, "01:00:00"),
            (86_399, "23:59:59"),
            (400_000, "111:06:40"),
        ] {
            assert_eq!(clock(seconds), text);
        }
    }

    #[test]
    fn b16_bytes_have_two_decimals_and_a_unit() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KB"),
            (24_115, "23.55 KB"),
            (48_445, "47.31 KB"),
            (1024 * 1024 - 1, "1.00 MB"),
            (1024 * 1024 - 6, "1023.99 KB"),
            (1024 * 1024, "1.00 MB"),
            (5 * 1024 * 1024 * 1024, "5.00 GB"),
            (u64::MAX, "16384.00 PB"),
        ] {
            assert_eq!(bytes(count, "."), text, "{count}");
        }
        assert_eq!(bytes(24_115, ","), "23,55 KB");
    }
}
