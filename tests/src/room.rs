//! A part of a machine with processes and files of its own: a namespace of each. What looks for programs in there
//! finds none of the rest of this computer, and none of another test's.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use praya_testkit::namespace::Door;
use praya_testkit::{Namespace, Process, Program, desk};

/// The first process, which lives as long as its input is open. It buries the dead: a process that has ended and is
/// still listed would pass for one that runs.
const KEEP: &str = "\necho up\ncat\n:";

/// The room. Dropping it ends everything in it.
pub struct Room {
    door: Door,
    first: i32,
    _keeper: Process,
}

impl Room {
    /// A room on this machine; this shell script, in which any failing line is an error, makes its files what they
    /// should be.
    ///
    /// # Errors
    /// With what the script says.
    pub fn new(machine: &Namespace, script: &str) -> Result<Self> {
        let keeper = machine
            .program("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "--mount-proc"])
            .args(["sh", "-euc"])
            .arg(format!("{script}{KEEP}"))
            .start()?;
        keeper.wait_for("up\n")?;
        let first = *desk::family(keeper.pid())?.get(1).context("the room's first process")?;
        Ok(Self { door: machine.door(), first, _keeper: keeper })
    }

    /// A program in the room. Its process is the one that waits for it outside; see [`inner`].
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Program {
        let first = self.first.to_string();
        self.door.program("nsenter").args(["--target", &first, "--mount", "--pid", "--"]).arg(program)
    }

    /// Runs a shell script in the room; any failing line is an error.
    ///
    /// # Errors
    /// With what it printed.
    pub fn shell(&self, script: &str) -> Result<String> {
        Ok(self.program("sh").args(["-euc", script]).succeed()?.text())
    }

    /// How this process reaches a file of the room.
    pub fn seen(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc").join(self.first.to_string()).join("root").join(inside)
    }
}

/// The id, as this process knows it, of a program in a room.
///
/// # Errors
/// When it has ended.
pub fn inner(process: &Process) -> Result<i32> {
    desk::family(process.pid())?.get(1).copied().context("a program that runs in a room")
}
