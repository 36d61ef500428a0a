//! Root for a test: the real one, or root of a user namespace of its own where the system allows that.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::stop;

/// Set in a process that runs as root of its own user namespace.
const INSIDE: &str = "PRAYA_TESTKIT_USER_NAMESPACE";

/// How a user namespace is made, best first: with the ids that the system set aside for this person (package uidmap),
/// so that programs in it can drop their privileges; or with root's alone.
const WAYS: [&[&str]; 2] = [
    &["--user", "--map-root-user", "--map-auto", "--mount", "--propagation", "private"],
    &["--user", "--map-root-user", "--mount", "--propagation", "private"],
];

/// Whether this process may make network namespaces.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether this is root of a user namespace only.
pub fn is_confined() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Whether there are other user ids here than root's, so that a program can become somebody else.
pub fn has_other_users() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().filter_map(|line| line.split_ascii_whitespace().nth(2)?.parse::<u64>().ok()).sum::<u64>() > 1
}

/// For a program's `main`: with root, returns; without, runs the program once more inside a user namespace and
/// returns its exit code. The signals of [`crate::stop`] go to that one.
///
/// # Errors
/// With what to do, when the system allows no user namespaces.
pub fn ensure() -> Result<Option<i32>> {
    if is_root() {
        return Ok(None);
    }
    let own = std::env::current_exe().context("this program's own file")?;
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let mut inside = unshared()?.arg(own).args(arguments).env(INSIDE, "1").spawn().context("unshare")?;
    stop::on_signals_of(&inside)?;
    Ok(Some(inside.wait()?.code().unwrap_or(1)))
}

/// For a test: with root, returns false, and the test goes on. Without, runs this one test once more inside a user
/// namespace and returns true: the test has been run and ends here.
///
/// # Errors
/// When the test fails inside, or the system allows no user namespaces.
pub fn was_run_elsewhere() -> Result<bool> {
    if is_root() {
        return Ok(false);
    }
    let thread = std::thread::current();
    let name = thread.name().context("a test's thread bears its name")?;
    let own = std::env::current_exe().context("this program's own file")?;
    let output = unshared()?
        .arg(own)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .context("unshare")?;
    // A filter that fits no test ends well, too, and would prove nothing.
    let ran = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed;");
    if !output.status.success() || !ran {
        bail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(true)
}

/// `unshare` with the best way that the system allows.
fn unshared() -> Result<Command> {
    let mut refusal = String::new();
    for way in WAYS {
        let mut command = Command::new("unshare");
        command.args(way);
        let probe =
            command.args(["unshare", "--net", "true"]).stdin(Stdio::null()).output().context("unshare")?;
        if probe.status.success() {
            let mut command = Command::new("unshare");
            command.args(way);
            return Ok(command);
        }
        refusal = String::from_utf8_lossy(&probe.stderr).trim().to_owned();
    }
    bail!(
        "this needs network namespaces, and the system allows them to root only ({refusal}).\n\
         Run it as root (sudo -E env \"PATH=$PATH\" cargo xtask …), or allow user namespaces to everybody:\n  \
         Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\n  \
         Debian: sudo sysctl kernel.unprivileged_userns_clone=1"
    )
}
