//! What is known about a machine, each fact with where it was read and when, or why it could not be.

use praya_model::Timestamp;
pub use praya_model::posture::Unavailable;
use serde::{Deserialize, Serialize};

/// The version of [`HostFacts`] that this release writes.
pub const SCHEMA: u32 = 1;

/// The longest text in a fact, in bytes. Longer ones are cut by the collector and refused by the gateway.
pub const MAX_TEXT: usize = 256;

/// The most security products in one report.
pub const MAX_PRODUCTS: usize = 32;

/// The most hotfixes in one report.
pub const MAX_HOTFIXES: usize = 256;

/// Something known, or why it is not. Absence never passes for good news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact<T> {
    /// It was read.
    Known {
        /// What was read.
        value: T,
        /// Where: a file, a program or an interface of the system, as its documentation names it.
        source: String,
        /// When.
        at: Timestamp,
    },
    /// It could not be read.
    Unavailable {
        /// Why.
        reason: Unavailable,
    },
}

impl<T> Fact<T> {
    /// Known, from there and then.
    pub fn known(value: T, source: impl Into<String>, at: Timestamp) -> Self {
        Self::Known { value, source: source.into(), at }
    }

    /// Not known.
    pub const fn unavailable(reason: Unavailable) -> Self {
        Self::Unavailable { reason }
    }

    /// What is known.
    pub const fn value(&self) -> Result<&T, Unavailable> {
        match self {
            Self::Known { value, .. } => Ok(value),
            Self::Unavailable { reason } => Err(*reason),
        }
    }
}

/// A machine. Facts that nobody asked for are [`Unavailable::NotAsked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When reading began.
    pub collected_at: Timestamp,
    /// The operating system.
    pub os: Fact<Os>,
    /// Its antivirus programs; an empty list is the knowledge that there are none.
    pub antivirus: Fact<Vec<Antivirus>>,
    /// Its own firewall.
    pub firewall: Fact<Firewall>,
    /// Whether the disk that holds the system is encrypted.
    pub disk: Fact<Disk>,
    /// When system updates were installed last.
    pub last_update: Fact<Timestamp>,
    /// The updates of Windows that are installed, each an [`is_hotfix`] and once, in the order of their texts; at most
    /// [`MAX_HOTFIXES`].
    pub hotfixes: Fact<Vec<String>>,
    /// Whether the screen locks itself.
    pub screen_lock: Fact<ScreenLock>,
    /// Whether the firmware starts signed systems only.
    pub secure_boot: Fact<bool>,
    /// Whether macOS guards its own files against every program, as a whole (System Integrity Protection).
    pub system_integrity: Fact<bool>,
    /// Whether macOS checks programs before it opens them (Gatekeeper).
    pub gatekeeper: Fact<bool>,
}

impl HostFacts {
    /// Nothing asked yet.
    pub const fn none(collected_at: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            collected_at,
            os: Fact::unavailable(Unavailable::NotAsked),
            antivirus: Fact::unavailable(Unavailable::NotAsked),
            firewall: Fact::unavailable(Unavailable::NotAsked),
            disk: Fact::unavailable(Unavailable::NotAsked),
            last_update: Fact::unavailable(Unavailable::NotAsked),
            hotfixes: Fact::unavailable(Unavailable::NotAsked),
            screen_lock: Fact::unavailable(Unavailable::NotAsked),
            secure_boot: Fact::unavailable(Unavailable::NotAsked),
            system_integrity: Fact::unavailable(Unavailable::NotAsked),
            gatekeeper: Fact::unavailable(Unavailable::NotAsked),
        }
    }
}

/// Whether a text is the number of an article about an update of Windows, as Windows names the update: `KB5044284`.
pub fn is_hotfix(text: &str) -> bool {
    let digits = text.strip_prefix("KB").unwrap_or_default();
    (4..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// An operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Os {
    /// Its kind.
    pub family: OsFamily,
    /// Its product in small letters, as the support table names it: `windows`, `windows-server`, `macos`, `debian`,
    /// `ubuntu` or whatever `ID` of `os-release(5)` says.
    pub product: String,
    /// What it calls itself, for people to read: `Windows 11 Pro`, `Debian GNU/Linux 12 (bookworm)`.
    pub title: String,
    /// Its release in the support table's form: `12`, `24.04`, `10 22H2`, `11 24H2`, `2022`, `26`; empty if unknown.
    pub version: String,
    /// The build with its revision, such as `26100.2033`; the kernel's release on Linux.
    pub build: String,
    /// The edition where there are several, such as `Enterprise LTSC`.
    pub edition: Option<String>,
    /// Whether it is a server's.
    pub server: bool,
    /// The machine's architecture: `x86_64`, `aarch64`.
    pub arch: String,
}

/// Kinds of operating systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OsFamily {
    /// Windows.
    Windows,
    /// macOS.
    Macos,
    /// Linux.
    Linux,
}

/// An antivirus program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Antivirus {
    /// Whose it is.
    pub family: Family,
    /// Its name, for people to read.
    pub name: String,
    /// Its version.
    pub version: Fact<String>,
    /// The version of the engine that scans, where the program tells it apart from its own.
    pub engine_version: Fact<String>,
    /// Whether its files or its registration are there. What is merely installed protects nothing.
    pub installed: Fact<bool>,
    /// Whether the part that scans runs; an updater alone does not count (4C).
    pub running: Fact<bool>,
    /// Whether files are scanned as they are used.
    pub real_time: Fact<RealTime>,
    /// The version of its definitions.
    pub definitions_version: Fact<String>,
    /// When its definitions were made.
    pub definitions_at: Fact<Timestamp>,
    /// Whether it says itself that its definitions are current.
    pub definitions_current: Fact<bool>,
}

/// Whose a security product is: the twelve families of the IAS list, those built into the systems, others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Avira, formerly AntiVir.
    Avira,
    /// Avast.
    Avast,
    /// AVG.
    Avg,
    /// ClamAV.
    Clamav,
    /// ESET, formerly NOD32.
    Eset,
    /// Kaspersky.
    Kaspersky,
    /// McAfee, now Trellix.
    Mcafee,
    /// Sophos.
    Sophos,
    /// Symantec.
    Symantec,
    /// Trend Micro.
    Trendmicro,
    /// 360.
    #[serde(rename = "360")]
    Qihoo360,
    /// Microsoft Defender.
    Defender,
    /// macOS's own, which is always there.
    Xprotect,
    /// Another one.
    Other,
}

/// Whether files are scanned as they are used, in Windows Security Center's words (4A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RealTime {
    /// It is.
    On,
    /// It is not.
    Off,
    /// Not for the moment.
    Snoozed,
    /// The licence ran out.
    Expired,
}

/// The machine's own firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// Its name, for people to read.
    pub name: String,
    /// Whether it filters what comes in, in every profile of the system.
    pub on: bool,
}

/// The disk that holds the system: under `/`, or the system drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// By what it is encrypted, such as `LUKS`; `None` if it is not.
    pub encrypted_by: Option<String>,
}

/// The lock of the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenLock {
    /// Whether it locks by itself.
    pub on: bool,
    /// After how many seconds without use, where that is known.
    pub after: Option<u32>,
}
