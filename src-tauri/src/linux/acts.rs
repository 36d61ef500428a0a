//! Opening, copying and starting at login, as Linux desktops have it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use praya_desktop::open::PROGRAMS;

use super::drawing;
use super::instance::TOKENS;

/// Opens things with whatever the person's desktop has for them (xdg-utils).
const OPENER: &str = "xdg-open";
/// A program that cannot do its work says so within this time.
const AT_ONCE: Duration = Duration::from_millis(700);
/// The file that starts the app at login.
const AUTOSTART: &str = "autostart/org.praya.desktop.desktop";

/// Hands an address of a checked scheme to the desktop.
pub(crate) fn open(address: &str) -> io::Result<()> {
    start(OPENER, &[address.to_owned()])
}

/// Starts a program: no shell, no input, and nothing of ours in its environment.
///
/// # Errors
/// It is not there, or gives up at once.
pub(crate) fn start(program: &str, args: &[String]) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = drawing::take_back(&mut command).spawn()?;
    let deadline = Instant::now() + AT_ONCE;
    while Instant::now() < deadline {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(format!("{program}: {status}"))),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    reap(child)
}

/// Starts this app anew, with `token` for its window to come to the front by.
///
/// # Errors
/// It is not there any more.
pub(crate) fn start_anew(args: &[OsString], token: Option<String>) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(args);
    drawing::take_back(&mut command);
    command.envs(token.iter().flat_map(|token| TOKENS.map(|name| (name, token))));
    command.spawn().and_then(reap)
}

/// Waits for the end of a program in the background, so that nothing of it is left.
fn reap(mut child: Child) -> io::Result<()> {
    std::thread::Builder::new().name("wait".to_owned()).spawn(move || child.wait()).map(drop)
}

/// Which of the programs that a plan may name are in the search path.
pub(crate) fn programs() -> BTreeSet<&'static str> {
    PROGRAMS.iter().filter(|name| has_program(name)).copied().collect()
}

/// Whether there is a program of this name in the search path, or at this absolute path.
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let can_run = |file: PathBuf| {
        file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    // An absolute path stays what it is, whatever it is joined to.
    std::env::split_paths(&path).any(|folder| can_run(folder.join(name)))
}

/// The desktop in use, as the XDG specifications name it.
pub(crate) fn desktop() -> String {
    std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default()
}

/// Puts a text on the clipboard; on the main thread only.
pub(crate) fn copy(text: &str) {
    gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).set_text(text);
}

/// Writes or removes the file that starts the app at login.
///
/// # Errors
/// The folder or the file cannot be written.
pub(crate) fn start_at_login(config: &Path, on: bool) -> io::Result<()> {
    let file = config.join(AUTOSTART);
    if !on {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    let text = autostart(&std::env::current_exe()?);
    if fs::read_to_string(&file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

fn autostart(program: &Path) -> String {
    // Quoted as the Desktop Entry Specification has it; a percent sign is a field code.
    let mut quoted = String::new();
    for c in program.to_string_lossy().chars() {
        if "\"`$\\".contains(c) {
            quoted.push_str("\\\\");
        }
        quoted.push(c);
        if c == '%' {
            quoted.push(c);
        }
    }
    format!(
        "[Desktop Entry]\nType=Application\nName=Praya\nExec=\"{quoted}\" --at-login\nIcon=praya-desktop\n\
         NoDisplay=true\nX-GNOME-Autostart-enabled=true\n"
    )
}

/// What the help desk wants to know of the machine.
pub(crate) fn facts() -> Vec<(&'static str, String)> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let variable = |name| std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
    vec![
        ("system", system.map_or_else(|| "unknown".to_owned(), |name| name.trim_matches('"').to_owned())),
        ("desktop", variable("XDG_CURRENT_DESKTOP")),
        ("session", variable("XDG_SESSION_TYPE")),
        ("web view", tauri::webview_version().unwrap_or_else(|_| "unknown".to_owned())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_at_login_is_a_file_that_comes_and_goes() {
        let folder = std::env::temp_dir().join(format!("praya-autostart-{}", std::process::id()));
        start_at_login(&folder, true).unwrap();
        let text = fs::read_to_string(folder.join(AUTOSTART)).unwrap();
        assert!(text.contains("--at-login\n"), "{text}");
        start_at_login(&folder, false).unwrap();
        start_at_login(&folder, false).unwrap();
        assert!(!folder.join(AUTOSTART).exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_path_cannot_break_out_of_its_quotes() {
        let text = autostart(Path::new("/opt/a \"b\" 50%/$x"));
        assert!(text.contains(r#"Exec="/opt/a \\"b\\" 50%%/\\$x" --at-login"#), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_or_gives_up_is_an_error() {
        assert!(start("praya-no-such-program", &[]).is_err());
        assert!(start("false", &[]).is_err());
        assert!(start("true", &[]).is_ok());
    }

    #[test]
    fn a_program_is_a_file_that_may_be_run() {
        assert!(has_program("sh") && has_program("/bin/sh"));
        assert!(
            !has_program("praya-no-such-program") && !has_program("/etc/os-release") && !has_program("/bin")
        );
    }
}
