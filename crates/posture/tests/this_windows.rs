//! The collectors of Windows on the Windows that runs this.
#![cfg(windows)]

use std::time::{Duration, Instant, SystemTime};

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::collect::{LIMIT, Machine, collect};
use praya_posture::facts::{Fact, OsFamily, Unavailable};

#[test]
fn every_question_has_an_answer_in_time() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_millis(since.as_millis().try_into().unwrap());
    let begun = Instant::now();
    let facts = collect(&Machine::this(now), &Check::ALL.into_iter().collect());
    // What is late is said to be; a busy machine may need a while to say it.
    assert!(begun.elapsed() < LIMIT + Duration::from_secs(10));
    assert_eq!(facts.os.value().map(|os| os.family), Ok(OsFamily::Windows));
    fn answered<T>(fact: &Fact<T>) -> bool {
        !matches!(fact, Fact::Unavailable { reason: Unavailable::NotAsked })
    }
    assert!(answered(&facts.antivirus) && answered(&facts.firewall) && answered(&facts.disk));
    assert!(answered(&facts.last_update) && answered(&facts.screen_lock) && answered(&facts.secure_boot));
    let macos_only = Fact::unavailable(Unavailable::NotApplicable);
    assert_eq!((&facts.system_integrity, &facts.gatekeeper), (&macos_only, &macos_only));
}

#[test]
fn it_starts_where_there_is_no_security_center() {
    let libraries = imports(&std::fs::read(std::env::current_exe().unwrap()).unwrap());
    assert!(libraries.iter().any(|name| name == "ole32.dll"), "{libraries:?}");
    assert!(libraries.iter().all(|name| name != "wscapi.dll"), "servers have no such library");
}

/// The libraries without which Windows does not start a program, by its import directory (PE32+).
fn imports(program: &[u8]) -> Vec<String> {
    let number = |at: usize| u32::from_le_bytes(program[at..at + 4].try_into().unwrap()) as usize;
    let header = number(0x3c);
    let (sections, length) = (number(header + 4) >> 16, number(header + 20) & 0xffff);
    let (optional, table) = (header + 24, header + 24 + length);
    let place = |address: usize| {
        let inside =
            |section: &usize| (0..number(section + 8)).contains(&address.wrapping_sub(number(section + 12)));
        let section = (0..sections).map(|index| table + 40 * index).find(inside).unwrap();
        address - number(section + 12) + number(section + 20)
    };
    let entries = (place(number(optional + 120))..).step_by(20).map(|entry| number(entry + 12));
    let name = |address: usize| {
        let text = program[place(address)..].split(|byte| *byte == 0).next().unwrap();
        String::from_utf8_lossy(text).to_ascii_lowercase()
    };
    entries.take_while(|name| *name != 0).map(name).collect()
}
