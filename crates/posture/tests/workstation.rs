//! A whole workstation, as far as a Wine can be one: the registry of `fixtures/windows/workstation.reg`, and
//! `tests/wine/wscapi.c` in the place of Windows Security Center. `cargo xtask cross` prepares that and runs this; nothing
//! else does.
#![cfg(windows)]

use std::collections::BTreeSet;

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::collect::{Machine, collect};
use praya_posture::facts::{Antivirus, Fact, Family, HostFacts, RealTime};
use windows_registry::LOCAL_MACHINE;

/// The day after the newest time in that registry.
const NOW: Timestamp = Timestamp::from_secs(1_791_440_640);
const TOLD: Timestamp = Timestamp::from_secs(1_791_354_240);

fn facts(checks: &[Check]) -> HostFacts {
    collect(&Machine::this(NOW), &BTreeSet::from_iter(checks.iter().copied()))
}

fn products(facts: &HostFacts) -> (&[Antivirus], &str) {
    let Fact::Known { value, source, .. } = &facts.antivirus else { panic!("{:?}", facts.antivirus) };
    (value, source)
}

fn kaspersky(products: &[Antivirus]) -> &Antivirus {
    products.iter().find(|one| one.family == Family::Kaspersky).unwrap_or_else(|| panic!("{products:?}"))
}

#[test]
fn what_the_registry_holds_is_read() {
    let facts = facts(&[Check::OperatingSystem, Check::Updates, Check::ScreenLock, Check::SecureBoot]);
    let os = facts.os.value().unwrap();
    assert_eq!(
        (os.title.as_str(), os.version.as_str(), os.build.as_str()),
        ("Windows 11 Pro", "11 24H2", "26100.2033")
    );
    assert_eq!(facts.last_update.value(), Ok(&TOLD));
    let lock = facts.screen_lock.value().unwrap();
    assert_eq!((lock.on, lock.after), (true, Some(900)));
    assert_eq!(facts.secure_boot.value(), Ok(&true));
}

#[test]
fn security_center_is_asked_where_there_is_one_and_what_it_gives_is_given_back() {
    let class = r"SOFTWARE\Classes\CLSID\{17072F7B-9ABE-4A74-A261-1EB76B55107A}\InprocServer32";
    let _ = LOCAL_MACHINE.remove_tree(class);
    let without = facts(&[Check::AntivirusDefinitions]);
    let (installed, source) = products(&without);
    assert_eq!((installed.len(), source), (1, "registry: Uninstall"));
    let installed = kaspersky(installed);
    assert_eq!((installed.installed.value(), installed.running.value()), (Ok(&true), Ok(&false)));
    assert_eq!(installed.definitions_at.value(), Ok(&TOLD));

    let key = LOCAL_MACHINE.create(class).unwrap();
    key.set_string("", r"C:\windows\system32\wscapi.dll").unwrap();
    key.set_string("ThreadingModel", "Both").unwrap();
    // Over and over: a list tells nothing while something of another one is kept.
    for _ in 0..10 {
        let listed = facts(&[Check::AntivirusDefinitions]);
        let (listed, source) = products(&listed);
        assert_eq!((listed.len(), source), (2, "IWSCProductList"));
        let on = kaspersky(listed);
        assert_eq!((on.real_time.value(), on.running.value()), (Ok(&RealTime::On), Ok(&true)));
        assert_eq!(on.definitions_current.value(), Ok(&true));
        assert_eq!(on.version.value().map(String::as_str), Ok("12.6.0.438"));
        let defender = listed.iter().find(|one| one.family == Family::Defender).unwrap();
        assert_eq!(defender.real_time.value(), Ok(&RealTime::Off));

        let firewall = facts(&[Check::Firewall]).firewall;
        let Fact::Known { value, source, .. } = &firewall else { panic!("{firewall:?}") };
        // Windows' own is on in its profiles, and its service does not run.
        assert_eq!(
            (value.name.as_str(), value.on, source.as_str()),
            ("Their Firewall", true, "IWSCProductList")
        );
    }
    LOCAL_MACHINE.remove_tree(class).unwrap();
}
