//! What only a Linux desktop can do: its folders, its bus, its tray, its clipboard.

pub(crate) mod acts;
pub(crate) mod drawing;
pub(crate) mod instance;
pub(crate) mod notifications;
pub(crate) mod painted;
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

/// A folder of the person's own that is gone with their session, for what the web view writes although it is to keep
/// nothing. A desktop may have none.
pub(crate) fn folder_in_memory() -> Option<PathBuf> {
    let runtime = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
    runtime.is_absolute().then(|| runtime.join("praya-desktop"))
}

/// Passwords and codes pass through this process and through the web view's, which it starts: no core dump of any of
/// them, and no debugger of another program of the person's at this one.
///
/// # Errors
/// The system does not let it.
pub(crate) fn keep_memory_private() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// The language that the person's environment asks for.
pub(crate) fn language() -> Language {
    Locale::from_environment(|name| std::env::var(name).ok()).into()
}

#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn the_process_leaves_no_core_dump() {
        keep_memory_private().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
