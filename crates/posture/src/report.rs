//! The report of a machine: its facts, bound to one question of one gateway, signed with the device's key.
//!
//! A signature says which device reports, not that the device tells the truth; `docs/security.md` says what a forged
//! report can and cannot do. Bytes are canonical: a report that is not exactly what this module writes is refused, so
//! that two readers never see two things in one report.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::facts::{
    Antivirus, Disk, Fact, Firewall, HostFacts, MAX_HOTFIXES, MAX_PRODUCTS, MAX_TEXT, Os, SCHEMA, is_hotfix,
};

/// The largest report in bytes.
pub const MAX_REPORT: usize = 64 * 1024;

/// The length of a nonce in bytes of ASCII.
pub const MAX_NONCE: usize = 128;

/// What is signed begins with this, so that the signature is worth nothing elsewhere.
const LABEL: &[u8] = b"praya-posture-report-1\0";

/// A report as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReport {
    /// JSON of the nonce and the facts.
    pub report: String,
    /// Base64 of 64 bytes.
    pub signature: String,
}

/// What is in a report.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<N, F> {
    nonce: N,
    facts: F,
}

/// Why a report is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is longer than [`MAX_REPORT`].
    #[error("the report is longer than {MAX_REPORT} bytes")]
    TooLarge,
    /// The signature is not the device's for these bytes.
    #[error("the report is not signed by the device that signs in")]
    Signature,
    /// It is not what this release writes: truncated, with unknown fields, in another order or spelling.
    #[error("the report cannot be read: {0}")]
    Malformed(String),
    /// Its facts are of another version.
    #[error("the report is of version {0}; this release reads {SCHEMA}")]
    Schema(u32),
    /// It answers another question.
    #[error("the report answers another question")]
    Nonce,
    /// One of its texts is longer than [`MAX_TEXT`].
    #[error("a text in the report is longer than {MAX_TEXT} bytes")]
    LongText,
    /// It lists more products than [`MAX_PRODUCTS`].
    #[error("the report lists more than {MAX_PRODUCTS} products")]
    ManyProducts,
    /// It lists more hotfixes than [`MAX_HOTFIXES`], one twice or in disorder, or something else as one.
    #[error("the report does not list at most {MAX_HOTFIXES} hotfixes in their order")]
    Hotfixes,
}

/// Writes the report of `facts` in answer to `nonce`; `sign` is the device key's Ed25519 over the given bytes.
///
/// # Errors
/// When the facts are more than a gateway takes.
pub fn seal(
    nonce: &str,
    facts: &HostFacts,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<SignedReport, ReportError> {
    within_limits(nonce, facts)?;
    let report = write(nonce, facts)?;
    if report.len() > MAX_REPORT {
        return Err(ReportError::TooLarge);
    }
    let signature = BASE64.encode(&sign(&signed_bytes(&report)));
    Ok(SignedReport { report, signature })
}

/// The facts in a report that answers `nonce` and is signed with `key`, a device's Ed25519 public key.
///
/// # Errors
/// When it is anything else.
pub fn open(sealed: &SignedReport, nonce: &str, key: &[u8; 32]) -> Result<HostFacts, ReportError> {
    let SignedReport { report, signature } = sealed;
    if report.len() > MAX_REPORT {
        return Err(ReportError::TooLarge);
    }
    let signature = BASE64.decode(signature.as_bytes()).map_err(|_| ReportError::Signature)?;
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&signed_bytes(report), &signature)
        .map_err(|_| ReportError::Signature)?;
    read(report, nonce)
}

/// The facts in the signed part of a report.
pub(crate) fn read(report: &str, nonce: &str) -> Result<HostFacts, ReportError> {
    let malformed = |error: serde_json::Error| ReportError::Malformed(error.to_string());
    let body: Body<String, HostFacts> = serde_json::from_str(report).map_err(malformed)?;
    if body.facts.schema != SCHEMA {
        return Err(ReportError::Schema(body.facts.schema));
    }
    if body.nonce != nonce {
        return Err(ReportError::Nonce);
    }
    within_limits(nonce, &body.facts)?;
    if write(nonce, &body.facts)? != report {
        return Err(ReportError::Malformed("it is not written as reports are".to_owned()));
    }
    Ok(body.facts)
}

pub(crate) fn write(nonce: &str, facts: &HostFacts) -> Result<String, ReportError> {
    serde_json::to_string(&Body { nonce, facts }).map_err(|error| ReportError::Malformed(error.to_string()))
}

pub(crate) fn signed_bytes(report: &str) -> Vec<u8> {
    [LABEL, report.as_bytes()].concat()
}

fn within_limits(nonce: &str, facts: &HostFacts) -> Result<(), ReportError> {
    // Every field by its name, so that a new one cannot be forgotten.
    let HostFacts {
        schema: _,
        collected_at: _,
        os,
        antivirus,
        firewall,
        disk,
        last_update,
        hotfixes,
        screen_lock,
        secure_boot,
        system_integrity,
        gatekeeper,
    } = facts;
    if nonce.len() > MAX_NONCE {
        return Err(ReportError::LongText);
    }
    let mut texts = Texts { fit: true };
    if let Some(Os { family: _, product, title, version, build, edition, server: _, arch }) = texts.fact(os) {
        texts.all([product, title, version, build, arch]);
        texts.all(edition);
    }
    for product in texts.fact(antivirus).into_iter().flatten() {
        let Antivirus {
            family: _,
            name,
            version,
            engine_version,
            installed,
            running,
            real_time,
            definitions_version,
            definitions_at,
            definitions_current,
        } = product;
        texts.all([name]);
        let versions = [texts.fact(version), texts.fact(engine_version), texts.fact(definitions_version)];
        texts.all(versions.into_iter().flatten());
        texts.fact(installed);
        texts.fact(running);
        texts.fact(real_time);
        texts.fact(definitions_at);
        texts.fact(definitions_current);
    }
    if let Some(Firewall { name, on: _ }) = texts.fact(firewall) {
        texts.all([name]);
    }
    if let Some(Disk { encrypted_by }) = texts.fact(disk) {
        texts.all(encrypted_by);
    }
    texts.fact(last_update);
    texts.fact(hotfixes);
    texts.fact(screen_lock);
    texts.fact(secure_boot);
    texts.fact(system_integrity);
    texts.fact(gatekeeper);
    if antivirus.value().is_ok_and(|products| products.len() > MAX_PRODUCTS) {
        return Err(ReportError::ManyProducts);
    }
    if hotfixes.value().is_ok_and(|hotfixes| !are_hotfixes(hotfixes)) {
        return Err(ReportError::Hotfixes);
    }
    if texts.fit { Ok(()) } else { Err(ReportError::LongText) }
}

fn are_hotfixes(list: &[String]) -> bool {
    list.len() <= MAX_HOTFIXES
        && list.iter().all(|one| is_hotfix(one))
        && list.is_sorted_by(|one, next| one < next)
}

/// Whether all texts so far fit.
struct Texts {
    fit: bool,
}

impl Texts {
    fn all<'a>(&mut self, texts: impl IntoIterator<Item = &'a String>) {
        self.fit &= texts.into_iter().all(|text| text.len() <= MAX_TEXT);
    }

    /// What is known, once its source has been looked at.
    fn fact<'a, T>(&mut self, fact: &'a Fact<T>) -> Option<&'a T> {
        let Fact::Known { value, source, .. } = fact else { return None };
        self.all([source]);
        Some(value)
    }
}

#[cfg(test)]
mod tests;
