//! Reads what is known about this machine.
//!
//! Each question is read on a thread of its own and has an answer in time: [`LIMIT`] for all of them together. A question
//! that cannot be answered is [`Unavailable`] with its reason, and never keeps the others from being answered. What was
//! not asked is not read.

#[cfg(unix)]
mod guard;
mod machine;
mod readers;
#[cfg(unix)]
mod run;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
// What is read from a system can be tried on any; only the last call cannot.
#[cfg(any(windows, test))]
mod windows;
#[cfg(windows)]
use windows as system;
#[cfg(any(target_os = "macos", all(test, unix)))]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use praya_model::posture::Check;
use sysinfo::System;

pub use self::machine::Machine;
use self::readers::Pending;
use crate::facts::{Fact, HostFacts, SCHEMA, Unavailable};

/// How long reading takes at most.
pub const LIMIT: Duration = Duration::from_secs(2);

/// How much of it is kept back, so that what is known by then is told.
const RESERVE: Duration = Duration::from_millis(200);

/// Reads what `checks` need, and nothing else.
pub fn collect(machine: &Machine, checks: &BTreeSet<Check>) -> HostFacts {
    let asked = |check: Check| checks.contains(&check);
    let definitions = asked(Check::AntivirusDefinitions);
    let os = question(machine, "os", asked(Check::OperatingSystem), system::os);
    let antivirus = question(machine, "antivirus", asked(Check::Antivirus) || definitions, move |machine| {
        system::antivirus(machine, definitions)
    });
    let firewall = question(machine, "firewall", asked(Check::Firewall), system::firewall);
    let disk = question(machine, "disk", asked(Check::DiskEncryption), system::disk);
    let last_update = question(machine, "last_update", asked(Check::Updates), system::last_update);
    let hotfixes = question(machine, "hotfixes", asked(Check::Hotfixes), system::hotfixes);
    let screen_lock = question(machine, "screen_lock", asked(Check::ScreenLock), system::screen_lock);
    let secure_boot = question(machine, "secure_boot", asked(Check::SecureBoot), system::secure_boot);
    let system_integrity =
        question(machine, "system_integrity", asked(Check::SystemIntegrity), system::system_integrity);
    let gatekeeper = question(machine, "gatekeeper", asked(Check::Gatekeeper), system::gatekeeper);
    let until = machine.until + RESERVE;
    HostFacts {
        schema: SCHEMA,
        collected_at: machine.now,
        os: answer(os, until),
        antivirus: answer(antivirus, until),
        firewall: answer(firewall, until),
        disk: answer(disk, until),
        last_update: answer(last_update, until),
        hotfixes: answer(hotfixes, until),
        screen_lock: answer(screen_lock, until),
        secure_boot: answer(secure_boot, until),
        system_integrity: answer(system_integrity, until),
        gatekeeper: answer(gatekeeper, until),
    }
}

/// The machine's architecture by the name that [`Os::arch`](crate::facts::Os::arch) has for it: the machine's own, whatever
/// this program was built for.
fn arch() -> String {
    arch_named(System::cpu_arch())
}

/// Apple and Microsoft have another name for it than Linux.
fn arch_named(name: String) -> String {
    if name == "arm64" { "aarch64".to_owned() } else { name }
}

fn question<T: Send + 'static>(
    machine: &Machine,
    name: &'static str,
    asked: bool,
    read: impl FnOnce(&Machine) -> Fact<T> + Send + 'static,
) -> Option<Pending<Fact<T>>> {
    asked.then(|| Pending::start(machine, name, read))
}

fn answer<T>(question: Option<Pending<Fact<T>>>, until: Instant) -> Fact<T> {
    question.map_or(Fact::unavailable(Unavailable::NotAsked), |pending| {
        pending.wait(until).unwrap_or_else(Fact::unavailable)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_has_one_name_on_every_system() {
        for (name, ours) in [("arm64", "aarch64"), ("aarch64", "aarch64"), ("x86_64", "x86_64")] {
            assert_eq!(arch_named(name.to_owned()), ours);
        }
        assert_eq!(arch(), std::env::consts::ARCH, "the tests are built for the machine that runs them");
    }
}
