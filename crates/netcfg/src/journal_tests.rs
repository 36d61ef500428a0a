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
fn another_kind_of_file_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    for content in ["something else\n", "{\"praya_undo\":99,\"boot\":\"b\"}\n", "{\"done\":1}\n"] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(Journal::open(&path, "b"), Err(NetcfgError::ForeignJournal { .. })), "{content}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_damaged_line_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo");
    let mut journal = Journal::open(&path, "boot").unwrap();
    journal.record(vec![table("a"), table("b"), table("c")]).unwrap();
    drop(journal);
    let content = std::fs::read_to_string(&path).unwrap().replace("\"name\":\"b\"", "\"na#e\":\"b\"");
    std::fs::write(&path, content).unwrap();
    assert_eq!(names(&Journal::open(&path, "boot").unwrap()), ["c", "a"]);
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

    #[test]
    fn any_bytes_are_read_without_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&content, "boot");
        let mut after_header = b"{\"praya_undo\":1,\"boot\":\"boot\"}\n".to_vec();
        after_header.extend(content);
        prop_assert!(parse(&after_header, "boot").is_some());
    }
}
