//! The policies that are in force, with the table of support dates.

use std::collections::BTreeSet;

use praya_model::GroupName;
use praya_model::posture::Check;
use praya_posture::facts::{Fact, HostFacts, OsFamily, Unavailable};
use praya_posture::policy::Policy;
use praya_posture::support::SupportTable;

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
}

impl Book {
    /// As the store has it now. Blocks.
    ///
    /// # Errors
    /// The store's; and [`StoreError::Failed`] for an active policy that this program does not understand, so that
    /// nobody comes in past it.
    pub fn load(store: &Store) -> Result<Self> {
        let policies = store.active_policies()?.iter().map(read).collect::<Result<_>>()?;
        Ok(Self { policies, support: support(store)? })
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

/// The table in force: the administrator's, or that of this release.
pub(crate) fn support(store: &Store) -> Result<SupportTable> {
    let own = store.setting(SUPPORT)?.filter(|text| !text.is_empty());
    let Some(text) = own else { return Ok(SupportTable::built_in()) };
    SupportTable::from_toml(&text)
        .map_err(|complaints| StoreError::Failed { detail: format!("support dates: {complaints}") })
}

/// What must be read of a machine for all of these.
pub(super) fn checks(policies: &[&Policy]) -> BTreeSet<Check> {
    policies.iter().flat_map(|policy| policy.checks()).collect()
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
        Check::ScreenLock => asked(&facts.screen_lock),
        Check::SecureBoot => asked(&facts.secure_boot),
        Check::SystemIntegrity => asked(&facts.system_integrity),
        Check::Gatekeeper => asked(&facts.gatekeeper),
        // Whatever comes later is not in these facts.
        _ => false,
    })
}
