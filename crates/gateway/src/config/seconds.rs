//! Durations in the configuration file are whole seconds.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// Longest duration the file may hold: ten years, so that sums cannot overflow.
const LONGEST: u64 = 315_360_000;

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = u64::deserialize(deserializer).map_err(|error| {
        serde::de::Error::custom(format!("{error} (a whole number of seconds is expected)"))
    })?;
    if seconds > LONGEST {
        return Err(serde::de::Error::custom(format!("{seconds} seconds is more than ten years")));
    }
    Ok(Duration::from_secs(seconds))
}
