//! Machines before policies.

mod every_fact;
mod hosts;
mod properties;
mod table;

use praya_model::posture::{Check, Expected, Found, Name};

use super::*;
use crate::facts::{
    Antivirus, Disk, Fact, Family, Firewall, Os, OsFamily, RealTime, ScreenLock, Unavailable,
};

/// 2026-11-21T00:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_795_219_200);

const REASONS: [Unavailable; 7] = [
    Unavailable::NotAsked,
    Unavailable::NotApplicable,
    Unavailable::NotDetected,
    Unavailable::PermissionDenied,
    Unavailable::TimedOut,
    Unavailable::Malformed,
    Unavailable::Unsupported,
];

fn days_ago(days: u64) -> Timestamp {
    NOW.before(Duration::from_secs(days * 86_400))
}

fn known<T>(value: T) -> Fact<T> {
    Fact::known(value, "test", NOW)
}

fn unavailable<T>(why: Unavailable) -> Fact<T> {
    Fact::unavailable(why)
}

fn windows(version: &str) -> Os {
    Os {
        family: OsFamily::Windows,
        product: "windows".to_owned(),
        title: format!("Windows {version} Pro"),
        version: version.to_owned(),
        build: "26100.2033".to_owned(),
        edition: Some("Pro".to_owned()),
        server: false,
        arch: "x86_64".to_owned(),
    }
}

fn debian(version: &str) -> Os {
    Os {
        family: OsFamily::Linux,
        product: "debian".to_owned(),
        title: format!("Debian GNU/Linux {version}"),
        version: version.to_owned(),
        build: "6.12.48-amd64".to_owned(),
        edition: None,
        server: false,
        arch: "x86_64".to_owned(),
    }
}

/// A program that runs, scans as files are used and has definitions of yesterday.
fn program(family: Family, name: &str) -> Antivirus {
    Antivirus {
        family,
        name: name.to_owned(),
        version: known("1".to_owned()),
        engine_version: known("1".to_owned()),
        installed: known(true),
        running: known(true),
        real_time: known(RealTime::On),
        definitions_version: known("1".to_owned()),
        definitions_at: known(days_ago(1)),
        definitions_current: known(true),
    }
}

/// A machine of which nothing bad can be said.
fn good(os: Os, antivirus: Vec<Antivirus>) -> HostFacts {
    HostFacts {
        os: known(os),
        antivirus: known(antivirus),
        firewall: known(Firewall { name: "nftables".to_owned(), on: true }),
        disk: known(Disk { encrypted_by: Some("LUKS".to_owned()) }),
        last_update: known(days_ago(3)),
        screen_lock: known(ScreenLock { on: true, after: Some(300) }),
        secure_boot: known(true),
        system_integrity: known(true),
        gatekeeper: known(true),
        ..HostFacts::none(NOW)
    }
}

fn policy(rest: &str) -> Policy {
    let text = format!("schema = 1\nid = \"x\"\nname = \"X\"\n{rest}");
    Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn judge(policy: &Policy, facts: &HostFacts) -> Verdict {
    evaluate(&[policy], facts, &SupportTable::built_in(), NOW)
}

fn named(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

/// What is found, by check.
fn found(verdict: &Verdict) -> Vec<(Check, Found)> {
    verdict.findings().into_iter().map(|finding| (finding.check, finding.found)).collect()
}

#[test]
fn what_is_more_than_a_person_is_told_is_counted() {
    let of = |found: u32| {
        let mut verdict = evaluate(&[], &HostFacts::none(NOW), &SupportTable::built_in(), NOW);
        let finding = |days| Finding {
            check: Check::Updates,
            outcome: Outcome::Failed,
            expected: Expected::WithinDays { days },
            found: Found::Missing,
            link: None,
            more: None,
        };
        verdict.results.push(Judgement {
            policy: "p".to_owned(),
            requirement: "r".to_owned(),
            severity: Severity::Mandatory,
            state: State::NotMet,
            consequence: Consequence::Failed,
            findings: (0..found).map(finding).collect(),
        });
        let findings = verdict.findings();
        assert!(findings.iter().rev().skip(1).all(|finding| finding.more.is_none()));
        (findings.len(), findings.last().and_then(|finding| finding.more))
    };
    assert_eq!((of(64), of(70)), ((64, None), (64, Some(6))));
}
