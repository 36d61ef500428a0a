//! Reads what is known about this machine.
//!
//! Each question is read on a thread of its own and has an answer in time: [`LIMIT`] for all of them together. A question
//! that cannot be answered is [`Unavailable`] with its reason, and never keeps the others from being answered. What was
//! not asked is not read.

mod machine;
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
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use praya_model::posture::Check;

pub use self::machine::Machine;
use crate::facts::{Fact, HostFacts, SCHEMA, Unavailable};

/// How long reading takes at most.
pub const LIMIT: Duration = Duration::from_secs(2);

/// How much of it is kept back, so that what is known by then is told.
const RESERVE: Duration = Duration::from_millis(200);

/// Reads what `checks` need, and nothing else.
pub fn collect(machine: &Machine, checks: &BTreeSet<Check>) -> HostFacts {
    let asked = |check: Check| checks.contains(&check);
    let definitions = asked(Check::AntivirusDefinitions);
    let os = question(machine, asked(Check::OperatingSystem), system::os);
    let antivirus = question(machine, asked(Check::Antivirus) || definitions, move |machine| {
        system::antivirus(machine, definitions)
    });
    let firewall = question(machine, asked(Check::Firewall), system::firewall);
    let disk = question(machine, asked(Check::DiskEncryption), system::disk);
    let last_update = question(machine, asked(Check::Updates), system::last_update);
    let screen_lock = question(machine, asked(Check::ScreenLock), system::screen_lock);
    let secure_boot = question(machine, asked(Check::SecureBoot), system::secure_boot);
    let system_integrity = question(machine, asked(Check::SystemIntegrity), system::system_integrity);
    let gatekeeper = question(machine, asked(Check::Gatekeeper), system::gatekeeper);
    let until = machine.until + RESERVE;
    HostFacts {
        schema: SCHEMA,
        collected_at: machine.now,
        os: answer(os, until),
        antivirus: answer(antivirus, until),
        firewall: answer(firewall, until),
        disk: answer(disk, until),
        last_update: answer(last_update, until),
        screen_lock: answer(screen_lock, until),
        secure_boot: answer(secure_boot, until),
        system_integrity: answer(system_integrity, until),
        gatekeeper: answer(gatekeeper, until),
    }
}

fn question<T: Send + 'static>(
    machine: &Machine,
    asked: bool,
    read: impl FnOnce(&Machine) -> Fact<T> + Send + 'static,
) -> Option<Pending<Fact<T>>> {
    asked.then(|| Pending::start(machine, read))
}

fn answer<T>(question: Option<Pending<Fact<T>>>, until: Instant) -> Fact<T> {
    question.map_or(Fact::unavailable(Unavailable::NotAsked), |pending| {
        pending.wait(until).unwrap_or_else(Fact::unavailable)
    })
}

/// Something that is being read. Whoever waits for it is free again in time, also when the system never answers.
struct Pending<T>(Receiver<T>);

impl<T: Send + 'static> Pending<T> {
    fn start(machine: &Machine, read: impl FnOnce(&Machine) -> T + Send + 'static) -> Self {
        let (told, answer) = channel();
        let machine = machine.clone();
        let reader = move || {
            // Nobody listens any more when it is late.
            let _ = told.send(read(&machine));
        };
        // Without a thread there is no answer, and its other end says so.
        let _ = thread::Builder::new().name("posture".to_owned()).spawn(reader);
        Self(answer)
    }
}

impl<T> Pending<T> {
    fn wait(self, until: Instant) -> Result<T, Unavailable> {
        let left = until.saturating_duration_since(Instant::now());
        self.0.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => Unavailable::TimedOut,
            RecvTimeoutError::Disconnected => Unavailable::Malformed,
        })
    }
}
