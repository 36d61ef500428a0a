//! What only a Linux desktop can do: its folders, its bus, its tray, its clipboard.

pub(crate) mod acts;
pub(crate) mod drawing;
pub(crate) mod instance;
pub(crate) mod tray;

use std::path::PathBuf;

use anyhow::{Context, Result};
use praya_desktop::settings::Language;
use praya_texts::Locale;

/// The person's folders, by the XDG base directory specification.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// For settings.
    pub(crate) config: PathBuf,
    /// For what is remembered.
    pub(crate) state: PathBuf,
    /// For what the person is meant to find again.
    pub(crate) downloads: PathBuf,
}

impl Folders {
    /// Those of whoever runs the program.
    ///
    /// # Errors
    /// `HOME` is not set.
    pub(crate) fn of_person() -> Result<Self> {
        let home = PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?);
        // A relative path is to be ignored, as the specification has it.
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let downloads = gtk::glib::user_special_dir(gtk::glib::UserDirectory::Downloads);
        Ok(Self {
            config: set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")),
            state: set("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state")),
            downloads: downloads.filter(|folder| folder.is_dir()).unwrap_or(home),
        })
    }
}

/// The language that the person's environment asks for.
pub(crate) fn language() -> Language {
    Locale::from_environment(|name| std::env::var(name).ok()).into()
}
