//! The fixtures that the decoders' tests read, and what holds for all of them: any bytes at all are answered.

use proptest::prelude::*;

use super::clip;
use crate::facts::MAX_TEXT;

/// A file under `tests/fixtures`.
pub(crate) fn fixture(path: &str) -> String {
    let path = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every fixture, whichever decoder it is for.
fn fixtures() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(std::fs::read(path).unwrap());
            }
        }
    }
    found
}

fn all(data: &[u8]) {
    crate::fuzz::clamav(data);
    crate::fuzz::linux(data);
    crate::fuzz::macos(data);
    crate::fuzz::windows(data);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        all(&data);
    }

    #[test]
    fn any_text_is_answered(text in "(\\PC|[\n\t:=\\[\\]{}\"/.-]){0,200}") {
        all(text.as_bytes());
    }

    #[test]
    fn a_fixture_with_a_wrong_part_is_answered(
        which in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        cut in 0usize..8,
        new in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let fixtures = fixtures();
        let mut data = which.get(&fixtures).clone();
        if !data.is_empty() {
            let at = at.index(data.len());
            data.splice(at..(at + cut).min(data.len()), new);
        }
        all(&data);
    }

    #[test]
    fn a_text_of_a_fact_is_never_too_long(text in "\\PC{0,400}") {
        let clipped = clip(&text);
        prop_assert!(clipped.len() <= MAX_TEXT);
        prop_assert_eq!(clip(&clipped), clipped.clone());
    }
}

#[test]
fn every_fixture_is_answered_by_every_decoder() {
    for data in fixtures() {
        all(&data);
    }
}
