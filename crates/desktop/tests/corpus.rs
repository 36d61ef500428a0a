//! The committed corpus of the invitations' fuzz target, replayed.

use std::path::Path;

#[test]
fn the_corpus_is_read_without_harm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/invitation");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        praya_desktop::fuzz::invitation(&data);
        count += 1;
    }
    assert!(count >= 10, "{} holds {count} files", folder.display());
}
