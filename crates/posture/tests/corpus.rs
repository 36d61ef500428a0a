//! The committed corpus of the decoders' fuzz targets, replayed.

use std::path::Path;

use praya_posture::fuzz;

fn replay(target: &str, decode: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let path = entry.expect("the folder can be read").path();
        // Shown only when a decoder panics.
        eprintln!("{}", path.display());
        decode(&std::fs::read(&path).expect("a committed file is readable"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn clamav() {
    replay("posture_clamav", fuzz::clamav);
}

#[test]
fn linux() {
    replay("posture_linux", fuzz::linux);
}

#[test]
fn macos() {
    replay("posture_macos", fuzz::macos);
}

#[test]
fn windows() {
    replay("posture_windows", fuzz::windows);
}
