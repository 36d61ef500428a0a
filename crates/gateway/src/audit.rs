//! The audit: who did what, when, from where, how it went, and under which code; never a secret.
//!
//! Records go to the database, which only ever appends, and without any person's name to the log.

use aws_lc_rs::rand;
use praya_model::SupportCode;

use crate::store::{NewAudit, Outcome, Result, Store};

/// Who acted, when it was not an administrator.
pub const GATEWAY: &str = "gateway";
/// Who acted, when it was the person the record is about.
pub const PERSON: &str = "person";

/// No vowels, so that no words come out, and nothing that looks like something else.
const ALPHABET: &[u8; 27] = b"23456789BCDFGHJKLMNPQRSTVWX";

/// The writing end of the audit; clones write to the same record.
#[derive(Clone, Debug)]
pub struct Audit {
    store: Store,
}

impl Audit {
    /// An audit in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Appends a record. Blocks.
    ///
    /// # Errors
    /// The store's; the record stands in the log all the same.
    pub fn append(&self, record: &NewAudit) -> Result<i64> {
        log(record);
        self.store.append_audit(record)
    }

    /// Appends a record without blocking the caller's thread. A failure is logged: what the record is about has
    /// happened already.
    pub async fn record(&self, record: NewAudit) {
        log(&record);
        if let Err(error) = self.store.run(move |store| store.append_audit(&record)).await {
            tracing::error!(%error, "an audit record could not be stored");
        }
    }

    /// As [`Audit::record`], for blocking threads.
    pub fn record_blocking(&self, record: &NewAudit) {
        if let Err(error) = self.append(record) {
            tracing::error!(%error, "an audit record could not be stored");
        }
    }
}

/// A new support code, such as `K7QH-9FXM`: 38 random bits, enough to tell the events of years apart.
pub fn support_code() -> SupportCode {
    let mut text = String::with_capacity(9);
    while text.len() < 9 {
        let mut byte = [0];
        if rand::fill(&mut byte).is_err() {
            // Without randomness no session is made either; a code that stands out is good enough for the record.
            return SupportCode::new("XXXX-XXXX");
        }
        let [byte] = byte;
        // 243 = 9 * 27: beyond it the remainder would favour some letters.
        if let Some(letter) = (byte < 243).then(|| ALPHABET.get(usize::from(byte % 27))).flatten() {
            text.push(char::from(*letter));
        }
        if text.len() == 4 {
            text.push('-');
        }
    }
    SupportCode::new(text)
}

fn log(record: &NewAudit) {
    let event = record.event.as_str();
    let code = record.code.as_deref().unwrap_or("");
    let support = record.support.as_ref().map_or("", SupportCode::as_str);
    match record.outcome {
        Outcome::Ok => tracing::info!(event, code, support, "audit"),
        Outcome::Refused => tracing::info!(event, code, support, refused = true, "audit"),
        Outcome::Failed => tracing::warn!(event, code, support, failed = true, "audit"),
    }
    tracing::debug!(event, account = ?record.account, source = ?record.source, session = ?record.session, "audit, about whom");
}

#[cfg(test)]
mod tests {
    use praya_model::{AccountName, Timestamp};

    use super::*;
    use crate::store::{AuditEvent, AuditFilter};

    #[test]
    fn support_codes_are_short_and_differ() {
        let codes: std::collections::BTreeSet<_> = (0..200).map(|_| support_code()).collect();
        assert_eq!(codes.len(), 200);
        for code in codes {
            let (a, b) = code.as_str().split_once('-').unwrap();
            assert!(a.len() == 4 && b.len() == 4, "{code}");
            assert!(code.as_str().bytes().all(|b| b == b'-' || ALPHABET.contains(&b)), "{code}");
        }
    }

    #[test]
    fn a41_a_record_is_found_by_its_support_code() {
        let audit = Audit::new(Store::in_memory().unwrap());
        let code = support_code();
        let record = NewAudit {
            account: Some(AccountName::new("wong")),
            support: Some(code.clone()),
            ..NewAudit::new(Timestamp::from_secs(1), AuditEvent::SignIn, Outcome::Refused, PERSON)
        };
        audit.append(&record).unwrap();
        audit.append(&NewAudit { support: Some(support_code()), ..record }).unwrap();
        let found =
            audit.store.audit(&AuditFilter { support: Some(code), ..AuditFilter::default() }).unwrap();
        assert_eq!(found.len(), 1);
    }
}
