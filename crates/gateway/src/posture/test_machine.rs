//! A machine that reports, and a policy to judge it by, for tests.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use praya_model::Timestamp;
use praya_posture::facts::{Fact, Firewall, HostFacts, Os, OsFamily, ScreenLock};
use praya_posture::report::{self, SignedReport};

use crate::store::{DeviceKey, Store};

/// A firewall must filter; a screen that does not lock is warned about. 15 minutes to the next check, 60 of lease, 10
/// to put a machine right.
pub(crate) const POLICY: &str = r#"
schema = 1
id = "staff"
name = "Staff machines"
on_fail = "deny"
without_report = "deny"
[[requirements]]
id = "firewall"
firewall = { on = true }
[[requirements]]
id = "lock"
severity = "optional"
screen_lock = { on = true }
"#;

/// Saves a policy and puts it into force.
pub(crate) fn activate(store: &Store, policy: &str, now: Timestamp) {
    let id = praya_posture::policy::Policy::from_toml(policy).unwrap().id;
    store.save_policy(&id, policy, "admin:test", now).unwrap();
    store.activate_policy(&id, None).unwrap().unwrap();
}

/// What a machine of [`POLICY`] says of itself.
pub(crate) fn facts(firewall: bool, lock: bool, now: Timestamp) -> HostFacts {
    let os = Os {
        family: OsFamily::Linux,
        product: "debian".into(),
        title: "Debian 13".into(),
        version: "13".into(),
        build: "6.12".into(),
        edition: None,
        server: false,
        arch: "x86_64".into(),
    };
    HostFacts {
        os: Fact::known(os, "os-release", now),
        firewall: Fact::known(Firewall { name: "nftables".into(), on: firewall }, "nft", now),
        screen_lock: Fact::known(ScreenLock { on: lock, after: Some(300) }, "dconf", now),
        ..HostFacts::none(now)
    }
}

/// A machine's key.
pub(crate) struct Machine(Ed25519KeyPair);

impl Machine {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn key(&self) -> DeviceKey {
        DeviceKey(self.0.public_key().as_ref().try_into().unwrap())
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).as_ref().try_into().unwrap()
    }

    pub(crate) fn report(&self, nonce: &str, facts: &HostFacts) -> SignedReport {
        report::seal(nonce, facts, |bytes| self.sign(bytes)).unwrap()
    }
}
