//! Which programs the system runs, as `sysinfo` lists them. Everybody may give a program the name of another one; who runs
//! it and which file it was started from is the kernel's to say.

use std::path::PathBuf;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::collect::guard::guarded;
use crate::collect::machine::Machine;
use crate::facts::Unavailable;

/// From where macOS counts the accounts of people.
const PEOPLE: u32 = 500;

/// The files of the programs that run as an account of the system's.
#[derive(Debug)]
pub(super) struct Processes(Vec<PathBuf>);

impl Processes {
    /// Of the machine that this program runs on.
    pub(super) fn here() -> Result<Self, Unavailable> {
        let mut system = System::new();
        let what = ProcessRefreshKind::nothing().with_user(UpdateKind::Always).with_exe(UpdateKind::Always);
        system.refresh_processes_specifics(ProcessesToUpdate::All, false, what);
        let process = |process: &sysinfo::Process| {
            let accounts = [process.user_id()?, process.effective_user_id()?].map(|account| **account);
            Some((accounts, process.exe()?.to_owned()))
        };
        Self::among(system.processes().values().filter_map(process))
    }

    /// Among processes with their accounts, the real and the effective, and their files. The system's first process is
    /// always there; who does not see it sees nothing but his own.
    pub(super) fn among(all: impl Iterator<Item = ([u32; 2], PathBuf)>) -> Result<Self, Unavailable> {
        let of_system = all.filter(|(accounts, _)| accounts.iter().all(|account| *account < PEOPLE));
        let files: Vec<PathBuf> = of_system.map(|(_, file)| file).collect();
        if files.is_empty() { Err(Unavailable::PermissionDenied) } else { Ok(Self(files)) }
    }

    /// Whether the system runs a program of this name, from a file that nobody else could have put there.
    pub(super) fn run(&self, machine: &Machine, name: &str) -> bool {
        let called = self.0.iter().filter(|file| file.file_name().is_some_and(|file| file == name));
        called.filter_map(|file| file.to_str()).any(|file| guarded(machine, file).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_processes_are_listed() {
        let own = std::env::current_exe().unwrap();
        let listed = Processes::here();
        if rustix::process::getuid().is_root() {
            assert!(listed.unwrap().0.contains(&own));
        } else {
            assert!(listed.map_or(true, |listed| !listed.0.contains(&own)), "this is a person's");
        }
    }

    #[test]
    fn what_people_run_does_not_count() {
        let file = |name: &str| PathBuf::from(name);
        let all =
            [([0, 0], file("/a")), ([501, 501], file("/b")), ([501, 0], file("/c")), ([0, 501], file("/d"))];
        assert_eq!(Processes::among(all.into_iter()).unwrap().0, [file("/a")]);
        let people = [([501, 501], file("/b")), ([u32::MAX - 1, u32::MAX - 1], file("/e"))];
        assert_eq!(Processes::among(people.into_iter()).unwrap_err(), Unavailable::PermissionDenied);
    }
}
