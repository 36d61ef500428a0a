//! Replays the committed fuzz corpus, so that a finding stays found without a fuzzer.

use std::path::{Path, PathBuf};

use praya_wire::fuzz;

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
fn cstp() {
    replay("cstp", fuzz::cstp);
}

#[test]
fn super_packet() {
    replay("super_packet", fuzz::super_packet);
}

#[test]
fn http_head() {
    replay("http_head", fuzz::http_head);
}

#[test]
fn xml_client() {
    replay("xml_client", fuzz::xml_client);
}

#[test]
fn xml_server() {
    replay("xml_server", fuzz::xml_server);
}

#[test]
fn urlencoded() {
    replay("urlencoded", fuzz::urlencoded);
}

#[test]
fn tunnel_headers() {
    replay("tunnel_headers", fuzz::tunnel_headers);
}

#[test]
fn ip_packet() {
    replay("ip_packet", fuzz::ip_packet);
}
