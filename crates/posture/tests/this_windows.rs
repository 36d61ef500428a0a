//! The collectors of Windows on the Windows that runs this.
#![cfg(windows)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::collect::{LIMIT, Machine, collect};
use praya_posture::facts::{Fact, OsFamily, Unavailable};

#[test]
fn every_question_has_an_answer_in_time() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(since.as_millis().try_into().unwrap());
    // One after another: Wine fills its table of services from two threads at once, and crashes.
    for check in Check::ALL {
        let begun = Instant::now();
        let facts = collect(&Machine::this(now), &BTreeSet::from([check]));
        // What is late is said to be; a busy machine may need a while to say it.
        assert!(begun.elapsed() < LIMIT + Duration::from_secs(10), "{check:?}");
        fn answered<T>(fact: &Fact<T>) -> bool {
            !matches!(fact, Fact::Unavailable { reason: Unavailable::NotAsked })
        }
        let answers = [
            answered(&facts.os),
            answered(&facts.antivirus),
            answered(&facts.firewall),
            answered(&facts.disk),
            answered(&facts.last_update),
            answered(&facts.hotfixes),
            answered(&facts.screen_lock),
            answered(&facts.secure_boot),
            answered(&facts.system_integrity),
            answered(&facts.gatekeeper),
        ];
        assert_eq!(answers.into_iter().filter(|answered| *answered).count(), 1, "{check:?}: {facts:?}");
        assert!(facts.system_integrity.value().is_err() && facts.gatekeeper.value().is_err());
        if check == Check::OperatingSystem {
            assert_eq!(facts.os.value().map(|os| os.family), Ok(OsFamily::Windows));
        }
    }
}

#[test]
fn it_starts_where_there_is_no_security_center() {
    let libraries = imports(&std::fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
    assert!(libraries.iter().any(|name| name == "ole32.dll"), "{libraries:?}");
    assert!(libraries.iter().all(|name| name != "wscapi.dll"), "servers have no such library");
}

/// The libraries without which Windows does not start a program, by its import directory (PE32+).
fn imports(program: &[u8]) -> Option<Vec<String>> {
    let number = |at: usize| -> Option<usize> {
        let bytes = program.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let header = number(0x3c)?;
    let (sections, length) = (number(header + 4)? >> 16, number(header + 20)? & 0xffff);
    let (optional, table) = (header + 24, header + 24 + length);
    let place = |address: usize| {
        (0..sections).map(|index| table + 40 * index).find_map(|section| {
            let inside = address.checked_sub(number(section + 12)?)?;
            if inside < number(section + 8)? { Some(inside + number(section + 20)?) } else { None }
        })
    };
    let mut entry = place(number(optional + 120)?)?;
    let mut names = Vec::new();
    while let name @ 1.. = number(entry + 12)? {
        let text = program.get(place(name)?..)?.split(|byte| *byte == 0).next()?;
        names.push(String::from_utf8_lossy(text).to_ascii_lowercase());
        entry += 20;
    }
    Some(names)
}
