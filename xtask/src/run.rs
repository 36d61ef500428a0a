//! Starting programs so that a person sees what runs and why it failed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::say;

/// The workspace's folder.
pub(crate) fn workspace() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(Path::to_path_buf).context("xtask lies in the workspace's folder")
}

/// Where `cargo` puts everything it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.map_or_else(|| workspace().map(|folder| folder.join("target")), Ok)
}

/// Where `cargo build` puts programs.
pub(crate) fn built_folder() -> Result<PathBuf> {
    Ok(target_folder()?.join("debug"))
}

/// A program of this workspace that was built before.
pub(crate) fn built(name: &str) -> Result<Program> {
    let folder = built_folder()?;
    Ok(Program::new(&folder.join(name)).env("PRAYA_BIN_DIR", &folder))
}

/// Whether a program of that name is in the search path.
pub(crate) fn tool_exists(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // The administrators' folders are not in everybody's path.
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .any(|folder| folder.join(name).is_file())
}

/// A program to run in the workspace's folder.
pub(crate) struct Program {
    command: Command,
    shown: OsString,
}

impl Program {
    pub(crate) fn new(path: &Path) -> Self {
        let mut command = Command::new(path);
        if let Ok(folder) = workspace() {
            command.current_dir(folder);
        }
        Self { command, shown: path.file_name().unwrap_or(path.as_os_str()).to_owned() }
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        for argument in arguments {
            self.shown.push(" ");
            self.shown.push(argument);
        }
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &Path) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets it find programs in this folder, too.
    pub(crate) fn also_in_path(mut self, folder: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [folder.to_path_buf()].into_iter().chain(std::env::split_paths(&path));
        // A folder with a separator in its name cannot be in a search path.
        if let Ok(path) = std::env::join_paths(folders) {
            self.command.env("PATH", path);
        }
        self
    }

    /// Runs it to its end with this terminal; anything but exit code 0 is an error.
    pub(crate) fn run(mut self) -> Result<()> {
        let shown = self.shown.to_string_lossy().into_owned();
        say(&format!("      $ {shown}"));
        let status = self.command.status().with_context(|| format!("{shown} cannot be started"))?;
        if status.success() { Ok(()) } else { bail!("{shown}: {status}") }
    }
}

/// The `cargo` that started this program.
pub(crate) struct Cargo(Program);

impl Cargo {
    pub(crate) fn new(subcommand: &str) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut program = Program::new(Path::new(&cargo)).args(&[subcommand]);
        program.command.stdin(Stdio::null());
        Self(program)
    }

    pub(crate) fn arg(self, argument: &str) -> Self {
        self.args(&[argument])
    }

    pub(crate) fn args(self, arguments: &[&str]) -> Self {
        Self(self.0.args(arguments))
    }

    pub(crate) fn packages(self, names: &[&str]) -> Self {
        names.iter().fold(self, |cargo, name| cargo.args(&["--package", name]))
    }

    pub(crate) fn env(self, name: &str, value: &Path) -> Self {
        Self(self.0.env(name, value))
    }

    pub(crate) fn run(self) -> Result<()> {
        self.0.run()
    }

    /// Runs it to its end and returns what it printed; anything but exit code 0 is an error.
    pub(crate) fn output(mut self) -> Result<String> {
        let shown = self.0.shown.to_string_lossy().into_owned();
        let output = self.0.command.output().with_context(|| format!("{shown} cannot be started"))?;
        if !output.status.success() {
            bail!("{shown}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
