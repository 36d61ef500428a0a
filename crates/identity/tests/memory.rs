//! What hashing leaves behind in the process; a process of its own, since it looks at the whole of it.
#![cfg(target_os = "linux")]

use praya_identity::password::{HashParams, Hasher};
use praya_model::Secret;

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has such a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number of KiB")
}

#[test]
fn the_memory_of_a_hash_goes_back_to_the_system_whichever_thread_hashed() {
    let hash = || {
        let mut hasher = Hasher::default();
        hasher
            .hash(&Secret::new("tide"), HashParams::default(), [1; 16])
            .expect("the default cost is possible");
    };
    let before = resident();
    for _ in 0..3 {
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(hash);
            }
        });
        hash();
    }
    let kept = resident().saturating_sub(before);
    assert!(kept < 19 * 1024, "{kept} KiB stay, which is as much as a hash takes");
}
