//! What the fuzz targets for policies, support dates and reports, and the replay of their corpus, call.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::BASE64;

use crate::policy::Policy;
use crate::report::{self, MAX_REPORT, ReportError, SignedReport};
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

/// A report as it travels: its signature on the first line, what is signed on the others.
///
/// # Panics
/// When one is opened that its device did not sign, or one that the device signed is not read as what it is.
pub fn sealed_report(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let device = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("any seed is a key");
    let key = device.public_key().as_ref().try_into().expect("a key has 32 bytes");
    let sign = |report: &str| BASE64.encode(device.sign(&report::signed_bytes(report)).as_ref());
    let (signature, report) = text.split_once('\n').unwrap_or((text, ""));
    let open = |report: &str, signature: String| {
        report::open(&SignedReport { report: report.to_owned(), signature }, "n", &key)
    };
    let opened = open(report, signature.to_owned());
    assert!(opened.is_err() || signature == sign(report), "nobody else signs for the device");
    if report.len() <= MAX_REPORT {
        assert_eq!(open(report, sign(report)), report::read(report, "n"), "what is signed is read");
    }
    let large = format!("{report}{}", " ".repeat((MAX_REPORT + 1).saturating_sub(report.len())));
    assert_eq!(open(&large, sign(&large)), Err(ReportError::TooLarge));
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
