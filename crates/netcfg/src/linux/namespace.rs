//! Whether something on this machine belongs to this network namespace or to another one.
//!
//! A process in a network namespace of its own often shares the file system and the message bus with the machine.
//! Setting name servers there would set the machine's. The answer is sought in `/proc`, which hides other processes
//! from a service without ptrace rights; then what is known about the process's ancestors and user namespace decides.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whether the process `pid` is in this network namespace.
pub(crate) fn is_here(pid: u32) -> bool {
    match (network_of(&pid.to_string()), network_of("self")) {
        (Some(theirs), Some(own)) => theirs == own,
        (None, _) | (_, None) => {
            Path::new("/proc").join(pid.to_string()).exists()
                && !started_elsewhere()
                && in_first_user_namespace()
        }
    }
}

/// Whether the file at `path` is also that of processes in another network namespace.
pub(crate) fn is_shared(path: &Path) -> bool {
    let Ok(own) = std::fs::metadata(path) else { return false };
    let here = network_of("self");
    let is_theirs = |pid: &String| {
        let seen: PathBuf =
            Path::new("/proc").join(pid).join("root").join(path.strip_prefix("/").unwrap_or(path));
        network_of(pid).is_some_and(|network| Some(network) != here)
            && std::fs::metadata(seen).is_ok_and(|theirs| same_file(&own, &theirs))
    };
    let others = ancestors();
    if others.iter().any(is_theirs) {
        return true;
    }
    // An unprivileged user's namespace sees nobody: only a file mounted for it can be its own.
    network_of("1").is_none() && !in_first_user_namespace() && !is_mount_point(path)
}

fn network_of(pid: &str) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

/// Whether some process that led to this one is in another network namespace.
fn started_elsewhere() -> bool {
    let here = network_of("self");
    ancestors().iter().filter_map(|pid| network_of(pid)).any(|network| Some(network) != here)
}

/// The processes from the parent up to the first one.
fn ancestors() -> Vec<String> {
    /// Deeper trees are somebody's joke.
    const LIMIT: usize = 64;
    let mut pids = Vec::new();
    let mut pid = "self".to_owned();
    while pids.len() < LIMIT {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).map(str::trim);
        match parent {
            Some(parent) if parent != "0" => pids.push(parent.to_owned()),
            Some(_) | None => break,
        }
        pid = pids.last().cloned().unwrap_or_default();
    }
    pids
}

fn in_first_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether something is mounted exactly there, as `ip netns exec` does with a namespace's own files.
pub(crate) fn is_mount_point(path: &Path) -> bool {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(4).map(Path::new) == Some(&real))
}

fn same_file(one: &Metadata, other: &Metadata) -> bool {
    one.dev() == other.dev() && one.ino() == other.ino()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_files_are_in_its_own_namespace() {
        assert!(is_here(std::process::id()));
        assert!(!is_here(u32::MAX));
        assert!(!ancestors().is_empty());
        assert!(!is_shared(Path::new("/no/such/file")));
    }
}
