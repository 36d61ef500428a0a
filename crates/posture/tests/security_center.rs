//! Windows Security Center's own interface, in a Wine where `tests/wine/wscapi.c` stands for it. `cargo xtask cross` runs
//! this; nothing else does.
#![cfg(windows)]

use std::collections::BTreeSet;
use std::time::SystemTime;

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::collect::{Machine, collect};
use praya_posture::facts::{Fact, Family, HostFacts, RealTime};
use windows_registry::LOCAL_MACHINE;

fn facts(check: Check) -> HostFacts {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(since.as_millis().try_into().unwrap());
    collect(&Machine::this(now), &BTreeSet::from([check]))
}

#[test]
fn its_list_is_read_once_it_has_one_and_given_back_whole() {
    let class = r"SOFTWARE\Classes\CLSID\{17072F7B-9ABE-4A74-A261-1EB76B55107A}\InprocServer32";
    let _ = LOCAL_MACHINE.remove_tree(class);
    assert_eq!(facts(Check::Antivirus).antivirus.value(), Ok(&vec![]), "there is none to ask");

    let key = LOCAL_MACHINE.create(class).unwrap();
    key.set_string("", r"C:\windows\system32\wscapi.dll").unwrap();
    key.set_string("ThreadingModel", "Both").unwrap();
    // Over and over: a list tells nothing while something of another one is kept.
    for _ in 0..10 {
        let facts = facts(Check::Antivirus);
        let Fact::Known { value, source, .. } = &facts.antivirus else { panic!("{:?}", facts.antivirus) };
        assert_eq!(source, "IWSCProductList");
        let told: Vec<_> = value
            .iter()
            .map(|one| {
                (one.family, one.name.as_str(), one.real_time.value().copied(), one.running.value().copied())
            })
            .collect();
        let kaspersky = "Kaspersky Endpoint Security for Windows";
        assert_eq!(
            told,
            [
                (Family::Kaspersky, kaspersky, Ok(RealTime::On), Ok(true)),
                (Family::Defender, "Windows Defender", Ok(RealTime::Off), Ok(false)),
            ]
        );
        let facts = self::facts(Check::Firewall);
        let Fact::Known { value, source, .. } = &facts.firewall else { panic!("{:?}", facts.firewall) };
        assert_eq!(
            (value.name.as_str(), value.on, source.as_str()),
            ("Their Firewall", true, "IWSCProductList")
        );
    }
    LOCAL_MACHINE.remove_tree(class).unwrap();
}
