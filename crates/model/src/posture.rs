//! The endpoint check as a person sees it (1E, 4F): what is read, and each requirement that this machine does not meet.
//!
//! Values, not words: a view puts them into the person's language. The only texts are names of products and systems.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Timestamp;

/// Findings in one verdict at most.
pub const MAX_FINDINGS: usize = 64;
/// Names in one requirement at most.
pub const MAX_NAMES: usize = 64;
/// Characters in a link at most.
pub const MAX_LINK: usize = 500;
/// Characters in a name at most.
pub const MAX_NAME: usize = 128;

/// One thing that is read of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "PostureCheck"))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// Which operating system, in which version.
    OperatingSystem,
    /// Which antivirus program, and whether it protects.
    Antivirus,
    /// How old what the antivirus program knows is.
    AntivirusDefinitions,
    /// Whether a firewall is in force.
    Firewall,
    /// Whether the system's disk is encrypted.
    DiskEncryption,
    /// When the system was updated last.
    Updates,
    /// Which updates of Windows are installed.
    Hotfixes,
    /// Whether the screen locks by itself.
    ScreenLock,
    /// Whether the machine starts only what is signed.
    SecureBoot,
    /// Whether macOS guards its own files against every program.
    SystemIntegrity,
    /// Whether macOS checks programs before it opens them.
    Gatekeeper,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::OperatingSystem,
        Self::Antivirus,
        Self::AntivirusDefinitions,
        Self::Firewall,
        Self::DiskEncryption,
        Self::Updates,
        Self::Hotfixes,
        Self::ScreenLock,
        Self::SecureBoot,
        Self::SystemIntegrity,
        Self::Gatekeeper,
    ];
}

/// A verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "PostureStatus"))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is asked of this machine.
    NotApplicable,
    /// Whatever is mandatory is met.
    Compliant,
    /// Something mandatory is not met, and policy still gives time for it.
    InGrace,
    /// Something mandatory is not known, and nothing mandatory is known to be unmet.
    Unknown,
    /// Something mandatory is not met.
    NonCompliant,
}

/// A requirement that the machine does not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Finding {
    /// What was read.
    pub check: Check,
    /// What follows from it.
    pub outcome: Outcome,
    /// What policy asks for.
    pub expected: Expected,
    /// What is there instead.
    pub found: Found,
    /// The organisation's own page about putting it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub link: Option<Link>,
    /// How many more are not told: this is the last of [`MAX_FINDINGS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub more: Option<u32>,
}

/// What follows from a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename = "FindingOutcome"))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The sign-in is refused.
    Failed,
    /// Nothing yet; it is to be put right.
    Warning,
}

/// What policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "expected", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Expected {
    /// It is there and in force.
    On,
    /// It is one of these, and in force.
    OneOf {
        /// The systems or products that are admitted; at most [`MAX_NAMES`].
        #[serde(deserialize_with = "at_most::<_, _, MAX_NAMES>")]
        names: Vec<Name>,
    },
    /// All of these are there.
    AllOf {
        /// Those that are not; at most [`MAX_NAMES`].
        #[serde(deserialize_with = "at_most::<_, _, MAX_NAMES>")]
        names: Vec<Name>,
    },
    /// It is none of these.
    NoneOf {
        /// The systems or products that are not admitted; at most [`MAX_NAMES`].
        #[serde(deserialize_with = "at_most::<_, _, MAX_NAMES>")]
        names: Vec<Name>,
    },
    /// It is at least this one.
    AtLeast {
        /// The build, such as `26100.2033`.
        name: Name,
    },
    /// Its maker still mends it.
    Supported,
    /// It is at most so old.
    WithinDays {
        /// In whole days.
        days: u32,
    },
    /// It happens after at most so long.
    WithinMinutes {
        /// In whole minutes.
        minutes: u32,
    },
}

/// What is there instead of what is [`Expected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "found", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Found {
    /// Nothing of the kind.
    Missing,
    /// Something that is not admitted.
    Other {
        /// The system or product, with its version where it is known.
        name: Name,
    },
    /// A system whose maker no longer mends it.
    Unsupported {
        /// The system, with its version.
        name: Name,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It is there and not in force.
    Off {
        /// The product, where it is one.
        name: Option<Name>,
    },
    /// The person has put it off.
    Snoozed {
        /// The product.
        name: Name,
    },
    /// Its licence has run out.
    Expired {
        /// The product.
        name: Name,
    },
    /// It is so old.
    Days {
        /// In whole days.
        days: u32,
    },
    /// It happens after so long.
    Minutes {
        /// In whole minutes.
        minutes: u32,
    },
    /// It could not be read. What is not known is not met.
    Unavailable {
        /// Why.
        reason: Unavailable,
    },
}

/// Why something is not known (4F).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    /// Nobody asked for it; what policy does not need is not read.
    NotAsked,
    /// There is no such thing on this kind of machine.
    NotApplicable,
    /// It was looked for and is not there.
    NotDetected,
    /// The system did not let the service read it.
    PermissionDenied,
    /// The system did not answer in time.
    TimedOut,
    /// What was read has no form that is known, or makes no sense, such as a time that has not come yet.
    Malformed,
    /// No way to read it is known for this system.
    Unsupported,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotAsked => "not asked",
            Self::NotApplicable => "not applicable",
            Self::NotDetected => "not detected",
            Self::PermissionDenied => "permission denied",
            Self::TimedOut => "timed out",
            Self::Malformed => "not understood",
            Self::Unsupported => "not supported",
        })
    }
}

/// Whether a character stays where it stands: it is no control character, and no mark that turns or breaks the line
/// around it, so that a table or a window shows what was written.
pub const fn is_plain(c: char) -> bool {
    !matches!(
        c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// The name of a system or a product: 1 to [`MAX_NAME`] characters, each of which [`is_plain`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String")]
#[cfg_attr(feature = "ts", ts(type = "string", rename = "ProductName"))]
pub struct Name(String);

impl TryFrom<String> for Name {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        let fits = !text.is_empty() && text.chars().count() <= MAX_NAME && text.chars().all(is_plain);
        if fits { Ok(Self(text)) } else { Err(BadName) }
    }
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address of a page for people: `https://` and at most [`MAX_LINK`] characters in all, each of them one
/// that an address may hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String")]
#[cfg_attr(feature = "ts", ts(type = "string"))]
pub struct Link(String);

impl Link {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Link {
    type Error = BadLink;

    fn try_from(text: String) -> Result<Self, BadLink> {
        let host = text
            .strip_prefix("https://")
            .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
        // What no address holds as it stands (RFC 3986, section 2) no view hands to a browser.
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        let fits = host && text.len() <= MAX_LINK && text.bytes().all(plain);
        if fits { Ok(Self(text)) } else { Err(BadLink) }
    }
}

/// A text is not a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLink;

impl fmt::Display for BadLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a link: https://… of at most {MAX_LINK} characters that an address may hold")
    }
}

impl std::error::Error for BadLink {}

/// A text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName;

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a name: 1 to {MAX_NAME} characters that neither steer a terminal nor turn a line around"
        )
    }
}

impl std::error::Error for BadName {}

/// Reads a list of at most `N`; a longer one is an error before its rest is read.
pub(crate) fn at_most<'de, D, T, const N: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct AtMost<T, const N: usize>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for AtMost<T, N> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {N}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(one) = seq.next_element()? {
                if list.len() == N {
                    return Err(de::Error::invalid_length(N + 1, &self));
                }
                list.push(one);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(AtMost::<T, N>(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::SignInStep;

    fn step(more: Value) -> Result<SignInStep, serde_json::Error> {
        let mut step = json!({"step": "posture"});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(step)
    }

    fn finding(expected: Value, found: Value) -> Value {
        json!({"check": "antivirus", "outcome": "failed", "expected": expected, "found": found})
    }

    #[test]
    fn a_step_that_says_nothing_is_one_that_has_just_begun() {
        let begun = SignInStep::Posture {
            checks: vec![],
            findings: vec![],
            retry_seconds: None,
            nonce: String::new(),
        };
        assert_eq!(step(json!({})).unwrap(), begun);
    }

    #[test]
    fn a21_what_a_gateway_finds_comes_as_values() {
        let told = json!({
            "checks": Check::ALL,
            "findings": [
                finding(json!({"expected": "one_of", "names": ["ClamAV"]}), json!({"found": "missing"})),
                finding(
                    json!({"expected": "on"}),
                    json!({"found": "unavailable", "reason": "permission_denied"}),
                ),
            ],
            "retry_seconds": 600,
            "nonce": "bm9uY2U",
        });
        let decoded = step(told.clone()).unwrap();
        let SignInStep::Posture { checks, findings, retry_seconds, nonce } = &decoded else { panic!() };
        assert_eq!(checks[..], Check::ALL);
        assert_eq!(findings[0].expected, Expected::OneOf { names: vec![Name("ClamAV".to_owned())] });
        assert_eq!(findings[1].found, Found::Unavailable { reason: Unavailable::PermissionDenied });
        assert_eq!((*retry_seconds, nonce.as_str()), (Some(600), "bm9uY2U"));
        let written = serde_json::to_value(&decoded).unwrap();
        assert_eq!(written["findings"], told["findings"]);
    }

    #[test]
    fn a_verdict_has_a_size_that_a_person_can_read() {
        let on = || finding(json!({"expected": "on"}), json!({"found": "missing"}));
        let findings = |count| step(json!({"findings": vec![on(); count]}));
        assert!(findings(MAX_FINDINGS).is_ok());
        assert!(findings(MAX_FINDINGS + 1).is_err());
        let checks = |count| step(json!({"checks": vec!["firewall"; count]}));
        assert!(checks(Check::ALL.len()).is_ok());
        assert!(checks(Check::ALL.len() + 1).is_err());
        let names = |name: String, count| {
            let expected = json!({"expected": "one_of", "names": vec![name; count]});
            step(json!({"findings": [finding(expected, json!({"found": "missing"}))]}))
        };
        assert!(names("名".repeat(MAX_NAME), MAX_NAMES).is_ok());
        assert!(names("名".repeat(MAX_NAME), MAX_NAMES + 1).is_err());
        let link = |link: &str| Link::try_from(link.to_owned()).is_ok();
        assert!(link("https://help.example/antivirus"));
        for bad in [
            "http://help.example",
            "https:///x",
            "https://",
            "javascript:x",
            "https://a b",
            "https://?a",
            "https://a|b",
            "https://a`b",
        ] {
            assert!(!link(bad), "{bad}");
        }
        for bad in [String::new(), "名".repeat(MAX_NAME + 1), "a\nb".to_owned(), "\u{202e}VAmalC".to_owned()]
        {
            assert!(names(bad.clone(), 1).is_err(), "{bad:?}");
        }
    }
}
