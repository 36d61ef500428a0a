//! The policies that are in force, with the table of support dates.

use std::collections::BTreeSet;

use praya_model::GroupName;
use praya_model::posture::Check;
use praya_posture::facts::{Fact, HostFacts, OsFamily, Unavailable};
use praya_posture::policy::Policy;
use praya_posture::support::SupportTable;
use praya_posture::verdict::PolicyVersion;

use super::fit;
use crate::store::{PolicyRow, Result, Store, StoreError};

/// The setting that holds an administrator's table of support dates; empty for that of this release.
pub const SUPPORT: &str = "posture_support";

/// What machines are judged by now.
#[derive(Clone, Debug)]
pub struct Book {
    /// The active policies, each as its saved version.
    pub policies: Vec<Policy>,
    /// Until when systems are supported.
    pub support: SupportTable,
    /// Active policies that this program does not understand: damaged, or saved by a newer release.
    unreadable: Vec<Unreadable>,
    /// The same of an administrator's table, in the place of which stands that of this release.
    unreadable_support: Option<Unreadable>,
}

/// Something to judge by that cannot be read. Whom it is for nobody knows, so it closes what it may be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which policy; version 0 of [`SUPPORT`] for the table of support dates.
    pub version: PolicyVersion,
    /// What is wrong with it.
    pub why: String,
}

impl Book {
    /// As the store has it now. Blocks.
    ///
    /// # Errors
    /// The store's.
    pub fn load(store: &Store) -> Result<Self> {
        let (mut policies, mut unreadable) = (Vec::new(), Vec::new());
        for row in store.active_policies()? {
            match read(&row) {
                Ok(policy) => policies.push(policy),
                Err(error) => unreadable.push(Unreadable {
                    version: PolicyVersion { id: row.id, version: row.version },
                    why: error.to_string(),
                }),
            }
        }
        let (support, unreadable_support) = support(store)?;
        Ok(Self { policies, support, unreadable, unreadable_support })
    }

    /// What cannot be read and may be for somebody in `groups`: every such policy, and the support dates where a policy
    /// applies.
    pub fn unreadable_for(&self, groups: &[GroupName]) -> impl Iterator<Item = &Unreadable> {
        let judged = self.policies.iter().any(|policy| policy.applies(groups, None));
        self.unreadable.iter().chain(self.unreadable_support.iter().filter(move |_| judged))
    }

    /// Which writings are for somebody in `groups`, those that cannot be read included.
    pub(super) fn versions(&self, groups: &[GroupName], platform: Option<OsFamily>) -> Vec<PolicyVersion> {
        let mut versions = fit::versions(&self.applying(groups, platform));
        versions.extend(self.unreadable_for(groups).map(|unreadable| unreadable.version.clone()));
        versions
    }

    /// The policies for somebody in `groups` on a machine of that kind; where it is not known, none is left out.
    pub fn applying(&self, groups: &[GroupName], platform: Option<OsFamily>) -> Vec<&Policy> {
        self.policies.iter().filter(|policy| policy.applies(groups, platform)).collect()
    }
}

/// The policy of a row; the store counts its versions.
pub(crate) fn read(row: &PolicyRow) -> Result<Policy> {
    let policy = Policy::from_toml(&row.text).map_err(|complaints| StoreError::Failed {
        detail: format!("policy {} version {}: {complaints}", row.id, row.version),
    })?;
    Ok(Policy { version: row.version, ..policy })
}

/// The table in force: the administrator's, or that of this release; with what is wrong with the former.
fn support(store: &Store) -> Result<(SupportTable, Option<Unreadable>)> {
    let own = store.setting(SUPPORT)?.filter(|text| !text.is_empty());
    let Some(text) = own else { return Ok((SupportTable::built_in(), None)) };
    Ok(match SupportTable::from_toml(&text) {
        Ok(table) => (table, None),
        Err(complaints) => {
            let version = PolicyVersion { id: SUPPORT.to_owned(), version: 0 };
            let why = format!("support dates: {complaints}");
            (SupportTable::built_in(), Some(Unreadable { version, why }))
        }
    })
}

/// What must be read of a machine of that kind for all of these.
pub(super) fn checks(policies: &[&Policy], platform: Option<OsFamily>) -> BTreeSet<Check> {
    policies.iter().flat_map(|policy| policy.checks_of(platform)).collect()
}

/// Whether `facts` answer all of that; an answer that something could not be read is one.
pub(super) fn answered(facts: &HostFacts, checks: &BTreeSet<Check>) -> bool {
    fn asked<T>(fact: &Fact<T>) -> bool {
        !matches!(fact.value(), Err(Unavailable::NotAsked))
    }
    checks.iter().all(|check| match check {
        Check::OperatingSystem => asked(&facts.os),
        Check::Antivirus => asked(&facts.antivirus),
        Check::AntivirusDefinitions => {
            let products = facts.antivirus.value().map(Vec::as_slice).unwrap_or_default();
            asked(&facts.antivirus)
                && products
                    .iter()
                    .all(|product| asked(&product.definitions_at) || asked(&product.definitions_current))
        }
        Check::Firewall => asked(&facts.firewall),
        Check::DiskEncryption => asked(&facts.disk),
        Check::Updates => asked(&facts.last_update),
        Check::Hotfixes => asked(&facts.hotfixes),
        Check::ScreenLock => asked(&facts.screen_lock),
        Check::SecureBoot => asked(&facts.secure_boot),
        Check::SystemIntegrity => asked(&facts.system_integrity),
        Check::Gatekeeper => asked(&facts.gatekeeper),
        // Whatever comes later is not in these facts.
        _ => false,
    })
}
