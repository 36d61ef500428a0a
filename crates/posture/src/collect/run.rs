//! Runs a program of the system: by its absolute path, without a shell, without this process's environment, and only
//! for so long.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::why;
use crate::facts::Unavailable;

/// The most that a program may print, in bytes.
const MAX_OUTPUT: u64 = 4 << 20;

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

/// Runs it to its end, or for as long as `limit`: then it is killed by its own handle and it is
/// [`Unavailable::TimedOut`]. One that prints too much is killed too, as [`Unavailable::Malformed`].
pub(super) fn run(program: &Path, arguments: &[&str], limit: Duration) -> Result<Output, Unavailable> {
    let until = Instant::now() + limit;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| why(&error))?;
    let output = read_until(&mut child, until);
    if output.is_err() {
        // It may have ended by itself meanwhile; either way it is waited for, so that nothing is left of it.
        let _ = child.kill();
        let _ = child.wait();
    }
    output
}

fn read_until(child: &mut Child, until: Instant) -> Result<Output, Unavailable> {
    let stdout = child.stdout.take().ok_or(Unavailable::Malformed)?;
    let (told, printed) = channel();
    // Not waited for: a program's own children may hold its output open after it was killed.
    thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output);
        let _ = told.send(read.map(|_| output));
    });
    let left = until.saturating_duration_since(Instant::now());
    let stdout = printed.recv_timeout(left).map_err(|error| match error {
        RecvTimeoutError::Timeout => Unavailable::TimedOut,
        RecvTimeoutError::Disconnected => Unavailable::Malformed,
    })?;
    let stdout = stdout.map_err(|error| why(&error))?;
    if stdout.len() as u64 > MAX_OUTPUT {
        return Err(Unavailable::Malformed);
    }
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
