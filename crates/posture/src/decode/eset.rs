//! `upd --list-modules`: ESET on Linux.

use super::product::Reported;
use super::{Malformed, definitions, said};
use crate::facts::Family;

/// The detection engine among the modules: `EM002 29743 (20261007) Detection engine`. Its definitions are what it
/// counts and dates; the others are parts of the program.
///
/// # Errors
/// When it is not among them.
pub fn modules(listing: &str) -> Result<Reported, Malformed> {
    let wrong = Malformed("the modules of ESET");
    let module = listing.lines().find_map(|line| line.trim().strip_prefix("EM002"));
    let module = module.filter(|rest| rest.starts_with([' ', '\t'])).ok_or(wrong)?;
    let (version, _) = module.split_once(')').ok_or(wrong)?;
    Ok(Reported {
        definitions_at: Some(definitions::eset(module)?),
        definitions_version: said(&format!("{version})")),
        ..Reported::new(Family::Eset, "ESET Endpoint Antivirus")
    })
}

#[cfg(test)]
mod tests {
    use praya_model::Timestamp;

    use super::*;

    #[test]
    fn the_detection_engine_among_the_modules() {
        let told = modules(&super::super::tests::fixture("eset/modules")).unwrap();
        assert_eq!(told.definitions_version.as_deref(), Some("29743 (20261007)"));
        assert_eq!(told.definitions_at, Some(Timestamp::from_secs(1_791_331_200)));
        assert_eq!((told.running, told.real_time), (None, None));
        let wrong = [
            "",
            "EM001 1 (20261007) Loader",
            "EM002",
            "EM002 29743",
            "EM002 1 (2026)",
            "EM0021 1 (20261007) x",
        ];
        for listing in wrong {
            assert!(modules(listing).is_err(), "{listing}");
        }
    }
}
