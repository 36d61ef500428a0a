//! A calendar day (UTC): support ends on days and grace lasts until one, not until an instant.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use praya_model::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A day, written `2027-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// The first instant after this day.
    pub fn end(self) -> Timestamp {
        let next = self.0.tomorrow().unwrap_or(Date::MAX);
        let start = next.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp().as_millisecond());
        Timestamp::from_millis(start.unwrap_or(i64::MAX))
    }
}

/// A text is not a [`Day`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a day, such as 2027-01-31")]
pub struct BadDay;

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        // `jiff` also takes a time after the day; a day has none.
        if text.len() != 10 {
            return Err(BadDay);
        }
        text.parse().map(Self).map_err(|_| BadDay)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_when_the_next_one_begins() {
        let day: Day = "2025-10-14".parse().unwrap();
        assert_eq!(day.end(), Timestamp::from_secs(1_760_486_400), "2025-10-15T00:00:00Z");
        assert_eq!(day.to_string(), "2025-10-14");
        assert!("9999-12-31".parse::<Day>().unwrap().end() > day.end());
    }

    #[test]
    fn what_is_not_a_day_is_refused() {
        for bad in ["", "2025-02-30", "2025-10-14T00:00", "14.10.2025", "tomorrow", "2025-1-1", "20251014"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
