//! The window of the desktop app, which lies in `ui/` and is made by npm.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::steps::say;
use crate::{node, run};

/// What the built window is made of, in `ui/`.
const SOURCES: &[&str] = &[
    "index.html",
    "locales",
    "package-lock.json",
    "package.json",
    "src",
    "vite.config.ts",
    "../installers/THIRD-PARTY.txt",
];

/// Fetches what the window is built with, as `package-lock.json` says, unless that was done before.
pub(crate) fn packages() -> Result<()> {
    let folder = run::workspace()?.join("ui");
    // npm writes this file last.
    if is_newer(&folder.join("node_modules/.package-lock.json"), &folder, &["package-lock.json"])? {
        say("      nothing has changed");
        return Ok(());
    }
    npm(&["ci"])
}

/// Builds the files that the app is built around, unless nothing has changed since: the app's own build follows theirs.
pub(crate) fn build() -> Result<()> {
    packages()?;
    let folder = run::workspace()?.join("ui");
    if is_newer(&folder.join("dist/index.html"), &folder, SOURCES)? {
        say("      nothing has changed");
        return Ok(());
    }
    script("build")
}

/// Runs a script of `ui/package.json`.
pub(crate) fn script(name: &str) -> Result<()> {
    npm(&["run", name])
}

fn npm(words: &[&str]) -> Result<()> {
    node::npm()?.args(&["--prefix", "ui"]).args(words).run()
}

/// Whether `made` is there and newer than each of these files and everything in these folders.
pub(crate) fn is_newer(made: &Path, folder: &Path, sources: &[&str]) -> Result<bool> {
    let Ok(made) = made.metadata() else { return Ok(false) };
    let made = made.modified()?;
    for source in sources {
        if newest(&folder.join(source))? > made {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When the file, or the folder or anything in it, was changed last.
fn newest(path: &Path) -> Result<SystemTime> {
    let data = path.metadata().with_context(|| path.display().to_string())?;
    let mut newest_yet = data.modified()?;
    if data.is_dir() {
        for entry in std::fs::read_dir(path)? {
            newest_yet = newest_yet.max(newest(&entry?.path())?);
        }
    }
    Ok(newest_yet)
}
