//! Replays the committed fuzz corpus, so that a finding stays found without a fuzzer.

use std::path::{Path, PathBuf};

use praya_dtls::fuzz;

fn replay(target: &str, decode: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        // Shown only when the decoder panics.
        eprintln!("{}", file.display());
        decode(&std::fs::read(&file).expect("a committed file is readable"));
    }
}

#[test]
fn dtls_server() {
    replay("dtls_server", fuzz::server);
}

#[test]
fn dtls_client() {
    replay("dtls_client", fuzz::client);
}

#[test]
fn dtls_connection() {
    replay("dtls_connection", fuzz::connection);
}

#[test]
fn dtls_peek() {
    replay("dtls_peek", fuzz::peek);
}
