//! What the fuzz targets for policies, support dates and reports, and the replay of their corpus, call.

use crate::policy::Policy;
use crate::report;
use crate::support::SupportTable;

/// A policy in TOML and in JSON.
///
/// # Panics
/// When one that is understood is not understood again as it was written.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for policy in [Policy::from_toml(text), Policy::from_json(text)].into_iter().flatten() {
        let written = serde_json::to_string(&policy).expect("a policy can be written");
        // Spelled out, a policy may be longer than it was.
        if written.len() <= crate::policy::MAX_POLICY {
            assert_eq!(Policy::from_json(&written), Ok(policy), "a written policy reads the same");
        }
    }
}

/// A table of support dates.
pub fn support(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = SupportTable::from_toml(text);
    }
}

/// The signed part of a report in answer to the nonce `n`.
///
/// # Panics
/// When one that is understood is not written as it was.
pub fn report(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(facts) = report::read(text, "n") {
        assert_eq!(report::write("n", &facts).as_deref(), Ok(text), "a report has one spelling");
    }
}
