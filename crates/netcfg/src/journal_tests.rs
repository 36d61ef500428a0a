//! The journal as a crash leaves it: cut lines, other boots, other holders.

use proptest::prelude::*;

use super::*;

fn table(name: &str) -> Undo {
    Undo::NftTable { name: name.into() }
}

fn file() -> Undo {
    Undo::file("/etc/resolv.conf".into(), Some(b"nameserver 192.168.1.1\n"), "# ours")
}

fn names(journal: &Journal) -> Vec<String> {
    journal
        .pending()
        .map(|(_, undo)| if let Undo::NftTable { name } = undo { name.clone() } else { "-".into() })
        .collect()
}

#[test]
fn what_is_recorded_is_found_again_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let mut journal = Journal::open(&path, "boot").unwrap();
    let ids = journal.record(vec![table("a"), table("b")]).unwrap();
    journal.record(vec![table("c")]).unwrap();
    journal.done(ids[0]).unwrap();
    drop(journal);
    let mut journal = Journal::open(&path, "boot").unwrap();
    assert_eq!(names(&journal), ["c", "b"]);
    let left: Vec<EntryId> = journal.pending().map(|(id, _)| id).collect();
    left.into_iter().for_each(|id| journal.done(id).unwrap());
    assert!(journal.is_empty());
    journal.close().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_journal_is_private_and_has_one_holder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let mut journal = Journal::open(&path, "boot").unwrap();
    journal.record(vec![table("a")]).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Journal::open(&path, "boot"), Err(NetcfgError::JournalInUse { .. })));
    drop(journal);
    assert_eq!(names(&Journal::open(&path, "boot").unwrap()), ["a"]);
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_what_is_there_is_taken_back_and_nothing_new_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let fill = || std::os::unix::fs::symlink("/dev/full", path.with_extension("new")).unwrap();
    Journal::open(&path, "boot").unwrap().record(vec![table("a"), table("b")]).unwrap();

    fill();
    let mut journal = Journal::open(&path, "boot").unwrap();
    assert_eq!(names(&journal), ["b", "a"]);
    let ids: Vec<EntryId> = journal.pending().map(|(id, _)| id).collect();
    journal.done(ids[0]).unwrap();
    fill();
    assert!(matches!(journal.record(vec![table("c")]), Err(NetcfgError::Journal { .. })));
    assert_eq!(names(&journal), ["a"]);

    // Room again, and then none in the middle.
    journal.record(vec![table("d")]).unwrap();
    journal.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    journal.done(ids[1]).unwrap();
    journal.record(vec![table("e")]).unwrap();
    drop(journal);
    assert_eq!(names(&Journal::open(&path, "boot").unwrap()), ["e", "d"]);
}

#[test]
fn a_journal_that_is_not_empty_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let mut journal = Journal::open(&path, "boot").unwrap();
    journal.record(vec![table("a")]).unwrap();
    journal.close().unwrap();
    assert!(path.exists());
}

#[test]
fn after_a_reboot_only_files_are_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let mut journal = Journal::open(&path, "first").unwrap();
    journal.record(vec![table("a"), file()]).unwrap();
    drop(journal);
    let journal = Journal::open(&path, "second").unwrap();
    assert_eq!(journal.pending().map(|(_, undo)| undo.clone()).collect::<Vec<_>>(), [file()]);
}

#[test]
fn another_version_s_journal_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let content = "{\"praya_undo\":99,\"boot\":\"b\"}\n{\"id\":1,\"redo\":1}\n";
    std::fs::write(&path, content).unwrap();
    assert!(matches!(Journal::open(&path, "b"), Err(NetcfgError::ForeignJournal { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    assert_eq!(kept_aside(folder.path()), Vec::<Vec<u8>>::new());
}

#[test]
fn a_damaged_line_does_not_hide_the_others_and_the_file_is_kept() {
    for (damaged, left) in [("\"name\":\"b\"", "ca"), ("\"boot\":\"boot\"", "cba"), ("\"id\":3", "ba")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        drop(Journal::open(&path, "boot").unwrap().record(vec![table("a"), table("b"), table("c")]).unwrap());
        let content = std::fs::read_to_string(&path).unwrap().replace(damaged, "#");
        std::fs::write(&path, &content).unwrap();
        let mut journal = Journal::open(&path, "boot").unwrap();
        assert_eq!(names(&journal).concat(), left);
        let kept = journal.take_damaged().unwrap();
        assert!(kept.file_name().unwrap().to_str().unwrap().starts_with("undo.damaged-"), "{kept:?}");
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), content);
        assert_eq!(journal.take_damaged(), None, "told once");
        drop(journal);
        // What was salvaged is a sound journal again.
        let mut again = Journal::open(&path, "boot").unwrap();
        assert_eq!((names(&again).concat().as_str(), again.take_damaged()), (left, None));
    }
}

#[test]
fn a_file_without_a_readable_line_is_kept_and_a_new_one_begun() {
    for content in [&b"something else\n"[..], &[0; 4096], b"{\"done\":1}\n", b"{\"praya_un"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        std::fs::write(&path, content).unwrap();
        assert!(Journal::open(&path, "boot").unwrap().is_empty());
        assert_eq!(kept_aside(folder.path()), [content]);
    }
}

#[test]
fn a_torn_last_line_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    drop(Journal::open(&path, "boot").unwrap().record(vec![table("a"), table("b")]).unwrap());
    let content = std::fs::read(&path).unwrap();
    std::fs::write(&path, &content[..content.len() - 9]).unwrap();
    let mut journal = Journal::open(&path, "boot").unwrap();
    assert_eq!((names(&journal).concat().as_str(), journal.take_damaged()), ("a", None));
}

/// What was kept of damaged files.
fn kept_aside(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.to_str().unwrap().contains(".damaged-"))
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[test]
fn a_roaming_machine_does_not_grow_the_journal_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let mut journal = Journal::open(&path, "boot").unwrap();
    journal.record(vec![table("kept")]).unwrap();
    for _ in 0..2000 {
        let ids = journal.record(vec![table("roamed")]).unwrap();
        journal.done(ids[0]).unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 64 * 1024);
    assert!(
        matches!(Journal::open(&path, "boot"), Err(NetcfgError::JournalInUse { .. })),
        "the lock has moved along"
    );
    drop(journal);
    assert_eq!(names(&Journal::open(&path, "boot").unwrap()), ["kept"]);
}

#[test]
fn without_its_folder_there_is_a_clear_error() {
    let error = Journal::open(Path::new("/nonexistent/undo"), "boot").unwrap_err();
    assert!(error.to_string().contains("/nonexistent/undo"), "{error}");
}

proptest! {
    /// A crash cuts the file anywhere: what was recorded in whole lines before the cut is found.
    #[test]
    fn a_cut_anywhere_loses_only_what_came_after(count in 1usize..20, cut in 0.0f64..1.0) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        let mut journal = Journal::open(&path, "boot").unwrap();
        let header = std::fs::metadata(&path).unwrap().len() as usize;
        journal.record((0..count).map(|n| table(&n.to_string())).collect()).unwrap();
        drop(journal);
        let content = std::fs::read(&path).unwrap();
        let at = header + ((content.len() - header) as f64 * cut) as usize;
        let whole = content[header..at].iter().filter(|byte| **byte == b'\n').count();
        std::fs::write(&path, &content[..at]).unwrap();
        let found = Journal::open(&path, "boot").unwrap().pending().count();
        // A line whose end alone is missing is complete JSON, and undoing what was not done does no harm.
        prop_assert!(found == whole || found == whole + 1);
    }

    /// Wherever bytes are overwritten: the lines that are whole are undone, and nothing damaged goes unnoticed.
    #[test]
    fn damage_anywhere_costs_only_the_lines_it_hits(
        count in 1usize..12, at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        // Files survive a reboot: it does not matter here if the damage makes another boot of it.
        let file = |n: usize| Undo::file(n.to_string().into(), None, "# ours");
        drop(Journal::open(&path, "boot").unwrap().record((0..count).map(file).collect()));
        let sound = std::fs::read(&path).unwrap();
        let mut content = sound.clone();
        let at = at.index(content.len());
        content.iter_mut().skip(at).zip(&bytes).for_each(|(byte, new)| *byte = *new);
        std::fs::write(&path, &content).unwrap();
        let lines = |content: &[u8]| -> Vec<Vec<u8>> {
            content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        };
        let (before, after) = (lines(&sound), lines(&content));
        let untouched = (0..count).filter(|n| after.contains(&before[n + 1]));
        let untouched: Vec<Undo> = untouched.map(file).collect();
        match Journal::open(&path, "boot") {
            Ok(journal) => {
                let found: Vec<&Undo> = journal.pending().map(|(_, undo)| undo).collect();
                prop_assert!(untouched.iter().all(|undo| found.contains(&undo)), "{untouched:?} in {found:?}");
                prop_assert!(found.len() <= count + 1);
            }
            Err(error) => {
                // The damage made a version of it.
                prop_assert!(matches!(error, NetcfgError::ForeignJournal { .. }), "{error}");
                prop_assert_eq!(std::fs::read(&path).unwrap(), content);
                prop_assert!(at < before[0].len());
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&content);
        let mut after_header = b"{\"praya_undo\":1,\"boot\":\"boot\"}\n".to_vec();
        after_header.extend(content);
        prop_assert!(parse(&after_header).is_some_and(|found| found.boot.as_deref() == Some("boot")));
    }
}
