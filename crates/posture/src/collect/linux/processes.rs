//! Which programs run, and whose they are. Everybody may give a program the name of another one; who runs it and which
//! file it was started from is the kernel's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::collect::machine::{Machine, why};
use crate::decode::processes::{accounts, is_called, is_of_system};
use crate::facts::Unavailable;

/// Where the file of a program lies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Home {
    /// It is one of these, or somewhere under one of them.
    Under(&'static [&'static str]),
    /// Anywhere, under the program's own name.
    Anywhere,
}

/// The names of everything that runs.
#[derive(Debug)]
pub(super) struct Processes(BTreeMap<String, Vec<String>>);

impl Processes {
    pub(super) fn of(machine: &Machine) -> Result<Self, Unavailable> {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pid in machine.names("/proc").into_iter().filter(|name| name.bytes().all(|c| c.is_ascii_digit()))
        {
            // Those that end while they are read are gone.
            if let Ok(name) = machine.text(&format!("/proc/{pid}/comm")) {
                names.entry(name).or_default().push(pid);
            }
        }
        match names.values().flatten().any(|pid| pid == "1") {
            true => Ok(Self(names)),
            // Who does not see the first one sees nothing but his own.
            false if names.is_empty() => Err(Unavailable::NotDetected),
            false => Err(Unavailable::PermissionDenied),
        }
    }

    /// The accounts that the program of this name runs as; none if it does not run. It counts when the system runs it
    /// ([`is_of_system`]) from a file that belongs to the system, that nobody else may write to, and that lies where
    /// the program's files do. A person's program of the same name is another program.
    pub(super) fn run(
        &self,
        machine: &Machine,
        name: &str,
        home: Home,
    ) -> Result<BTreeSet<u32>, Unavailable> {
        let called = self.0.iter().filter(|(comm, _)| is_called(comm, name));
        let mut running = BTreeSet::new();
        let mut reason = None;
        for pid in called.flat_map(|(_, pids)| pids) {
            match account(machine, pid, name, home) {
                Ok(account) => running.extend(account),
                Err(why) => reason = Some(why),
            }
        }
        match reason {
            Some(reason) if running.is_empty() => Err(reason),
            _ => Ok(running),
        }
    }
}

/// The account of a process, if it is the program of this name.
fn account(machine: &Machine, pid: &str, name: &str, home: Home) -> Result<Option<u32>, Unavailable> {
    let Ok(status) = machine.text(&format!("/proc/{pid}/status")) else { return Ok(None) };
    let accounts = accounts(&status)?;
    if !accounts.into_iter().all(is_of_system) {
        return Ok(None);
    }
    // The link leads to the file itself, also where its name is gone or lies in a container.
    let link = machine.path(&format!("/proc/{pid}/exe"));
    let file = fs::read_link(&link).and_then(|path| Ok((path, fs::metadata(&link)?)));
    let (path, file) = match file {
        Ok(file) => file,
        Err(error) if why(&error) == Unavailable::PermissionDenied => {
            return Err(Unavailable::PermissionDenied);
        }
        // It has ended.
        Err(_) => return Ok(None),
    };
    let is_systems = file.is_file() && file.uid() == machine.owner && file.mode() & 0o022 == 0;
    // An upgrade took its name away, and it runs on.
    let path = path.to_str().unwrap_or_default();
    let path = PathBuf::from(path.strip_suffix(" (deleted)").unwrap_or(path));
    let is_at_home = match home {
        Home::Anywhere => path.file_name().is_some_and(|file| file == name),
        Home::Under(folders) => folders.iter().any(|folder| {
            let folder = machine.path(folder);
            path.starts_with(fs::canonicalize(&folder).unwrap_or(folder))
        }),
    };
    let [_, effective, _, _] = accounts;
    Ok((is_systems && is_at_home).then_some(effective))
}
