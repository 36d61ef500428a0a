//! ClamAV of the distribution, really running, with databases of the test's own: on one machine, in a [`Room`] that
//! the client's service shares with it. Whatever this computer has of ClamAV itself is neither seen nor touched.

use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use praya_testkit::{Namespace, Process, privilege};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};
use rustix::process::{Pid, Signal, Uid, kill_process};
use rustix::thread::set_thread_uid;

use crate::room::{self, Room};

const SOCKET: &str = "/run/clamav/clamd.ctl";

/// The first person of a Debian system.
const PERSON: u32 = 1000;

/// Hides ClamAV, and gives it places of its own. What stays leads through folders that are the system's alone. In a
/// user namespace the program has to belong to its root, as it belongs to the system's root elsewhere.
const HIDE: &str = r#"
without() {
  mkdir -p "$files/real$1"
  mount --rbind "$1" "$files/real$1"
  mount -t tmpfs -o mode=755 none "$1"
  mkdir "$1/.real"
  mount -n --rbind "$files/real$1" "$1/.real"
  for path in "$files/real$1"/*; do
    case ${path##*/} in "$2" | "$3") ;; *) ln -s ".real/${path##*/}" "$1" ;; esac
  done
}
cp /usr/sbin/clamd "$files/clamd"
without /usr/sbin clamd clamd
without /run clamav clamd.scan
for place in /etc/clamav /var/lib/clamav; do
  mkdir -p "$files$place"
  mount --bind "$files$place" "$place"
done
"#;

/// A signature of the test's own: without any, clamd does not start.
const SIGNATURE: &str = "Praya.Test:0:*:7072617961207465737420636c616d617620736967";

/// The bureau's policy as it comes with Praya, but for its list of systems: no machine of the lab is a Windows.
///
/// # Errors
/// When there is nothing to leave out, or nothing left.
pub fn ias_policy() -> Result<String> {
    let mut policy: toml::Table = praya_posture::policy::IAS.parse()?;
    let requirements = policy.get_mut("requirements").and_then(toml::Value::as_array_mut);
    let requirements = requirements.context("requirements")?;
    let all = requirements.len();
    requirements.retain(|requirement| requirement.get("os").is_none());
    ensure!((1..all).contains(&requirements.len()), "{} of {all} requirements are left", requirements.len());
    Ok(policy.to_string())
}

/// ClamAV on one machine.
pub struct ClamAv {
    /// Where it is.
    pub room: Room,
    files: PathBuf,
    scanner: Option<Process>,
}

/// Who answers in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impostor {
    /// Somebody who may run services: ClamAV that has lost its mind, for instance.
    Root,
    /// A person of the machine, who would like to be taken for ClamAV.
    Person,
}

/// What `VERSION` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The engine only. That is how Debian's clamd answers that has no database of ClamAV's own, and all that one whose
    /// `EnableVersionCommand` is off lets be known; a build of before 1.5 has no such setting.
    Engine,
    /// Also the database's version, and that it was made so many days ago. It lies in a container without a signature
    /// (`.cud`), as `sigtool` makes them, because nobody but ClamAV can sign one.
    WithDefinitions(u64),
}

impl ClamAv {
    /// A machine without it.
    ///
    /// # Errors
    /// When the distribution's own is not there.
    pub fn not_installed(machine: &Namespace) -> Result<Self> {
        ensure!(Path::new("/usr/sbin/clamd").is_file(), "package clamav-daemon");
        let files = machine.folder("clamav")?;
        let room = Room::new(machine, &format!("files={}\n{HIDE}", files.display()))?;
        Ok(Self { room, files, scanner: None })
    }

    /// Puts the program and its configuration where the package has them. Nothing runs by that.
    ///
    /// # Errors
    /// When they cannot be put there.
    pub fn install(&self) -> Result<()> {
        let mut configuration =
            format!("LocalSocket {SOCKET}\nDatabaseDirectory /var/lib/clamav\nForeground yes\nSelfCheck 0\n");
        self.room.shell(&format!(
            "touch /usr/sbin/clamd; mount --bind {}/clamd /usr/sbin/clamd; mkdir /run/clamav",
            self.files.display()
        ))?;
        // Where there is nobody else to become, it stays root.
        if privilege::has_other_users() {
            configuration.push_str("User clamav\n");
            self.room.shell("chown clamav /run/clamav")?;
        }
        Ok(std::fs::write(self.files.join("etc/clamav/clamd.conf"), configuration)?)
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start(&mut self, version: Version) -> Result<()> {
        let databases = self.databases();
        for entry in std::fs::read_dir(&databases)? {
            std::fs::remove_file(entry?.path())?;
        }
        match version {
            Version::Engine => std::fs::write(databases.join("own.ndb"), format!("{SIGNATURE}\n"))?,
            Version::WithDefinitions(days) => self
                .room
                .shell(&format!(
                "cd {}; echo own > COPYING; echo '{SIGNATURE}' > daily.ndb; printf '%s\\n' '{}' > daily.info
                 for file in COPYING daily.ndb; do
                   echo \"$file:$(wc -c < $file):$(sha256sum $file | cut -d ' ' -f 1)\" >> daily.info
                 done
                 tar -c --format=ustar -f tar COPYING daily.info daily.ndb
                 {{ printf '%-512s' '{}'; cat tar; }} > /var/lib/clamav/daily.cud",
                self.files.display(),
                header(days)?,
                header(days)?
            ))
                .map(drop)?,
        }
        let scanner = self.room.program("/usr/sbin/clamd").without("TZ").start()?;
        scanner.wait_for("Self checking disabled.")?;
        self.scanner = Some(scanner);
        Ok(())
    }

    /// Lets a person of the machine start it for themselves, with a configuration and a socket of their own. It lives as
    /// long as the room.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start_as_person(&self) -> Result<()> {
        let place = self.files.join("person");
        std::fs::create_dir(&place)?;
        chown(&place, Some(PERSON), Some(PERSON))?;
        let configuration = place.join("clamd.conf");
        let shown = place.display();
        std::fs::write(place.join("own.ndb"), format!("{SIGNATURE}\n"))?;
        std::fs::write(
            &configuration,
            format!("LocalSocket {shown}/clamd\nDatabaseDirectory {shown}\nForeground yes\nSelfCheck 0\n"),
        )?;
        let person = PERSON.to_string();
        self.room
            .program("setpriv")
            .args(["--reuid", &person, "--regid", &person, "--clear-groups", "--", "/usr/sbin/clamd"])
            .arg("--config-file")
            .arg(configuration)
            .start()?
            .wait_for("Self checking disabled.")?;
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn stop(&mut self) -> Result<()> {
        let scanner = self.scanner.take().context("clamd was not started")?;
        signal(&scanner, Signal::TERM)?;
        scanner.wait()?;
        Ok(())
    }

    /// Puts the header of a database that was made so many days ago where the updater puts databases. Nothing but the
    /// header is read of it by anybody but clamd, which does not look while it runs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_definitions(&self, days: u64) -> Result<()> {
        Ok(std::fs::write(self.databases().join("daily.cvd"), format!("{:<512}", header(days)?))?)
    }

    /// Lets it run and say nothing, or go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn set_silent(&self, silent: bool) -> Result<()> {
        let scanner = self.scanner.as_ref().context("clamd was not started")?;
        if silent {
            return signal(scanner, Signal::STOP);
        }
        signal(scanner, Signal::CONT)?;
        // Who waits for it outside has stopped with it.
        scanner.signal(Signal::CONT)
    }

    /// Lets somebody else answer in its place, while it runs: whatever is asked, with the same bytes.
    ///
    /// # Errors
    /// When there is no place.
    pub fn replace_by(&self, who: Impostor, answer: &'static [u8]) -> Result<()> {
        let socket = self.room.seen(Path::new(SOCKET));
        std::fs::remove_file(&socket)?;
        let place = SocketAddrUnix::new(&socket)?;
        let listener = std::thread::spawn(move || listen(&place, who)).join();
        let listener = listener.ok().context("the thread that opens the socket")??;
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Whoever hangs up early is none of this.
                let _ = stream.and_then(|mut stream| {
                    let asked = stream.read(&mut [0; 64])?;
                    if asked > 0 { stream.write_all(answer) } else { Ok(()) }
                });
            }
        });
        Ok(())
    }

    fn databases(&self) -> PathBuf {
        self.files.join("var/lib/clamav")
    }
}

/// A socket remembers who it listens for: the user of the thread that let it.
fn listen(place: &SocketAddrUnix, who: Impostor) -> Result<UnixListener> {
    let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    net::bind(&socket, place)?;
    if who == Impostor::Person {
        // This thread, which ends here, and no other.
        set_thread_uid(Uid::from_raw(PERSON))?;
    }
    net::listen(&socket, 8)?;
    Ok(socket.into())
}

/// To the program itself, and not to the one that waits for it outside the room.
fn signal(process: &Process, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(room::inner(process)?).context("a process id")?;
    Ok(kill_process(pid, signal)?)
}

/// The header of a database that was made so many days ago.
fn header(days: u64) -> Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let made = now.checked_sub(days * 86_400).context("a day after 1970")?;
    let date = praya_testkit::Program::here("date")
        .args(["-u", "-d", &format!("@{made}"), "+%d %b %Y %H-%M +0000"])
        .env("LC_ALL", "C")
        .succeed()?
        .text();
    Ok(format!("ClamAV-VDB:{}:27800:1:90:X:X:praya:{made}", date.trim()))
}
