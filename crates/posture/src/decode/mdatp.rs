//! `mdatp health --output json`: Microsoft Defender on Linux and on macOS (4C).

use praya_model::Timestamp;
use serde::Deserialize;

use super::product::Reported;
use super::{Malformed, said};
use crate::facts::{Family, RealTime};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    app_version: Option<String>,
    licensed: Option<bool>,
    definitions_status: Option<Kind>,
    definitions_updated: Option<Millis>,
    definitions_version: Option<String>,
    engine_version: Option<String>,
    healthy: Option<bool>,
    passive_mode_enabled: Option<Setting>,
    real_time_protection_available: Option<bool>,
    real_time_protection_enabled: Setting,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "$type")]
    kind: String,
}

/// Older versions give the bare value.
#[derive(Deserialize)]
#[serde(untagged)]
enum Setting {
    Managed { value: bool },
    Bare(bool),
}

impl Setting {
    const fn is_on(&self) -> bool {
        match self {
            Self::Managed { value } | Self::Bare(value) => *value,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Millis {
    Text(String),
    Number(i64),
}

/// What Defender's service says of itself. It answers also while it has no licence or is not healthy, for want of its
/// engine or of leave to read files for instance: then it is not taken to scan.
///
/// # Errors
/// When it is no such answer.
pub fn defender(answer: &[u8]) -> Result<Reported, Malformed> {
    let health: Health =
        serde_json::from_slice(answer).map_err(|_| Malformed("the health of Microsoft Defender"))?;
    let passive = health.passive_mode_enabled.is_some_and(|passive| passive.is_on());
    let works = health.licensed != Some(false) && health.healthy != Some(false);
    let available = health.real_time_protection_available != Some(false);
    let real_time = if health.licensed == Some(false) {
        RealTime::Expired
    } else if works && available && health.real_time_protection_enabled.is_on() && !passive {
        RealTime::On
    } else {
        RealTime::Off
    };
    let updated = health.definitions_updated.and_then(|updated| match updated {
        Millis::Text(text) => text.parse().ok(),
        Millis::Number(millis) => Some(millis),
    });
    Ok(Reported {
        version: health.app_version.as_deref().and_then(said),
        engine_version: health.engine_version.as_deref().and_then(said),
        running: Some(works),
        real_time: Some(real_time),
        definitions_version: health.definitions_version.as_deref().and_then(said),
        // Zero stands for never.
        definitions_at: updated.filter(|&millis| millis > 0).map(Timestamp::from_millis),
        definitions_current: health.definitions_status.map(|status| status.kind == "upToDate"),
        ..Reported::new(Family::Defender, "Microsoft Defender")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Reported {
        defender(super::super::tests::fixture(&format!("mdatp/{name}")).as_bytes()).unwrap()
    }

    #[test]
    fn on_a_mac_with_current_definitions() {
        let health = fixture("macos-on.json");
        assert_eq!((health.running, health.real_time), (Some(true), Some(RealTime::On)));
        assert_eq!(health.definitions_at, Some(Timestamp::from_millis(1_791_354_240_089)));
        assert_eq!(health.definitions_current, Some(true));
        assert_eq!(health.definitions_version.as_deref(), Some("1.439.210.0"));
        assert_eq!(health.version.as_deref(), Some("101.25072.0011"));
        assert_eq!(health.engine_version.as_deref(), Some("1.1.26080.3009"));
    }

    #[test]
    fn passive_on_linux_does_not_protect() {
        let health = fixture("linux-passive.json");
        assert_eq!((health.running, health.real_time), (Some(true), Some(RealTime::Off)));
        assert_eq!(health.definitions_current, Some(false));
    }

    #[test]
    fn without_a_licence_nothing_protects() {
        let health = fixture("linux-unlicensed.json");
        assert_eq!((health.running, health.real_time), (Some(false), Some(RealTime::Expired)));
        assert_eq!(health.definitions_at, None);
    }

    #[test]
    fn what_is_not_healthy_is_not_taken_to_scan() {
        let health = fixture("linux-unhealthy.json");
        assert_eq!((health.running, health.real_time), (Some(false), Some(RealTime::Off)));
        assert_eq!(health.definitions_current, Some(true));
        let blind =
            br#"{"healthy":true,"realTimeProtectionEnabled":true,"realTimeProtectionAvailable":false}"#;
        let blind = defender(blind).unwrap();
        assert_eq!((blind.running, blind.real_time), (Some(true), Some(RealTime::Off)));
    }

    #[test]
    fn other_answers_are_not_taken_for_health() {
        for answer in
            ["", "{}", "[]", "ATTENTION: No license found.", r#"{"realTimeProtectionEnabled":"yes"}"#]
        {
            assert!(defender(answer.as_bytes()).is_err(), "{answer}");
        }
        let bare = defender(br#"{"realTimeProtectionEnabled":true}"#).unwrap();
        assert_eq!((bare.real_time, bare.definitions_current), (Some(RealTime::On), None));
    }
}
