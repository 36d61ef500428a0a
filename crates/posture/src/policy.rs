//! A policy: what a machine must be to come in, as an administrator writes it (4E, 4F, A-05, A-07).
//!
//! A policy is data, in TOML or the same in JSON. `docs/posture.md` explains the format to administrators; the two
//! that come with Praya, [`IAS`] and [`MODERN`], are examples of it.

mod complaint;
mod fields;
mod node;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use praya_model::posture::{Check, Link};
use praya_model::{GroupName, ResourceId};
use serde::{Deserialize, Deserializer, Serialize, de};

pub use complaint::{Complaint, Complaints, Place};
pub(crate) use fields::{Fields, Reader};
pub(crate) use node::{Node, Value};

use crate::day::Day;
use crate::facts::{Family, OsFamily};

/// The version of the format that this release reads.
pub const SCHEMA: u32 = 1;
/// The largest policy in bytes.
pub const MAX_POLICY: usize = 64 * 1024;
/// The most requirements in a policy.
pub const MAX_REQUIREMENTS: usize = 32;
/// How deep `all_of`, `any_of` and `not` may stand in one another.
pub const MAX_DEPTH: usize = 6;
/// The most rules in all of a policy's requirements.
pub const MAX_RULES: usize = 256;

/// The Identity Services Bureau's rules.
pub const IAS: &str = include_str!("../policies/ias.toml");
/// A default for today's machines.
pub const MODERN: &str = include_str!("../policies/modern.toml");

/// A policy that has been read and is sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its name for machines.
    pub id: String,
    /// Which writing of it this is; whoever changes the policy counts it up.
    pub version: u32,
    /// Its name for people.
    pub name: String,
    /// Whom and what it is for.
    pub applies_to: AppliesTo,
    /// How often a machine in session is checked again, in minutes.
    pub recheck_minutes: u32,
    /// How long a verdict holds when no newer one comes, in minutes.
    pub lease_minutes: u32,
    /// How long a refused machine may be put right without a new code, in minutes.
    pub retry_minutes: u32,
    /// Whether anything follows for people. Where not, machines are asked and judged, and everything that is found
    /// stands in the record only.
    #[serde(skip_serializing_if = "is_true")]
    pub enforce: bool,
    /// The last day on which what is mandatory only warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Day>,
    /// What a machine gets that fails something mandatory.
    pub on_fail: Access,
    /// What a client gets that cannot report, such as a stock `openconnect`.
    pub without_report: Access,
    /// What follows where a fact is not known; [`OnUnavailable::Fail`] for the checks that are not named.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub on_unavailable: BTreeMap<Check, OnUnavailable>,
    /// What it asks; at least one.
    pub requirements: Vec<Requirement>,
}

/// Whom and what a policy is for. An empty list leaves nobody and nothing out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AppliesTo {
    /// People in any of these groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupName>,
    /// Machines of any of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<OsFamily>,
}

/// What a session may reach. The later is the stricter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everything that is published to the person.
    Allow,
    /// These resources only, of those that are published to the person.
    Limit(Vec<ResourceId>),
    /// Nothing: no session.
    Deny,
}

impl Access {
    /// What both let through.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Self::Deny,
            (Self::Allow, access) | (access, Self::Allow) => access,
            (Self::Limit(these), Self::Limit(those)) => {
                Self::Limit(these.into_iter().filter(|resource| those.contains(resource)).collect())
            }
        }
    }
}

/// What follows where a fact is not known. The later is the stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnavailable {
    /// The requirement passes.
    Pass,
    /// It passes with a warning.
    Warn,
    /// It fails.
    Fail,
}

/// One thing that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// Its name in records.
    pub id: String,
    /// What follows when it is not met.
    pub severity: Severity,
    /// The kinds of machines it is asked of; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<OsFamily>,
    /// The organisation's page about putting it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// What must hold.
    #[serde(flatten)]
    pub expression: Expression,
}

/// What follows when a requirement is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// [`Policy::on_fail`].
    Mandatory,
    /// A warning.
    Optional,
    /// It is recorded; the person is not told.
    Audit,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// All of these.
    AllOf(Vec<Expression>),
    /// At least one of these.
    AnyOf(Vec<Expression>),
    /// The opposite; over [`Expression::Os`] and [`Expression::Antivirus`] only.
    Not(Box<Expression>),
    /// The operating system.
    Os(OsRule),
    /// An antivirus program.
    Antivirus(AntivirusRule),
    /// The machine's own firewall.
    Firewall {
        /// It filters.
        on: Yes,
    },
    /// The disk that holds the system.
    Disk {
        /// It is encrypted.
        encrypted: Yes,
    },
    /// System updates.
    Updates {
        /// The last ones were installed at most so many days ago.
        within_days: u32,
    },
    /// Updates of Windows, by name.
    Hotfixes {
        /// All of these are installed; each an [`is_hotfix`](crate::facts::is_hotfix).
        installed: Vec<String>,
    },
    /// The lock of the screen.
    ScreenLock(ScreenLockRule),
    /// Start of signed systems only.
    SecureBoot {
        /// It is on.
        on: Yes,
    },
    /// macOS's guard over its own files.
    SystemIntegrity {
        /// It is on as a whole.
        on: Yes,
    },
    /// macOS's look at programs before it opens them.
    Gatekeeper {
        /// It is on.
        on: Yes,
    },
}

/// What an operating system must be. What is not given is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OsRule {
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<OsFamily>,
    /// Its product as [`crate::facts::Os::product`] names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// One of these versions of `product`. `10` also stands for `10 22H2`, not for `10.15`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Whether it is a server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<bool>,
    /// The least build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_build: Option<String>,
    /// What follows when its maker no longer supports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_life: Option<EndOfLife>,
    /// How many days after the end of its support it still counts as supported.
    #[serde(skip_serializing_if = "is_zero")]
    pub days_past_end: u32,
    /// Whether long-term or paid support counts as support.
    #[serde(skip_serializing_if = "is_false")]
    pub extended_support: bool,
}

/// What follows when a system is no longer supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndOfLife {
    /// A warning.
    Warn,
    /// The requirement is not met.
    Block,
}

/// What at least one antivirus program must be. The program runs, unless `running = false` asks only for its presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AntivirusRule {
    /// Whose it is: one of these; empty for any, those built into systems too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<Family>,
    /// Whether it must run.
    pub running: bool,
    /// Whether it must scan files as they are used.
    #[serde(skip_serializing_if = "is_false")]
    pub real_time: bool,
    /// How fresh what it knows must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Definitions>,
}

/// How fresh the definitions of an antivirus program must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Definitions {
    /// Made at most so many days ago.
    Within {
        /// In days.
        within_days: u32,
        /// Whether the program's own word that they are current is as good; not every program tells a date.
        #[serde(skip_serializing_if = "is_false")]
        or_current: bool,
    },
    /// The program says that they are current.
    Current {
        /// It does.
        current: Yes,
    },
}

/// What the lock of the screen must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ScreenLockRule {
    /// It locks by itself.
    pub on: Yes,
    /// After at most so many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_minutes: Option<u32>,
}

/// `true`, where nothing else can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yes;

impl Serialize for Yes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl Policy {
    /// Reads a policy in TOML.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, Complaints> {
        if text.len() > MAX_POLICY {
            return Err(read::too_long());
        }
        read::policy(&Node::from_toml(text)?)
    }

    /// Reads a policy in JSON.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(text: &str) -> Result<Self, Complaints> {
        if text.len() > MAX_POLICY {
            return Err(read::too_long());
        }
        let node: Node = serde_json::from_str(text).map_err(|error| read::not_json(&error))?;
        read::policy(&node)
    }

    /// What must be read of any machine to judge it by this policy, and nothing else.
    pub fn checks(&self) -> BTreeSet<Check> {
        self.checks_of(None)
    }

    /// The same of a machine of the kind `platform`: what is asked of others only is left out. Where it depends on the
    /// kind, the system is always read, so that the machine's own report says it.
    pub fn checks_of(&self, platform: Option<OsFamily>) -> BTreeSet<Check> {
        let mut checks = BTreeSet::new();
        let admitted = |platforms: &[OsFamily], checks: &mut BTreeSet<Check>| {
            if !platforms.is_empty() {
                checks.insert(Check::OperatingSystem);
            }
            admits(platforms, platform)
        };
        if admitted(&self.applies_to.platforms, &mut checks) {
            for requirement in &self.requirements {
                if admitted(&requirement.platforms, &mut checks) {
                    requirement.expression.add_checks(&mut checks);
                }
            }
        }
        checks
    }

    /// Whether it is for somebody in `groups` on a machine of the kind `platform`; `None` where that is not known, which
    /// leaves no policy out.
    pub fn applies(&self, groups: &[GroupName], platform: Option<OsFamily>) -> bool {
        let AppliesTo { groups: wanted, platforms } = &self.applies_to;
        (wanted.is_empty() || groups.iter().any(|group| wanted.contains(group)))
            && admits(platforms, platform)
    }

    /// Whether it is for machines of the kind `platform`, whoever uses them; `None` where that is not known.
    pub fn is_for(&self, platform: Option<OsFamily>) -> bool {
        admits(&self.applies_to.platforms, platform)
    }

    /// The same policy, enforced.
    #[must_use]
    pub fn enforced(&self) -> Self {
        Self { enforce: true, ..self.clone() }
    }

    /// What a machine gets that fails something mandatory, as far as the policy is enforced.
    pub fn left_on_fail(&self) -> Access {
        if self.enforce { self.on_fail.clone() } else { Access::Allow }
    }

    /// What a client gets that cannot report, as far as the policy is enforced.
    pub fn left_without_report(&self) -> Access {
        if self.enforce { self.without_report.clone() } else { Access::Allow }
    }

    /// What follows where what `check` reads is not known.
    pub fn on_unavailable(&self, check: Check) -> OnUnavailable {
        self.on_unavailable.get(&check).copied().unwrap_or(OnUnavailable::Fail)
    }
}

impl Requirement {
    /// Whether it is asked of a machine of the kind `platform`; of one whose kind is not known, it is.
    pub fn applies(&self, platform: Option<OsFamily>) -> bool {
        admits(&self.platforms, platform)
    }

    /// What must be read to judge by it.
    pub fn checks(&self) -> BTreeSet<Check> {
        let mut checks = BTreeSet::new();
        self.expression.add_checks(&mut checks);
        checks
    }
}

fn admits(platforms: &[OsFamily], platform: Option<OsFamily>) -> bool {
    platforms.is_empty() || platform.is_none_or(|platform| platforms.contains(&platform))
}

impl Expression {
    fn add_checks(&self, checks: &mut BTreeSet<Check>) {
        let check = match self {
            Self::AllOf(list) | Self::AnyOf(list) => {
                return list.iter().for_each(|expression| expression.add_checks(checks));
            }
            Self::Not(inner) => return inner.add_checks(checks),
            Self::Antivirus(rule) => {
                if rule.definitions.is_some() {
                    checks.insert(Check::AntivirusDefinitions);
                }
                Check::Antivirus
            }
            Self::Os(_) => Check::OperatingSystem,
            Self::Firewall { .. } => Check::Firewall,
            Self::Disk { .. } => Check::DiskEncryption,
            Self::Updates { .. } => Check::Updates,
            Self::Hotfixes { .. } => Check::Hotfixes,
            Self::ScreenLock(_) => Check::ScreenLock,
            Self::SecureBoot { .. } => Check::SecureBoot,
            Self::SystemIntegrity { .. } => Check::SystemIntegrity,
            Self::Gatekeeper { .. } => Check::Gatekeeper,
        };
        checks.insert(check);
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::policy(&Node::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mandatory => "mandatory",
            Self::Optional => "optional",
            Self::Audit => "audit",
        })
    }
}

// `serde` asks by reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref)]
const fn is_true(truth: &bool) -> bool {
    *truth
}

#[expect(clippy::trivially_copy_pass_by_ref)]
const fn is_false(truth: &bool) -> bool {
    !*truth
}

#[cfg(test)]
mod tests;
