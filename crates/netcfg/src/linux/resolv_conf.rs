//! `/etc/resolv.conf` rewritten in place.
//!
//! In place because the file may be a bind mount (containers, named network namespaces), over which nothing can be
//! renamed; and never emptied first, so that a crash in the middle leaves a file that still begins with our marker.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;

use crate::dns::{DnsWish, MARKER, is_ours};
use crate::error::NetcfgError;
use crate::journal::{EntryId, Journal, Undo};

/// Larger files are no name server settings.
const MAX_SIZE: u64 = 64 * 1024;

/// What became of an earlier content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    Done,
    Gone,
    /// Somebody else has written the file since; it is left alone.
    NotOurs,
}

/// The content, or `None` without a file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_SIZE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    Ok(Some(content))
}

/// Puts the wish into the file at `path`, which is a symbolic link's target if it is one. `entry` is the journal's
/// entry of an earlier call, if any; returns the entry in force.
pub(crate) fn apply(
    path: &Path,
    wish: &DnsWish,
    journal: &mut Journal,
    entry: Option<EntryId>,
) -> Result<EntryId, NetcfgError> {
    let failed = |error: io::Error| NetcfgError::Dns { detail: format!("{}: {error}", path.display()) };
    let path = target(path).map_err(failed)?;
    let present = read(&path).map_err(failed)?;
    let ours = present.as_deref().is_some_and(|content| is_ours(content, MARKER));
    let original = match (&entry, ours) {
        // Still what we wrote before: the journal's original stands.
        (Some(id), true) => journal
            .pending()
            .find(|(other, _)| other == id)
            .and_then(|(_, undo)| original_in(undo))
            .unwrap_or_default(),
        (None, true) => {
            // Ours, and no journal says what was there before (it was lost): nothing can be put back.
            Vec::new()
        }
        (_, false) => present.clone().unwrap_or_default(),
    };
    let text = wish.resolv_conf(&String::from_utf8_lossy(&original));
    if let (Some(entry), true) = (entry, ours && present.as_deref() == Some(text.as_bytes())) {
        return Ok(entry);
    }
    let id = match (entry, ours) {
        (Some(entry), true) => entry,
        (entry, _) => {
            let before = if ours { None } else { present.as_deref() };
            let ids = journal.record(vec![Undo::file(path.clone(), before, MARKER)])?;
            if let Some(outdated) = entry {
                journal.done(outdated)?;
            }
            ids.first().copied().ok_or_else(|| failed(io::Error::other("the journal took no entry")))?
        }
    };
    overwrite(&path, text.as_bytes()).map_err(failed)?;
    Ok(id)
}

/// Undoes what [`apply`] did, if the file is still ours.
pub(crate) fn restore(path: &Path, original: Option<&str>, marker: &str) -> io::Result<Restored> {
    let Some(present) = read(path)? else { return Ok(Restored::Gone) };
    if !is_ours(&present, marker) {
        return Ok(Restored::NotOurs);
    }
    match original {
        None => std::fs::remove_file(path)?,
        Some(original) => {
            let content = BASE64
                .decode(original.as_bytes())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            overwrite(path, &content)?;
        }
    }
    Ok(Restored::Done)
}

/// One write over the old content, then the length.
fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    // A bind mount of a special file may know no sync; the content is there.
    let _ = file.sync_all();
    Ok(())
}

/// The file itself behind symbolic links; a link that leads nowhere yet is followed one step.
fn target(path: &Path) -> io::Result<PathBuf> {
    match std::fs::canonicalize(path) {
        Ok(target) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match std::fs::read_link(path) {
            Ok(link) if link.is_absolute() => Ok(link),
            Ok(link) => Ok(path.parent().unwrap_or(Path::new("/")).join(link)),
            Err(_) => Ok(path.to_owned()),
        },
        Err(error) => Err(error),
    }
}

fn original_in(undo: &Undo) -> Option<Vec<u8>> {
    if let Undo::File { original: Some(original), .. } = undo {
        BASE64.decode(original.as_bytes()).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use praya_model::TunnelConfig;

    fn wish(server: &str) -> DnsWish {
        let config = TunnelConfig { dns_servers: vec![server.parse().unwrap()], ..TunnelConfig::default() };
        DnsWish::of(&config).unwrap()
    }

    struct Room {
        _folder: tempfile::TempDir,
        file: PathBuf,
        journal: Journal,
    }

    fn room(content: Option<&str>) -> Room {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let journal = Journal::open(&folder.path().join("undo"), "boot").unwrap();
        Room { file, journal, _folder: folder }
    }

    fn undo_all(room: &Room) -> Vec<Restored> {
        let mut restored = Vec::new();
        for (_, undo) in room.journal.pending() {
            let Undo::File { path, original, marker } = undo else { panic!("{undo:?}") };
            restored.push(restore(path, original.as_deref(), marker).unwrap());
        }
        restored
    }

    #[test]
    fn the_earlier_content_comes_back_byte_for_byte() {
        let mut room = room(Some("nameserver 192.168.1.1\n\u{fffd} odd \n"));
        apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        assert!(std::fs::read_to_string(&room.file).unwrap().contains("nameserver 10.0.0.53"));
        assert_eq!(undo_all(&room), [Restored::Done]);
        assert_eq!(std::fs::read_to_string(&room.file).unwrap(), "nameserver 192.168.1.1\n\u{fffd} odd \n");
        assert_eq!(undo_all(&room), [Restored::NotOurs], "undoing again changes nothing");
    }

    #[test]
    fn the_inode_stays_because_the_file_may_be_a_bind_mount() {
        use std::os::unix::fs::MetadataExt;
        let mut room = room(Some(&"# long\n".repeat(100)));
        let inode = std::fs::metadata(&room.file).unwrap().ino();
        apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        assert_eq!(std::fs::metadata(&room.file).unwrap().ino(), inode);
        undo_all(&room);
        assert_eq!(std::fs::metadata(&room.file).unwrap().ino(), inode);
        assert_eq!(std::fs::read_to_string(&room.file).unwrap(), "# long\n".repeat(100));
    }

    #[test]
    fn a_file_that_was_not_there_goes_away_again() {
        let mut room = room(None);
        apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        assert!(room.file.exists());
        undo_all(&room);
        assert!(!room.file.exists());
    }

    #[test]
    fn what_another_program_wrote_meanwhile_is_left_alone() {
        let mut room = room(Some("nameserver 192.168.1.1\n"));
        apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        std::fs::write(&room.file, "nameserver 172.16.0.1\n").unwrap();
        assert_eq!(undo_all(&room), [Restored::NotOurs]);
        assert_eq!(std::fs::read_to_string(&room.file).unwrap(), "nameserver 172.16.0.1\n");
    }

    #[test]
    fn other_servers_on_reconnect_keep_the_first_original() {
        let mut room = room(Some("nameserver 192.168.1.1\n"));
        let first = apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        let second = apply(&room.file, &wish("10.9.0.53"), &mut room.journal, Some(first)).unwrap();
        assert_eq!(first, second);
        assert!(std::fs::read_to_string(&room.file).unwrap().contains("10.9.0.53"));
        undo_all(&room);
        assert_eq!(std::fs::read_to_string(&room.file).unwrap(), "nameserver 192.168.1.1\n");
    }

    #[test]
    fn a_file_that_dhcp_rewrote_is_taken_over_again_with_its_new_original() {
        let mut room = room(Some("nameserver 192.168.1.1\n"));
        let first = apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        std::fs::write(&room.file, "nameserver 172.16.0.1\n").unwrap();
        apply(&room.file, &wish("10.0.0.53"), &mut room.journal, Some(first)).unwrap();
        assert_eq!(undo_all(&room), [Restored::Done]);
        assert_eq!(std::fs::read_to_string(&room.file).unwrap(), "nameserver 172.16.0.1\n");
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let mut room = room(None);
        let real = room.file.with_file_name("real.conf");
        std::fs::write(&real, "nameserver 192.168.1.1\n").unwrap();
        std::os::unix::fs::symlink("real.conf", &room.file).unwrap();
        apply(&room.file, &wish("10.0.0.53"), &mut room.journal, None).unwrap();
        assert!(std::fs::symlink_metadata(&room.file).unwrap().is_symlink());
        undo_all(&room);
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "nameserver 192.168.1.1\n");
    }
}
