//! Runs a program of the system: by its absolute path, without a shell, without this process's environment, and only
//! for so long.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, Signal, kill_process_group};

use super::machine::why;
use crate::facts::Unavailable;

/// The most that a program may print, in bytes.
const MAX_OUTPUT: usize = 4 << 20;

/// Between looks at a program that has closed its output and has not ended.
const LOOK: Duration = Duration::from_millis(2);

/// What a program printed.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    /// Whether it ended with 0.
    pub(super) success: bool,
}

impl Output {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs it to its end, or for as long as `limit`: then it is killed with everything that it started, and it is
/// [`Unavailable::TimedOut`]. One that prints too much is killed too, as [`Unavailable::Malformed`].
pub(super) fn run(program: &Path, arguments: &[&str], limit: Duration) -> Result<Output, Unavailable> {
    let until = Instant::now() + limit;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A group of its own, so that what it starts can be killed with it.
    let mut child = command.process_group(0).spawn().map_err(|error| why(&error))?;
    let output = read_until(&mut child, until);
    if output.is_err() {
        // It may have ended by itself meanwhile; either way it is waited for, so that nothing is left of it.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let _ = child.wait();
    }
    output
}

fn read_until(child: &mut Child, until: Instant) -> Result<Output, Unavailable> {
    let mut pipe = child.stdout.take().ok_or(Unavailable::Malformed)?;
    let stdout = all_of(&mut pipe, until).map_err(|error| why(&error))?;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| why(&error))? {
            return Ok(Output { stdout, success: status.success() });
        }
        if Instant::now() >= until {
            return Err(Unavailable::TimedOut);
        }
        thread::sleep(LOOK);
    }
}

/// What is printed, to its end. It does not come while a program's own children hold the pipe, wherever they are.
fn all_of(pipe: &mut ChildStdout, until: Instant) -> io::Result<Vec<u8>> {
    ioctl_fionbio(&*pipe, true)?;
    let mut output = Vec::new();
    let mut part = vec![0; 64 << 10];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let wait = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&*pipe, PollFlags::IN)], Some(&wait))
            .and_then(|_| rustix::io::read(&*pipe, &mut part))
        {
            Ok(0) => return Ok(output),
            Ok(length) => output.extend(part.iter().take(length)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if output.len() > MAX_OUTPUT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: &str = "/bin/sh";
    const LONG: Duration = Duration::from_secs(20);

    fn script(script: &str, limit: Duration) -> Result<Output, Unavailable> {
        run(Path::new(SHELL), &["-c", script], limit)
    }

    #[test]
    fn output_and_status() {
        let output = script("echo out; echo err >&2; exit 3", LONG).unwrap();
        assert_eq!((output.text().as_str(), output.success), ("out\n", false));
        assert!(script("true", LONG).unwrap().success);
    }

    #[test]
    fn nothing_of_this_process_is_passed_on() {
        let output = script("env; pwd", LONG).unwrap().text();
        let allowed = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "PWD=/", "/"];
        assert!(output.lines().all(|line| allowed.contains(&line) || line.starts_with("_=")), "{output}");
    }

    #[test]
    fn one_that_is_late_is_killed() {
        let begun = Instant::now();
        for hanging in ["exec sleep 60", "sleep 60 & wait", "exec >&-; sleep 60"] {
            let late = script(hanging, Duration::from_millis(50));
            assert_eq!(late.unwrap_err(), Unavailable::TimedOut, "{hanging}");
        }
        assert!(begun.elapsed() < LONG);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_that_is_killed_takes_what_it_started_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("started");
        let prints = format!("sleep 60 & echo $! > {}; exec cat /dev/zero", started.display());
        assert_eq!(script(&prints, LONG).unwrap_err(), Unavailable::Malformed);
        let pid = std::fs::read_to_string(&started).unwrap();
        // Either gone, or a zombie that waits for its new parent.
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z"))
        };
        let until = Instant::now() + LONG;
        while runs() {
            assert!(Instant::now() < until, "it still runs");
            thread::yield_now();
        }
    }

    #[test]
    fn one_whose_child_left_the_group_and_holds_its_output_is_not_waited_for() {
        let begun = Instant::now();
        let late = script("setsid sleep 20 & echo out", Duration::from_millis(300));
        assert_eq!(late.unwrap_err(), Unavailable::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }

    #[test]
    fn one_that_prints_without_end_is_killed() {
        assert_eq!(script("exec cat /dev/zero", LONG).unwrap_err(), Unavailable::Malformed);
    }

    #[test]
    fn one_that_is_not_there_is_not_detected() {
        let missing = run(Path::new("/nowhere/at/all"), &[], LONG);
        assert_eq!(missing.unwrap_err(), Unavailable::NotDetected);
    }
}
