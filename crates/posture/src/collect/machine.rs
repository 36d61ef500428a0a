//! The machine that is read: its files under a root, its programs, and the time there is for it.

#[cfg(unix)]
use std::fs;
use std::fs::File;
use std::io::{self, Read};
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(any(target_os = "macos", all(test, unix)))]
use std::time::SystemTime;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use jiff::tz::TimeZone;
use praya_model::Timestamp;
#[cfg(unix)]
use rustix::fs::OFlags;

#[cfg(unix)]
use super::guard::guarded;
use super::readers::Readers;
#[cfg(unix)]
use super::run::{self, Output};
use super::{LIMIT, RESERVE};
use crate::decode::Malformed;
use crate::facts::{Fact, Unavailable};

/// The largest file that is read, in bytes. A log of that size holds years.
const MAX_FILE: u64 = 16 << 20;

/// The most names that are read of a folder: more than a kernel has processes, unless it was told otherwise.
#[cfg(target_os = "linux")]
const MAX_NAMES: usize = 1 << 16;

/// What one source said and which one it was, or why none did.
pub(super) type Found<T> = Result<(T, &'static str), Unavailable>;

/// A machine: this one, or a folder that looks like one.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
    pub(super) now: Timestamp,
    pub(super) until: Instant,
    pub(super) readers: Arc<Readers>,
    /// The account that the system belongs to: root, and in a folder whoever owns that.
    #[cfg(target_os = "linux")]
    pub(super) owner: u32,
}

impl Machine {
    /// The one that this program runs on, at the moment `now`.
    pub fn this(now: Timestamp) -> Self {
        #[cfg(windows)]
        let root = super::system::root();
        #[cfg(not(windows))]
        let root = PathBuf::from("/");
        Self {
            readers: Readers::of_this_machine(),
            #[cfg(target_os = "linux")]
            owner: 0,
            ..Self::at(&root, now, LIMIT)
        }
    }

    /// The one whose files lie under `root`, to be read within `limit`.
    pub fn at(root: &Path, now: Timestamp, limit: Duration) -> Self {
        Self {
            root: root.to_owned(),
            now,
            until: Instant::now() + limit.saturating_sub(RESERVE),
            readers: Arc::default(),
            #[cfg(target_os = "linux")]
            owner: fs::metadata(root).map_or(0, |root| root.uid()),
        }
    }

    /// Where the file of this absolute path lies.
    pub(super) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// A file, or its first `length` bytes.
    pub(super) fn beginning(&self, absolute: &str, length: u64) -> Result<Vec<u8>, Unavailable> {
        let mut data = Vec::new();
        let read = open(&self.path(absolute)).and_then(|file| file.take(length).read_to_end(&mut data));
        read.map_err(|error| why(&error))?;
        Ok(data)
    }

    pub(super) fn read(&self, absolute: &str) -> Result<Vec<u8>, Unavailable> {
        let data = self.beginning(absolute, MAX_FILE + 1)?;
        if data.len() as u64 > MAX_FILE { Err(Unavailable::Malformed) } else { Ok(data) }
    }

    /// A file as text; what is not UTF-8 in it is replaced.
    pub(super) fn text(&self, absolute: &str) -> Result<String, Unavailable> {
        Ok(String::from_utf8_lossy(&self.read(absolute)?).into_owned())
    }

    pub(super) fn fact<T>(&self, found: Found<T>) -> Fact<T> {
        match found {
            Ok((value, source)) => Fact::known(value, source, self.now),
            Err(reason) => Fact::unavailable(reason),
        }
    }
}

#[cfg(unix)]
impl Machine {
    pub(super) fn exists(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    /// What the first of `programs` that is there prints; [`Unavailable::PermissionDenied`] where somebody else could
    /// have put it there ([`guarded`]).
    pub(super) fn run(&self, programs: &[&str], arguments: &[&str]) -> Result<Output, Unavailable> {
        let looked_at = programs.iter().map(|program| guarded(self, program).map(|()| self.path(program)));
        let mut there = looked_at.filter(|program| *program != Err(Unavailable::NotDetected));
        let program = there.next().unwrap_or(Err(Unavailable::NotDetected))?;
        run::run(&program, arguments, self.left()?)
    }

    /// How much time is left.
    pub(super) fn left(&self) -> Result<Duration, Unavailable> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Unavailable::TimedOut) } else { Ok(left) }
    }
}

#[cfg(any(target_os = "macos", all(test, unix)))]
impl Machine {
    /// When a file was written.
    pub(super) fn changed(&self, absolute: &str) -> Result<Timestamp, Unavailable> {
        let changed = fs::metadata(self.path(absolute)).and_then(|file| file.modified());
        let since = changed.map_err(|error| why(&error))?.duration_since(SystemTime::UNIX_EPOCH);
        Ok(Timestamp::from_secs(0).after(since.map_err(|_| Unavailable::Malformed)?))
    }
}

#[cfg(target_os = "linux")]
impl Machine {
    /// The same one, with no more time than `limit` for it.
    pub(super) fn within(&self, limit: Duration) -> Self {
        Self { until: self.until.min(Instant::now() + limit), ..self.clone() }
    }

    /// The names in a folder, in order; none if it cannot be read.
    pub(super) fn names(&self, absolute: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(absolute)).into_iter().flatten().flatten().take(MAX_NAMES);
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    /// The time zone that its logs are written in; UTC if it has none.
    pub(super) fn zone(&self) -> TimeZone {
        let file = self.read("/etc/localtime").ok();
        file.and_then(|file| TimeZone::tzif("", &file).ok()).unwrap_or(TimeZone::UTC)
    }
}

/// Opens a regular file. Where a pipe or a device lies in its place, it is neither waited for nor read.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// Why a file, a program or a socket could not be read.
pub(super) fn why(error: &io::Error) -> Unavailable {
    use io::ErrorKind as Kind;
    let kind = error.kind();
    if matches!(kind, Kind::NotFound | Kind::NotADirectory | Kind::ConnectionRefused) {
        Unavailable::NotDetected
    } else if kind == Kind::PermissionDenied {
        Unavailable::PermissionDenied
    } else if matches!(kind, Kind::TimedOut | Kind::WouldBlock) {
        Unavailable::TimedOut
    } else {
        Unavailable::Malformed
    }
}

impl From<Malformed> for Unavailable {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_file_is_neither_read_nor_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let folder = tempfile::tempdir().unwrap();
        mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("device")).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        fs::write(folder.path().join("file"), "12345").unwrap();
        let machine = Machine::at(folder.path(), Timestamp::from_secs(0), LIMIT);
        for other in ["/pipe", "/device", "/folder"] {
            assert_eq!(machine.read(other), Err(Unavailable::Malformed), "{other}");
        }
        assert_eq!(machine.beginning("/file", 3).as_deref(), Ok(&b"123"[..]));
        assert_eq!(machine.read("/none"), Err(Unavailable::NotDetected));
    }

    #[test]
    fn every_reason_is_told_apart() {
        for (kind, reason) in [
            (io::ErrorKind::NotFound, Unavailable::NotDetected),
            (io::ErrorKind::ConnectionRefused, Unavailable::NotDetected),
            (io::ErrorKind::PermissionDenied, Unavailable::PermissionDenied),
            (io::ErrorKind::WouldBlock, Unavailable::TimedOut),
            (io::ErrorKind::TimedOut, Unavailable::TimedOut),
            (io::ErrorKind::InvalidData, Unavailable::Malformed),
        ] {
            assert_eq!(why(&kind.into()), reason);
        }
    }
}
