//! The committed corpus of the fuzz targets for policies, support dates and reports, replayed.

use std::path::Path;

use praya_posture::fuzz_policy;

fn replay(target: &str, read: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is committed") {
        let path = entry.expect("the folder can be read").path();
        // Shown only when the reader panics.
        eprintln!("{}", path.display());
        read(&std::fs::read(&path).expect("a committed file is readable"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn policies_are_read_without_harm() {
    replay("posture_policy", fuzz_policy::policy);
}

#[test]
fn support_dates_are_read_without_harm() {
    replay("posture_support", fuzz_policy::support);
}

#[test]
fn reports_are_read_without_harm() {
    replay("posture_report", fuzz_policy::report);
}

#[test]
fn sealed_reports_are_opened_without_harm() {
    replay("posture_sealed_report", fuzz_policy::sealed_report);
}
