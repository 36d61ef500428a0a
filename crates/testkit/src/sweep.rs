//! Ending what a killed test left behind. Namespaces need none of this: they live as long as their processes.

use std::fs;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The variable that every started program carries: which process it belongs to.
pub(crate) const OWNER: &str = "PRAYA_TESTKIT_OWNER";

/// `pid:start time` of this process; the pair never comes back.
pub(crate) fn own_mark() -> Result<String> {
    mark_of(i32::try_from(std::process::id())?).context("this process has no start time")
}

fn mark_of(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the start time is the 20th field behind it (proc(5), field 22).
    let (_, fields) = stat.rsplit_once(')')?;
    Some(format!("{pid}:{}", fields.split_ascii_whitespace().nth(19)?))
}

/// What the folders of [`crate::folder`] begin with; the owner's mark follows, with a dot for the colon.
pub(crate) const FOLDER: &str = "praya-test-";

/// Kills every process that was started by a test process which is no more, and removes its folders.
pub fn leftovers() {
    kill_those_of(|owner| !lives(owner));
    folders();
}

/// Kills everything that this process has started, whatever it started in turn included.
pub(crate) fn own_processes() {
    if let Ok(own) = own_mark() {
        kill_those_of(|owner| owner == own);
    }
}

/// Whether the process of this mark is still there.
fn lives(mark: &str) -> bool {
    let pid = mark.split_once(':').and_then(|(pid, _)| pid.parse().ok());
    pid.and_then(mark_of).is_some_and(|now| now == mark)
}

fn folders() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_left) {
            // Another user's, or gone meanwhile: both are none of ours.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether the folder of this name is ours and its owner is no more.
fn is_left(name: &str) -> bool {
    let mark = name.strip_prefix(FOLDER).and_then(|name| name.rsplit_once('-'));
    let Some((mark, _)) = mark else { return false };
    let is_mark = mark.split('.').filter(|part| part.parse::<u64>().is_ok()).count() == 2;
    is_mark && !lives(&mark.replace('.', ":"))
}

/// Kills every process whose owner's mark is `meant`.
fn kill_those_of(meant: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    let prefix = format!("{OWNER}=");
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        let owner = environment
            .split(|&byte| byte == 0)
            .filter_map(|entry| std::str::from_utf8(entry).ok())
            .find_map(|entry| entry.strip_prefix(&prefix));
        if owner.is_some_and(&meant)
            && let Some(pid) = Pid::from_raw(pid)
        {
            // It may have ended meanwhile, which is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_folder_whose_test_died_is_removed_and_others_are_left_alone() -> Result<()> {
        let ours = crate::folder()?;
        let left = std::env::temp_dir().join(format!("{FOLDER}1.0-abcdef"));
        fs::create_dir_all(left.join("deep"))?;
        leftovers();
        assert!(!left.exists());
        assert!(ours.path().exists());
        Ok(())
    }

    #[test]
    fn a_program_whose_test_died_is_ended_and_others_are_left_alone() -> Result<()> {
        let mut orphan = Command::new("cat").env(OWNER, "1:0").stdin(std::process::Stdio::piped()).spawn()?;
        let mut ours =
            Command::new("cat").env(OWNER, own_mark()?).stdin(std::process::Stdio::piped()).spawn()?;
        leftovers();
        assert!(!orphan.wait()?.success());
        assert!(ours.try_wait()?.is_none());
        ours.kill()?;
        ours.wait()?;
        Ok(())
    }
}
