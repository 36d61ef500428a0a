//! Where the programs under test are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The folder that holds them, when whoever runs the tests has built them already.
const FOLDER: &str = "PRAYA_BIN_DIR";

/// The desktop app; the window that it is built around must have been built before (`cargo xtask window`).
const APP: &str = "praya-desktop";

/// The file of a program of this workspace. Builds the programs once when nobody said where they are, so that a test
/// run by hand never meets an old one.
///
/// # Errors
/// When they do not build.
pub fn path(name: &str) -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    static APP_BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let (built, packages) = if name == APP {
        (&APP_BUILT, ["praya-app"].as_slice())
    } else {
        (&BUILT, ["praya-gateway", "praya-service", "praya-cli"].as_slice())
    };
    let folder = match std::env::var_os(FOLDER) {
        Some(folder) => PathBuf::from(folder),
        None => built
            .get_or_init(|| build(packages).map_err(|error| format!("{error:#}")))
            .clone()
            .map_err(anyhow::Error::msg)?,
    };
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { bail!("there is no program {}", path.display()) }
}

fn build(packages: &[&str]) -> Result<PathBuf> {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the workspace's folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bins"])
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .current_dir(workspace)
        .status()
        .context("cargo")?;
    if !built.success() {
        bail!("the programs do not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    Ok(target.join("debug"))
}
