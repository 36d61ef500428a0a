//! Sets up what the web view draws with, before anything of it is loaded.
//!
//! The settings are environment variables and must be there before the first thread: where any is missing, the program
//! starts itself anew with them. What it starts later for the person gets its own environment back.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::instance;
use crate::safe_mode::{Machine, environment};

/// Says that the environment is set up: `safe` or `plain`, then the names of the variables that were added.
const DONE: &str = "PRAYA_DRAWING";
const SAFE: &str = "safe";

/// Returns once the environment is right, and says whether it is that of safe mode.
///
/// # Errors
/// The program cannot be started anew.
pub(crate) fn set_up(safe: bool) -> Result<bool> {
    if let Some(done) = std::env::var_os(DONE) {
        return Ok(done.to_string_lossy().split(',').next() == Some(SAFE));
    }
    let wanted = environment(machine(), safe);
    let missing: Vec<_> = wanted.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(safe);
    }
    let names = missing.iter().map(|(name, _)| *name);
    let done = std::iter::once(if safe { SAFE } else { "plain" }).chain(names).collect::<Vec<_>>().join(",");
    tracing::info!(%done, "drawing is set up for this machine");
    let program = std::env::current_exe().context("where this program lies")?;
    let error = Command::new(program).args(std::env::args_os().skip(1)).envs(missing).env(DONE, done).exec();
    Err(error).context("this program cannot be started anew")
}

/// Takes back what was set up, for a program that the person asked for.
pub(crate) fn take_back(command: &mut Command) -> &mut Command {
    if let Some(done) = std::env::var_os(DONE) {
        for name in done.to_string_lossy().split(',').skip(1) {
            command.env_remove(name);
        }
        command.env_remove(DONE);
    }
    // The right to come to the front was this app's.
    for name in instance::TOKENS {
        command.env_remove(name);
    }
    command
}

/// Whether a test drives the window.
pub(crate) fn is_driven() -> bool {
    std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some_and(|value| !value.is_empty())
}

/// What draws, by its versions: this app, the web view, and the drivers, which are the kernel's where they are not
/// NVIDIA's own.
pub(crate) fn versions() -> String {
    let web_view = tauri::webview_version().unwrap_or_default();
    let nvidia = fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let nvidia = nvidia.lines().next().unwrap_or_default();
    let kernel = rustix::system::uname();
    let kernel = kernel.release().to_string_lossy();
    format!("{} {web_view} {kernel} {nvidia}", env!("CARGO_PKG_VERSION"))
}

/// Whether the folder of the graphics cards has any.
fn has_card(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| {
        let name = name.to_string_lossy();
        name.starts_with("card") || name.starts_with("renderD")
    })
}

fn machine() -> Machine {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    Machine {
        nvidia: Path::new("/proc/driver/nvidia/version").exists(),
        no_card: !has_card(Path::new("/dev/dri")),
        wayland: set("WAYLAND_DISPLAY"),
        x11: set("DISPLAY"),
        automated: is_driven(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_folder_of_cards_is_no_card() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_card(&folder.path().join("dri")));
        fs::create_dir(folder.path().join("by-path")).unwrap();
        assert!(!has_card(folder.path()));
        fs::write(folder.path().join("renderD128"), "").unwrap();
        assert!(has_card(folder.path()));
    }
}
