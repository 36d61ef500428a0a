//! Numbers as a person reads them (B-16, B-17).

use std::time::Duration;

use jiff::tz::TimeZone;
use praya_model::Timestamp;

/// A duration as HH:MM:SS; hours go on past 99 rather than turning into days.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Bytes with two decimals and a unit.
///
/// The units are binary and carry the names people know from their file manager: 1 KB is 1024 bytes, 1 MB is
/// 1024 KB. Below one KB there is nothing to round and no decimals.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // A hundredth of the unit, rounded to nearest in integers, so that 1023.999 KB becomes 1.00 MB.
    let mut unit_size: u128 = 1024;
    for (at, unit) in UNITS.iter().enumerate() {
        let hundredths = (u128::from(bytes) * 100 + unit_size / 2) / unit_size;
        if hundredths < 1024 * 100 || at + 1 == UNITS.len() {
            return format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100);
        }
        unit_size *= 1024;
    }
    unreachable!("the last unit always returns")
}

/// A span that is counted down: seconds below a minute and a half, else minutes, else hours and minutes.
pub(crate) fn remaining(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        1 => "1 second".to_owned(),
        0..=89 => format!("{seconds} seconds"),
        90..=5399 => format!("{} minutes", seconds.div_ceil(60)),
        5400..=172_799 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// An instant in the machine's own time zone, to the minute, with the zone's offset.
pub(crate) fn instant(at: Timestamp) -> String {
    instant_in(at, TimeZone::system())
}

fn instant_in(at: Timestamp, zone: TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(instant) => instant.to_zoned(zone).strftime("%Y-%m-%d %H:%M %:z").to_string(),
        Err(_) => "unknown time".to_owned(),
    }
}

/// Text of a peer made safe for a terminal: control characters and direction marks become spaces.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            let redirects =
                matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if (c.is_control() && c != '\n') || redirects { ' ' } else { c }
        })
        .collect()
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
            assert_eq!(duration(Duration::from_secs(seconds)), text);
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
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn a28_countdowns_are_in_the_unit_that_matters() {
        for (seconds, text) in [
            (1, "1 second"),
            (9, "9 seconds"),
            (89, "89 seconds"),
            (90, "2 minutes"),
            (300, "5 minutes"),
            (5400, "1 h 30 min"),
            (200_000, "2 days"),
        ] {
            assert_eq!(remaining(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn an_instant_shows_its_offset() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(instant_in(Timestamp::from_secs(1_700_000_000), zone), "2023-11-15 06:13 +08:00");
    }

    #[test]
    fn a_peers_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}c\td\ne"), "a [31mb c d\ne");
    }
}
