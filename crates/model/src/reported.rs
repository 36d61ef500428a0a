//! What a gateway was told of this machine, for the person whose machine it is: values with where they were read.
//!
//! As in [`crate::posture`], a view puts them into the person's language; texts are names, versions and places only.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::posture::{Check, Unavailable, at_most};

/// Facts in one report at most: one for each check, and one for each antivirus program.
pub const MAX_FACTS: usize = 64;
/// Items in one fact at most.
pub const MAX_ITEMS: usize = 16;

/// What was read of this machine for a gateway, without what only machines make use of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Reported {
    /// When it was read.
    pub at: Timestamp,
    /// What was asked for, and nothing else.
    #[serde(deserialize_with = "at_most::<_, _, MAX_FACTS>")]
    pub facts: Vec<ReportedFact>,
}

/// One thing that was read; an antivirus program each is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ReportedFact {
    /// For which check.
    pub check: Check,
    /// What is known of it, and what is not.
    #[serde(deserialize_with = "at_most::<_, _, MAX_ITEMS>")]
    pub items: Vec<ReportedItem>,
}

/// A value and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ReportedItem {
    /// What the value is about; `None` for the fact as a whole.
    pub about: Option<About>,
    /// The value.
    pub value: Value,
    /// Where it was read: a file, a program or an interface of the system.
    pub source: Option<String>,
}

/// What a [`Value`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "ReportedAbout"))]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// What a system, a product or a method calls itself.
    Name,
    /// Its version.
    Version,
    /// The system's build.
    Build,
    /// The system's edition.
    Edition,
    /// Whether it is a server's system.
    Server,
    /// The machine's architecture.
    Architecture,
    /// The last day on which the system's maker mends it. It is looked up here and not sent.
    SupportEnds,
    /// The last day on which the maker does so for whoever pays. It is looked up here and not sent.
    PaidSupportEnds,
    /// The version of the engine that scans.
    EngineVersion,
    /// Whether the program's files are there.
    Installed,
    /// Whether the part that scans runs.
    Running,
    /// Whether files are scanned as they are used.
    RealTime,
    /// The version of the virus definitions.
    DefinitionsVersion,
    /// When they were made.
    DefinitionsAt,
    /// Whether the program calls them current.
    DefinitionsCurrent,
    /// After how long without use the screen locks.
    LocksAfter,
}

impl About {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Name,
        Self::Version,
        Self::Build,
        Self::Edition,
        Self::Server,
        Self::Architecture,
        Self::SupportEnds,
        Self::PaidSupportEnds,
        Self::EngineVersion,
        Self::Installed,
        Self::Running,
        Self::RealTime,
        Self::DefinitionsVersion,
        Self::DefinitionsAt,
        Self::DefinitionsCurrent,
        Self::LocksAfter,
    ];
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "ReportedValue"))]
#[serde(tag = "value", rename_all = "snake_case")]
pub enum Value {
    /// A name, a version, a day.
    Text {
        /// As the system has it.
        text: String,
    },
    /// It is so.
    Yes,
    /// It is not.
    No,
    /// It is in force.
    On,
    /// It is not in force.
    Off,
    /// It is put off for the moment.
    Snoozed,
    /// Its licence has run out.
    Expired,
    /// An instant.
    Instant {
        /// When.
        at: Timestamp,
    },
    /// A span.
    Seconds {
        /// How long.
        seconds: u32,
    },
    /// There is nothing of the kind, and that is known.
    Missing,
    /// It could not be read.
    Unavailable {
        /// Why.
        reason: Unavailable,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_has_a_size_that_a_view_can_show() {
        let item = json!({"about": null, "value": {"value": "on"}, "source": "nft"});
        let read = |facts: usize, items: usize| {
            let fact = json!({"check": "firewall", "items": vec![item.clone(); items]});
            serde_json::from_value::<Reported>(json!({"at": 0, "facts": vec![fact; facts]}))
        };
        assert!(read(MAX_FACTS, MAX_ITEMS).is_ok());
        assert!(read(MAX_FACTS + 1, 1).is_err());
        assert!(read(1, MAX_ITEMS + 1).is_err());
    }
}
