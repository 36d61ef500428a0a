//! The undo journal: what must be put back, on disk before it is changed.
//!
//! JSON lines. The first names the format and the boot it belongs to; then `{"id":…,"undo":…}` before a change and
//! `{"done":…}` after it is undone. A last line that was cut off by a crash describes a change that did not happen.
//! Of a damaged file every line that can be read counts, and the file is kept aside for a person to look at: a
//! machine that cannot be put back in full is better put back in part, and never kept from the network for it. The
//! file is locked while a process uses it, so that a clean-up never pulls the network from under a living service;
//! it is removed when nothing is left to undo.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::error::NetcfgError;
use crate::state::Route;

const VERSION: u32 = 1;
/// Dead lines that may pile up before the file is written anew.
const MAX_DEAD_LINES: usize = 512;
/// Of a larger file no more is read.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// How to take one change back. Values are those from before the change, never constants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Undo {
    /// Remove a route, if it is still ours.
    Route {
        /// The route as added.
        route: Route,
        /// The name of the interface whose index it holds; another name under that index means that it is gone.
        interface: Option<String>,
    },
    /// Remove an address.
    Address {
        /// The interface's name.
        interface: String,
        /// Its index.
        index: u32,
        /// The address as added.
        address: IpNet,
    },
    /// Give an interface its earlier MTU and state.
    Link {
        /// The interface's name.
        interface: String,
        /// Its index.
        index: u32,
        /// The MTU before, in bytes.
        mtu: u32,
        /// Whether it was up before.
        up: bool,
    },
    /// Put a file's content back, in place, if it still begins with our first line.
    File {
        /// Where.
        path: PathBuf,
        /// The content before, base64; `None` when there was no file.
        original: Option<String>,
        /// Our first line.
        marker: String,
    },
    /// Take our name servers from systemd-resolved's settings for an interface.
    ResolvedLink {
        /// The interface's name.
        interface: String,
        /// Its index.
        index: u32,
    },
    /// Write a kernel setting's earlier value, if it still has ours.
    Sysctl {
        /// Its path under `/proc/sys`.
        path: PathBuf,
        /// The value before.
        previous: String,
        /// The value we wrote.
        written: String,
    },
    /// Delete an nftables table of the `inet` family.
    NftTable {
        /// Its name.
        name: String,
    },
}

impl Undo {
    /// For a file whose content was `original`.
    pub(crate) fn file(path: PathBuf, original: Option<&[u8]>, marker: &str) -> Self {
        let original = original.map(|content| BASE64.encode(content));
        Self::File { path, original, marker: marker.to_owned() }
    }

    /// Whether the change is still there after a reboot; the kernel forgets all others by itself.
    pub(crate) fn survives_reboot(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

/// Names one entry of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(u64);

/// An open journal. Dropping it leaves the file as it is, for whoever cleans up.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    boot: String,
    pending: BTreeMap<u64, Undo>,
    next: u64,
    dead_lines: usize,
    /// The disk was full: the file lists more than is pending, and is written anew before anything is added to it.
    behind: bool,
    damaged: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Header { praya_undo: u32, boot: String },
    Entry { id: u64, undo: Undo },
    Done { done: u64 },
}

impl Journal {
    /// Opens the journal at `path` and reads what an earlier process left in it; makes it when there is none.
    /// Entries of an earlier boot are kept only where the change survives one. `boot` names the present boot. A
    /// damaged file is read as far as it can be and copied aside, see [`Journal::take_damaged`]. On a full disk it is
    /// opened all the same: what is in it can be taken back, and [`Journal::record`] says that there is no room.
    ///
    /// # Errors
    /// [`NetcfgError::JournalInUse`], [`NetcfgError::ForeignJournal`] or [`NetcfgError::Journal`]; nothing is
    /// changed then.
    pub fn open(path: &Path, boot: &str) -> Result<Self, NetcfgError> {
        let failed = |source| NetcfgError::Journal { path: path.to_owned(), source };
        let mut file = lock(path)?;
        let mut content = Vec::new();
        let is_larger = file.metadata().map_err(failed)?.len() > MAX_SIZE;
        (&mut file).take(MAX_SIZE).read_to_end(&mut content).map_err(failed)?;
        let Found { pending, boot: written, damaged } =
            parse(&content).ok_or_else(|| NetcfgError::ForeignJournal { path: path.to_owned() })?;
        // Whose boot cannot be read counts as of this one: undoing tolerates what is gone.
        let same_boot = written.is_none_or(|written| written == boot);
        let damaged = if damaged || is_larger { Some(keep_aside(path).map_err(failed)?) } else { None };
        if let Some(aside) = &damaged {
            tracing::warn!(
                journal = %path.display(),
                kept = %aside.display(),
                readable = pending.len(),
                "the undo journal is damaged: what could be read is taken back, and the file is kept; look in it for \
                 network settings that are still in force, put them back by hand, and delete it"
            );
        }
        let undos = pending.into_iter().filter(|undo| same_boot || undo.survives_reboot());
        let pending: BTreeMap<u64, Undo> = (1..).zip(undos).collect();
        let next = pending.keys().next_back().map_or(1, |last| last + 1);
        let mut journal = Self {
            path: path.to_owned(),
            file,
            boot: boot.to_owned(),
            pending,
            next,
            dead_lines: 0,
            behind: false,
            damaged,
        };
        let written = journal.try_rewrite();
        journal.unless_full(written)?;
        Ok(journal)
    }

    /// Where the damaged file is kept that this journal was salvaged from, if it was. Told once.
    pub fn take_damaged(&mut self) -> Option<PathBuf> {
        self.damaged.take()
    }

    /// Writes down how to take `changes` back, in the order in which they will be made. Returns when they are on
    /// the disk.
    ///
    /// # Errors
    /// [`NetcfgError::Journal`]: then none of the changes may be made.
    pub fn record(&mut self, changes: Vec<Undo>) -> Result<Vec<EntryId>, NetcfgError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        if self.behind {
            self.try_rewrite().map_err(|source| self.failed(source))?;
        }
        let start = self.next;
        let entries: Vec<(u64, Undo)> = (start..).zip(changes).collect();
        let mut text = String::new();
        for (id, undo) in &entries {
            push_line(&mut text, &Line::Entry { id: *id, undo: undo.clone() })
                .map_err(|source| self.failed(source))?;
        }
        let end = self.file.seek(SeekFrom::End(0)).map_err(|source| self.failed(source))?;
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // Half a line would swallow the next one. If even this fails, the reader skips the damaged line.
            let _ = self.file.set_len(end);
            return Err(self.failed(source));
        }
        self.next = start + entries.len() as u64;
        let ids = entries.iter().map(|(id, _)| EntryId(*id)).collect();
        self.pending.extend(entries);
        Ok(ids)
    }

    /// Notes that a change is taken back, or was never made. Not synced, and no matter on a full disk: undoing twice
    /// does no harm, and what is next to be taken back must not wait for room.
    ///
    /// # Errors
    /// [`NetcfgError::Journal`].
    pub fn done(&mut self, entry: EntryId) -> Result<(), NetcfgError> {
        if self.pending.remove(&entry.0).is_none() {
            return Ok(());
        }
        let mut text = String::new();
        push_line(&mut text, &Line::Done { done: entry.0 }).map_err(|source| self.failed(source))?;
        self.dead_lines += 2;
        let written = if self.behind {
            Ok(())
        } else if self.dead_lines > MAX_DEAD_LINES {
            self.try_rewrite()
        } else {
            self.file.write_all(text.as_bytes())
        };
        self.unless_full(written)
    }

    /// What is still to be taken back, the newest first.
    pub fn pending(&self) -> impl Iterator<Item = (EntryId, &Undo)> {
        self.pending.iter().rev().map(|(id, undo)| (EntryId(*id), undo))
    }

    /// Whether nothing is left to take back.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Removes the file when nothing is left in it.
    ///
    /// # Errors
    /// [`NetcfgError::Journal`].
    pub fn close(self) -> Result<(), NetcfgError> {
        if self.pending.is_empty() {
            match std::fs::remove_file(&self.path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(self.failed(source)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> NetcfgError {
        NetcfgError::Journal { path: self.path.clone(), source }
    }

    /// No room to note what is already done is no failure.
    fn unless_full(&mut self, written: io::Result<()>) -> Result<(), NetcfgError> {
        match written {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                tracing::warn!(journal = %self.path.display(), %error, "the undo journal cannot be brought up to date");
                self.behind = true;
                Ok(())
            }
            written => written.map_err(|source| self.failed(source)),
        }
    }

    /// Writes the file anew beside the old one and puts it in its place; the lock moves with it.
    fn try_rewrite(&mut self) -> io::Result<()> {
        let mut text = String::new();
        push_line(&mut text, &Line::Header { praya_undo: VERSION, boot: self.boot.clone() })?;
        for (id, undo) in &self.pending {
            push_line(&mut text, &Line::Entry { id: *id, undo: undo.clone() })?;
        }
        let beside = self.path.with_extension("new");
        let mut file = open_private(&beside, true)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
        })?;
        let placed = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&beside, &self.path));
        if let Err(error) = placed {
            let _ = std::fs::remove_file(&beside);
            return Err(error);
        }
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        self.file = file;
        self.dead_lines = 0;
        self.behind = false;
        Ok(())
    }
}

fn push_line(text: &mut String, line: &Line) -> io::Result<()> {
    text.push_str(&serde_json::to_string(line)?);
    text.push('\n');
    Ok(())
}

/// Opens and locks `path`; starts again when the file was replaced or removed by its holder in between.
fn lock(path: &Path) -> Result<File, NetcfgError> {
    let failed = |source| NetcfgError::Journal { path: path.to_owned(), source };
    for _ in 0..16 {
        let file = open_private(path, false).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NetcfgError::JournalInUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        if is_same_file(&file, path).map_err(failed)? {
            return Ok(file);
        }
    }
    Err(NetcfgError::JournalInUse { path: path.to_owned() })
}

#[cfg(unix)]
fn open_private(path: &Path, truncate: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).write(true).create(true).truncate(truncate).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn open_private(path: &Path, truncate: bool) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(truncate).open(path)
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok(held.ino() == there.ino() && held.dev() == there.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Copies a damaged file beside itself; the original is replaced later, in one step.
fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".damaged-{now}"));
    let aside = path.with_file_name(name);
    // With its permissions.
    std::fs::copy(path, &aside)?;
    Ok(aside)
}

/// What a journal says.
#[derive(Debug, Default)]
struct Found {
    /// Not yet done, the oldest first.
    pending: Vec<Undo>,
    /// `None` when the line that names it cannot be read.
    boot: Option<String>,
    damaged: bool,
}

/// Reads every line that can be read. `None` for the journal of another version, which that version can undo.
fn parse(content: &[u8]) -> Option<Found> {
    let mut found = Found::default();
    // A list, not a map: a damaged number must not take the place of an intact entry.
    let mut entries: Vec<(u64, Undo)> = Vec::new();
    for (at, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(Line::Header { praya_undo: VERSION, boot }) if at == 0 => found.boot = Some(boot),
            Ok(Line::Header { .. }) if at == 0 => return None,
            Ok(Line::Entry { id, undo }) => {
                found.damaged |= entries.iter().any(|(known, _)| *known == id);
                entries.push((id, undo));
            }
            Ok(Line::Done { done }) => entries.retain(|(id, _)| *id != done),
            // The last line of a process that died while it wrote: the change was never made.
            Err(_) if at > 0 && !line.ends_with(b"\n") => {}
            Ok(Line::Header { .. }) | Err(_) => found.damaged = true,
        }
    }
    found.damaged |= found.boot.is_none() && !content.is_empty();
    entries.sort_by_key(|(id, _)| *id);
    found.pending = entries.into_iter().map(|(_, undo)| undo).collect();
    Some(found)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
