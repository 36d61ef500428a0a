//! Replays the committed fuzz corpus, so that a finding stays found without a fuzzer.

use std::path::{Path, PathBuf};

use praya_datapath::offload::fuzz;

fn replay(target: &str, take: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        // Shown only when it panics.
        eprintln!("{}", file.display());
        take(&std::fs::read(&file).expect("a committed file is readable"));
    }
}

#[test]
fn offload_split() {
    replay("offload_split", fuzz::split_packet);
}

#[test]
fn offload_check() {
    replay("offload_check", fuzz::checked_packet);
}

#[test]
fn offload_virtio() {
    replay("offload_virtio", fuzz::virtio_header);
}

#[test]
fn offload_coalesce() {
    replay("offload_coalesce", fuzz::coalesced_packets);
}

#[test]
fn tls_records() {
    replay("tls_records", praya_datapath::tls::records::fuzz::records);
}
