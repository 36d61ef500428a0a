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
