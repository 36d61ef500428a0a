//! A person's desktop on a machine: a display, a message bus, a home. Everything that is started at it sees nothing of
//! the desktop that the tests themselves may run on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::namespace::Door;
use crate::process::{Process, Program};
use crate::screen::Screen;
use crate::{Namespace, privilege};

/// Who sits at the desk, where there are other users than root: the first person of a Debian system.
const PERSON: u32 = 1000;

/// A bus without services of its own: nothing that a test did not bring answers on it.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A desktop. Dropping it ends the display and the bus, and whatever was started at it loses both.
pub struct Desk {
    door: Door,
    display: String,
    home: PathBuf,
    socket: PathBuf,
    person: Option<u32>,
    // In the order in which they end.
    _bus: Process,
    _screen: Process,
}

impl Desk {
    /// A desktop on this machine, 1280 by 800, without a window manager. The person is not root, where there is
    /// anybody else, and may have several desktops at once.
    ///
    /// # Errors
    /// When the display (package xvfb) or the bus (package dbus-daemon) does not start.
    pub fn new(machine: &Namespace) -> Result<Self> {
        Self::of(machine, privilege::has_other_users().then_some(PERSON))
    }

    /// Root's desktop.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_root(machine: &Namespace) -> Result<Self> {
        Self::of(machine, None)
    }

    fn of(machine: &Namespace, person: Option<u32>) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = machine.folder(&format!("home-{number}"))?;
        let display = format!(":{number}");
        // Displays of their own for every machine; a killed one leaves nothing in the system's temporary folder.
        machine.shell(
            "mkdir -p -m 1777 /tmp/.X11-unix
             mountpoint -q /tmp/.X11-unix || mount -t tmpfs -o mode=1777 none /tmp/.X11-unix",
        )?;
        let screen = machine
            .program("Xvfb")
            .arg(&display)
            .args([
                "-displayfd",
                "1",
                "-nolock",
                "-nolisten",
                "tcp",
                "-screen",
                "0",
                "1280x800x24",
                "-dpi",
                "96",
            ])
            .start()
            .context("package xvfb")?;
        screen.wait_for("\n")?;
        for folder in ["run", ".config", ".local/share", ".cache", "bin"] {
            fs::create_dir_all(home.join(folder))?;
        }
        fs::set_permissions(home.join("run"), fs::Permissions::from_mode(0o700))?;
        let socket = home.join("run/bus");
        let configuration = home.join("bus.conf");
        fs::write(&configuration, BUS.replace("SOCKET", &socket.display().to_string()))?;
        if let Some(person) = person {
            give(&home, person)?;
        }
        let bus = as_person(&machine.door(), person, "dbus-daemon")
            .args(["--nofork", "--print-address=1", "--config-file"])
            .arg(&configuration)
            .start()
            .context("package dbus-daemon")?;
        bus.wait_for("guid=")?;
        Ok(Self { door: machine.door(), display, home, socket, person, _bus: bus, _screen: screen })
    }

    /// The person's home, under the same path for both sides.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The address of the message bus.
    pub fn bus(&self) -> String {
        format!("unix:path={}", self.socket.display())
    }

    /// The display, as the variable of that name has it.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// A program that the person starts. It finds what lies in the home's `bin` first.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Program {
        let path = std::env::var("PATH").unwrap_or_default();
        let foreign = [
            "WAYLAND_DISPLAY",
            "LC_ALL",
            "LC_MESSAGES",
            "LANGUAGE",
            "XDG_CURRENT_DESKTOP",
            "XAUTHORITY",
            "SUDO_USER",
        ];
        let program = as_person(&self.door, self.person, program)
            .env("HOME", &self.home)
            .env("PATH", format!("{}:{path}", self.home.join("bin").display()))
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus())
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("XDG_CONFIG_HOME", self.home.join(".config"))
            .env("XDG_DATA_HOME", self.home.join(".local/share"))
            .env("XDG_STATE_HOME", self.home.join(".local/state"))
            .env("XDG_CACHE_HOME", self.home.join(".cache"))
            .env("GDK_BACKEND", "x11")
            .env("NO_AT_BRIDGE", "1")
            .env("LANG", "C.UTF-8")
            .env("TZ", "Asia/Taipei");
        foreign.into_iter().fold(program, Program::without)
    }

    /// Puts a program of the person's own where it is found before the system's.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn install(&self, name: &str, script: &str) -> Result<()> {
        let path = self.home.join("bin").join(name);
        fs::write(&path, script)?;
        Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
    }

    /// Makes a folder readable for the person under another path, which is returned: programs that were built in
    /// somebody else's home.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn show(&self, folder: &Path) -> Result<PathBuf> {
        let place = self.home.join("shown");
        fs::create_dir_all(&place)?;
        self.door.program("mount").arg("--bind").arg(folder).arg(&place).succeed()?;
        Ok(place)
    }

    /// What the display shows.
    ///
    /// # Errors
    /// When it is gone.
    pub fn screen(&self) -> Result<Screen> {
        Screen::open(&self.door.seen(&PathBuf::from("/tmp/.X11-unix").join(self.display.replace(':', "X"))))
    }
}

/// A program as this person, or as root.
fn as_person(door: &Door, person: Option<u32>, program: impl AsRef<OsStr>) -> Program {
    let Some(person) = person else { return door.program(program) };
    let person = person.to_string();
    door.program("setpriv")
        .args(["--reuid", &person, "--regid", &person, "--clear-groups", "--"])
        .arg(program)
}

/// Gives a folder and everything in it to a person.
fn give(folder: &Path, person: u32) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            give(&path, person)?;
        } else {
            chown(&path, Some(person), Some(person))?;
        }
    }
    Ok(chown(folder, Some(person), Some(person))?)
}

/// How much memory these processes have to themselves, with their share of what they have together (PSS), in KiB.
///
/// # Errors
/// When one of them is gone.
pub fn memory_kib(processes: &[i32]) -> Result<u64> {
    let mut sum = 0;
    for pid in processes {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("a line of memory")?;
        sum += line.trim().trim_end_matches("kB").trim().parse::<u64>()?;
    }
    Ok(sum)
}

/// A process and everything that it has started, its own identifier first.
///
/// # Errors
/// When the system lists no processes.
pub fn family(pid: i32) -> Result<Vec<i32>> {
    let listed =
        Command::new("ps").args(["-e", "-o", "pid=,ppid="]).output().context("ps (package procps)")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let pairs: Vec<(i32, i32)> = listed
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map_while(|number| number.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        })
        .collect();
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(child, _)| child));
        at += 1;
    }
    Ok(family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privilege::was_run_elsewhere;

    #[test]
    fn a_desk_has_a_display_a_bus_and_a_home_of_the_persons_own() -> Result<()> {
        if was_run_elsewhere()? {
            return Ok(());
        }
        let machine = Namespace::new("desk")?;
        let desk = Desk::new(&machine)?;
        assert!(desk.screen()?.windows("Praya")?.is_empty());
        let said = desk
            .program("sh")
            .args(["-euc", "id -u; echo $HOME; touch ~/.config/mine; test -S ~/run/bus"])
            .succeed()?
            .text();
        let uid = if privilege::has_other_users() { PERSON } else { 0 };
        assert_eq!(said, format!("{uid}\n{}\n", desk.home().display()));
        let shown = desk.show(Path::new("/etc"))?;
        desk.program("test").arg("-f").arg(shown.join("passwd")).succeed()?;
        Ok(())
    }
}
