//! The command line of `praya-desktop`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;

/// The window and the tray icon of Praya. Where it runs already, a second start brings its window up.
#[derive(Clone, Debug, Parser)]
#[command(name = "praya-desktop", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The service's socket.
    #[cfg(target_os = "linux")]
    #[arg(long, value_name = "PATH", default_value = praya_ipc::DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// Start without a window where there is a tray.
    #[arg(long)]
    pub(crate) minimized: bool,
    /// The desktop's login starts it: without a window where the settings say so.
    #[arg(long, hide = true)]
    pub(crate) at_login: bool,
    /// Draw without the graphics card.
    #[arg(long)]
    pub(crate) safe_mode: bool,
    /// Draw with the graphics card, whatever happened before.
    #[arg(long, conflicts_with = "safe_mode")]
    pub(crate) no_safe_mode: bool,
    /// What an administrator has fixed of the settings.
    #[arg(long, value_name = "FILE", default_value = "/etc/praya/desktop.toml")]
    pub(crate) managed: PathBuf,
    /// A praya:// link, or a profile file, that invites to a gateway.
    #[arg(value_name = "INVITATION")]
    pub(crate) invitation: Option<String>,
}

impl Arguments {
    /// Whether the person asks for safe mode, or for none.
    pub(crate) fn drawing(&self) -> Option<bool> {
        (self.safe_mode || self.no_safe_mode).then_some(self.safe_mode)
    }

    /// The words of a start like this one that draws safely, and shows its window and `invitation`.
    pub(crate) fn in_safe_mode(&self, invitation: Option<String>) -> Vec<OsString> {
        let mut words: Vec<OsString> =
            vec!["--safe-mode".into(), "--managed".into(), self.managed.clone().into()];
        #[cfg(target_os = "linux")]
        words.extend(["--socket".into(), self.socket.clone().into()]);
        words.extend(invitation.map(OsString::from));
        words
    }

    /// The text of the invitation that was opened; of a file, not more of it than any invitation is long.
    pub(crate) fn invitation_text(&self) -> Option<String> {
        use std::io::Read as _;

        let given = self.invitation.as_deref()?;
        let scheme = praya_desktop::invitation::SCHEME;
        let is_link = given.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if is_link {
            return Some(given.to_owned());
        }
        // Desktops hand files over as `file://` addresses.
        let file = tauri::Url::parse(given).ok().and_then(|url| url.to_file_path().ok());
        let file = file.unwrap_or_else(|| PathBuf::from(given));
        let mut text = Vec::new();
        let limit = u64::try_from(praya_desktop::invitation::MAX_LENGTH).unwrap_or(u64::MAX) + 1;
        let read = std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut text));
        match read {
            Ok(_) => Some(String::from_utf8_lossy(&text).into_owned()),
            // Not an invitation; read as one, it is refused before the person's eyes.
            Err(_) => Some(given.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_start_in_safe_mode_is_like_the_one_before_with_its_window() {
        let before =
            ["praya-desktop", "--minimized", "--managed", "/m", "--no-safe-mode", "--socket", "/s", "x"];
        let words = Arguments::parse_from(before).in_safe_mode(Some("praya://add?gateway=a".into()));
        let after = Arguments::parse_from(std::iter::once("praya-desktop".into()).chain(words));
        assert_eq!((after.drawing(), after.minimized), (Some(true), false));
        assert_eq!((after.managed, after.socket), ("/m".into(), "/s".into()));
        assert_eq!(after.invitation.as_deref(), Some("praya://add?gateway=a"));
    }

    #[test]
    fn a_link_is_taken_as_it_is_and_a_file_is_read_within_its_limit() {
        let with = |given: &str| Arguments::parse_from(["praya-desktop", given]).invitation_text().unwrap();
        assert_eq!(with("PRAYA://add?gateway=a"), "PRAYA://add?gateway=a");
        assert_eq!(with("/nowhere/at/all.praya"), "/nowhere/at/all.praya");
        let file = std::env::temp_dir().join(format!("praya arguments {}", std::process::id()));
        std::fs::write(&file, "x".repeat(100_000)).unwrap();
        let address = tauri::Url::from_file_path(&file).unwrap();
        assert!(address.as_str().contains("%20"));
        for given in [file.to_string_lossy().as_ref(), address.as_str()] {
            assert_eq!(with(given).len(), praya_desktop::invitation::MAX_LENGTH + 1);
        }
        std::fs::remove_file(file).unwrap();
    }
}
