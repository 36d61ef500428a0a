//! A folder that looks like a machine, and a clamd in it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use praya_model::Timestamp;
use praya_model::posture::Check;
use praya_posture::collect::{Machine, collect};
use praya_posture::facts::{Antivirus, HostFacts};
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_791_440_640);
pub(crate) const TOLD: Timestamp = Timestamp::from_secs(1_791_354_240);

/// Longer than any of these tests waits, so that only what hangs can be late.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub(crate) fn fixture(path: &str) -> Vec<u8> {
    fs::read(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) struct Folder(TempDir);

impl Folder {
    /// A Debian on which nothing but its first process runs.
    pub(crate) fn debian() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder
            .file("etc/os-release", fixture("os_release/debian-12"))
            .file("var/lib/dpkg/status", fixture("dpkg/status"))
            .running(&["systemd"])
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        fs::create_dir_all(self.path(path)).unwrap();
        self
    }

    /// A program that prints `output`.
    pub(crate) fn program(self, path: &str, output: impl AsRef<[u8]>, status: u8) -> Self {
        self.file(&format!("{path}.out"), output)
            .file(&format!("{path}.status"), status.to_string())
            .program_of("print", path)
    }

    /// One of the programs in `fixtures/programs`. Another process writes it: what this one held open for writing could
    /// not be run.
    pub(crate) fn program_of(self, which: &str, path: &str) -> Self {
        let program = self.path(path);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let from = fixtures().join("programs").join(which);
        let copied = Command::new("install").arg("--mode=755").arg(from).arg(program).status().unwrap();
        assert!(copied.success());
        self
    }

    /// Programs of the system's that run, each from its own file.
    pub(crate) fn running(self, names: &[&str]) -> Self {
        names.iter().fold(self, |folder, name| folder.runs(name, &format!("usr/sbin/{name}"), 0))
    }

    /// A program of this name that `account` runs from the file `exe`.
    pub(crate) fn runs(self, name: &str, exe: &str, account: u32) -> Self {
        let pid = fs::read_dir(self.path("proc")).map_or(0, |pids| {
            let is_pid = |name: &str| name.bytes().all(|c| c.is_ascii_digit());
            pids.filter(|pid| pid.as_ref().unwrap().file_name().to_str().is_some_and(is_pid)).count()
        }) + 1;
        let mut comm = name.as_bytes().to_vec();
        comm.truncate(15);
        comm.push(b'\n');
        let account = format!("\t{account}").repeat(4);
        let folder = self
            .file(&format!("proc/{pid}/comm"), comm)
            .file(&format!("proc/{pid}/status"), format!("Name:\t{name}\nUid:{account}\n"));
        let file = folder.0.path().canonicalize().unwrap().join(exe);
        if !file.exists() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(file, folder.path(&format!("proc/{pid}/exe"))).unwrap();
        folder
    }

    pub(crate) fn with_mode(self, path: &str, mode: u32) -> Self {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(crate) fn facts(&self, checks: &[Check]) -> HostFacts {
        self.facts_within(checks, LIMIT)
    }

    pub(crate) fn facts_within(&self, checks: &[Check], limit: Duration) -> HostFacts {
        let machine = Machine::at(self.0.path(), NOW, limit);
        collect(&machine, &checks.iter().copied().collect::<BTreeSet<_>>())
    }

    /// Its antivirus programs with their definitions.
    pub(crate) fn antivirus(&self) -> Vec<Antivirus> {
        self.antivirus_within(LIMIT)
    }

    pub(crate) fn antivirus_within(&self, limit: Duration) -> Vec<Antivirus> {
        let facts = self.facts_within(&[Check::Antivirus, Check::AntivirusDefinitions], limit);
        facts.antivirus.value().expect("processes can be read").clone()
    }
}

/// Something that listens where clamd does, for as long as the test runs.
pub(crate) struct FakeClamd {
    asked: Arc<AtomicUsize>,
}

impl FakeClamd {
    /// One that answers `PONG` and `version`.
    pub(crate) fn with_version(folder: &Folder, version: &'static str) -> Self {
        Self::start(folder, move |command| match command {
            b"zPING\0" => Some(b"PONG\0".to_vec()),
            b"zVERSION\0" => Some(format!("{version}\0").into_bytes()),
            _ => Some(b"UNKNOWN COMMAND\0".to_vec()),
        })
    }

    /// One that says what `answer` says; without an answer it keeps the connection and says nothing.
    pub(crate) fn start(folder: &Folder, answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let path = folder.path("run/clamav/clamd.ctl");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(path).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let mut command = [0; 64];
                let length = stream.read(&mut command).unwrap_or_default();
                match answer(&command[..length]) {
                    // Whoever asked may have gone.
                    Some(answer) => drop(stream.write_all(&answer)),
                    None => silent.push(stream),
                }
            }
        });
        Self { asked }
    }

    /// How many connections there were.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
