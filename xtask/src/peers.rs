//! Other tunnels, for the measurements side by side. What cannot be had is no error: the report names it as missing.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::packages::{self, Need};
use crate::run::{Cargo, Program, target_folder, tool_exists};
use crate::steps::say;

/// Programs that come as crates: (crate, its program). They get nowhere near this workspace's own dependencies.
const CRATES: [(&str, &str); 2] = [("boringtun-cli", "boringtun-cli"), ("gotatun-cli", "gotatun")];
/// The current wireguard-go, newer than any Debian has: (Go package, its program).
const GO: (&str, &str) = ("golang.zx2c4.com/wireguard@latest", "wireguard");

/// Where programs lie that no package brings.
pub(crate) fn folder() -> Result<PathBuf> {
    Ok(root()?.join("bin"))
}

fn root() -> Result<PathBuf> {
    Ok(target_folder()?.join("bench-tools"))
}

/// Installs what is missing, as far as it is to be had.
pub(crate) fn ensure() -> Result<()> {
    without_it(packages::ensure(&[Need::Peers]));
    let folder = folder()?;
    let is_there = |program: &str| folder.join(program).is_file() || tool_exists(program);
    for (name, program) in CRATES {
        if !is_there(program) {
            let root = root()?;
            without_it(
                Cargo::new("install").args(&["--locked", "--root", &root.to_string_lossy(), name]).run(),
            );
        }
    }
    let (package, program) = GO;
    if !is_there(program) && tool_exists("go") {
        without_it(Program::new(Path::new("go")).args(&["install", package]).env("GOBIN", &folder).run());
    }
    Ok(())
}

fn without_it(outcome: Result<()>) {
    if let Err(error) = outcome {
        say(&format!("      without it: {error:#}"));
    }
}
