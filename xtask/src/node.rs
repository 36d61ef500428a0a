//! The Node that builds and tests the window: the machine's, or, where that is too old, one in `target/node`, fetched
//! from the npm registry as `xtask/node/package-lock.json` says, to the byte.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{self, Program};
use crate::steps::say;
use crate::window::is_newer;

/// npm, with a Node that the window's tools run on behind it.
///
/// # Errors
/// The machine's Node is too old, or there is none, and [`ensure`] has not found a way round that.
pub(crate) fn npm() -> Result<Program> {
    if is_recent(Path::new("node")) {
        return Ok(Program::new(Path::new("npm")));
    }
    let node = own_node()?;
    let folder = node.parent().context("a program without a folder")?;
    let others = env::var_os("PATH").unwrap_or_default();
    // What npm starts asks for `node` by its name alone.
    let path = env::join_paths([folder.to_path_buf()].into_iter().chain(env::split_paths(&others)))?;
    let npm = own_folder()?.join("node_modules/npm/bin/npm-cli.js");
    Ok(Program::new(&node).args(&[&npm.to_string_lossy()]).env("PATH", Path::new(&path)))
}

/// Fetches a Node into `target/node` where the machine's is too old, with the npm that came with that one: Debian 12
/// and Ubuntu 24.04 package Node 18, on which npm leaves out what says that it needs more.
pub(crate) fn ensure() -> Result<()> {
    if is_recent(Path::new("node")) {
        return Ok(());
    }
    let folder = own_folder()?;
    let manifest = run::workspace()?.join("xtask/node");
    let files = ["package.json", "package-lock.json"];
    if !is_newer(&folder.join("node_modules/.package-lock.json"), &manifest, &files)? {
        say("      the Node of this machine is too old for the window's tools; another comes to target/node");
        fs::create_dir_all(&folder)?;
        for file in files {
            fs::copy(manifest.join(file), folder.join(file)).with_context(|| file.to_owned())?;
        }
        Program::new(Path::new("npm")).args(&["ci", "--prefix", &folder.to_string_lossy()]).run()?;
    }
    let node = own_node()?;
    if is_recent(&node) {
        return Ok(());
    }
    bail!(
        "the window needs Node 20.19, 22.13, 24 or later, which is not here; {} does not run either.\n\
         Please install one, https://nodejs.org/en/download, and run this again",
        node.display()
    )
}

fn own_folder() -> Result<PathBuf> {
    Ok(run::target_folder()?.join("node"))
}

fn own_node() -> Result<PathBuf> {
    let processor = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    Ok(own_folder()?.join(format!("node_modules/node-linux-{processor}/bin/node")))
}

/// Whether this Node is there and one that the window's tools run on: what vite, jsdom and eslint say in
/// `ui/package-lock.json`.
fn is_recent(node: &Path) -> bool {
    let Ok(said) = Command::new(node).arg("--version").output() else { return false };
    let said = String::from_utf8_lossy(&said.stdout);
    let mut parts = said.trim().trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    matches!((parts.next(), parts.next()), (Some(20), Some(19..)) | (Some(22), Some(13..)) | (Some(24..), _))
}
