//! `praya-gateway token import`: a strict CSV file, checked as a whole before the first token is registered.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

use praya_identity::{IdentityStore as _, OtpAlgorithm, TokenKind, otp, tokens};
use praya_model::TokenSerial;
use zeroize::Zeroizing;

use super::Context;
use super::tokens::serial_of;
use crate::exit::{Code, Fatal, Result};
use crate::store::AuditEvent;

/// The columns, in this order.
const COLUMNS: [&str; 5] = ["serial", "secret", "type", "digits", "step"];
/// The largest file, in bytes.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// The most tokens in one file.
const MOST_ROWS: usize = 20_000;
/// How many bad rows are named.
const MOST_COMPLAINTS: usize = 20;

/// A token of the file.
#[derive(Debug)]
struct Row {
    line: u64,
    serial: TokenSerial,
    kind: TokenKind,
    secret: Zeroizing<Vec<u8>>,
}

pub(super) fn run(file: &Path, context: &mut Context<'_>) -> Result<()> {
    let rows = if file.as_os_str() == "-" {
        read(&mut *context.input)?
    } else {
        let opened = File::open(file).map_err(|error| Fatal::file("read", file, &error))?;
        read(&mut std::io::BufReader::new(opened))?
    };
    let known = context.store.tokens()?;
    let taken: Vec<String> = rows
        .iter()
        .filter(|row| known.iter().any(|token| token.serial == row.serial))
        .map(|row| format!("line {}: the token {} is registered already", row.line, row.serial))
        .collect();
    complain(taken)?;
    let key = context.key()?;
    let made = rows.iter().map(|row| {
        tokens::new(&key, row.serial.clone(), row.kind, &row.secret, None, context.now)
            .map_err(|error| Fatal { message: format!("line {}: {error}", row.line), ..Fatal::from(error) })
    });
    context.store.insert_tokens(&made.collect::<Result<Vec<_>>>()?)?;
    context.audit(AuditEvent::TokenChanged, "imported", |record| {
        record.detail = serde_json::json!({
            "count": rows.len(),
            "first": rows.first().map(|row| &row.serial),
            "last": rows.last().map(|row| &row.serial),
        });
    })?;
    context.out.show(&serde_json::json!({ "imported": rows.len() }), || {
        format!("{} tokens registered; the file holds their secrets, so delete it safely", rows.len())
    })
}

/// Reads and checks the whole file.
fn read(input: &mut dyn BufRead) -> Result<Vec<Row>> {
    let mut text = Zeroizing::new(Vec::new());
    input
        .take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|error| Fatal::new(Code::NoInput, format!("the file cannot be read: {error}")))?;
    let bad = |message: String| Fatal::new(Code::BadInput, message);
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(bad(format!("the file is larger than {} MiB; split it", MOST_BYTES >> 20)));
    }
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_slice());
    let heading = reader.headers().map_err(|_| bad("line 1 is not CSV in UTF-8".into()))?;
    if heading.iter().ne(COLUMNS) {
        return Err(bad(format!("line 1 must be the heading {}", COLUMNS.join(","))));
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut lines: BTreeMap<TokenSerial, u64> = BTreeMap::new();
    let mut complaints = Vec::new();
    for (index, record) in reader.records().enumerate() {
        if index >= MOST_ROWS {
            return Err(bad(format!("the file has more than {MOST_ROWS} tokens; split it")));
        }
        // The parser's own words could quote a secret.
        let Ok(record) = record else {
            complaints.push(format!("row {}: not CSV in UTF-8", index + 2));
            continue;
        };
        let line = record.position().map_or(0, csv::Position::line);
        match parse(&record, line) {
            Ok(row) => {
                if let Some(first) = lines.insert(row.serial.clone(), line) {
                    complaints
                        .push(format!("line {line}: the serial {} stands on line {first} too", row.serial));
                }
                rows.push(row);
            }
            Err(why) => complaints.push(format!("line {line}: {why}")),
        }
    }
    complain(complaints)?;
    if rows.is_empty() {
        return Err(bad("the file has a heading and no tokens".into()));
    }
    Ok(rows)
}

fn parse(record: &csv::StringRecord, line: u64) -> Result<Row, String> {
    if record.len() != COLUMNS.len() {
        return Err(format!("{} columns instead of {}", record.len(), COLUMNS.len()));
    }
    let column = |at: usize| record.get(at).unwrap_or_default();
    let serial = serial_of(column(0))?;
    let secret =
        otp::parse_secret(column(1)).ok_or("the secret is neither base32 nor hex of 16 to 128 bytes")?;
    let digits: u8 = column(3).parse().map_err(|_| "digits must be 6, 7 or 8")?;
    let algorithm = OtpAlgorithm::Sha1;
    let kind = match (column(2), column(4)) {
        ("totp", step) => {
            let step_seconds = step.parse().map_err(|_| "step must be 10 to 120 seconds")?;
            TokenKind::Totp { step_seconds, digits, algorithm }
        }
        ("hotp", "") => TokenKind::Hotp { digits, algorithm },
        ("hotp", _) => return Err("an hotp token has no step; leave it empty".into()),
        _ => return Err("type must be totp or hotp".into()),
    };
    if !kind.is_valid() {
        return Err("digits must be 6, 7 or 8 and step 10 to 120 seconds".into());
    }
    Ok(Row { line, serial, kind, secret })
}

/// Fails with the first complaints, when there are any.
fn complain(complaints: Vec<String>) -> Result<()> {
    if complaints.is_empty() {
        return Ok(());
    }
    let more = complaints.len().saturating_sub(MOST_COMPLAINTS);
    let mut text = complaints.into_iter().take(MOST_COMPLAINTS).collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    Err(Fatal::new(Code::BadInput, format!("{text}\nNo token was registered.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

    fn read_text(text: &str) -> Result<Vec<Row>> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn a_good_file_gives_its_tokens() {
        let text = format!(
            "serial,secret,type,digits,step\nA1,{SECRET},totp,6,60\n\"A2\", {SECRET} ,totp,8,30\r\nA3,3132333435363738393031323334353637383930,hotp,6,\n"
        );
        let rows = read_text(&text).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].kind, TokenKind::HARDWARE);
        assert_eq!(rows[2].secret.as_slice(), b"12345678901234567890");
    }

    #[test]
    fn every_bad_row_is_named_by_its_line_and_no_secret_is_quoted() {
        let text = format!(
            "serial,secret,type,digits,step\nA1,{SECRET},totp,6,60\nA 2,{SECRET},totp,6,60\nA3,short,totp,6,60\n\
             A4,{SECRET},sms,6,60\nA5,{SECRET},totp,5,60\nA6,{SECRET},totp,6,300\nA7,{SECRET},hotp,6,60\n\
             A8,{SECRET},totp,6\nA1,{SECRET},totp,6,60\n"
        );
        let error = read_text(&text).unwrap_err();
        assert_eq!(error.code, Code::BadInput);
        for line in 3..=10 {
            assert!(error.message.contains(&format!("line {line}: ")), "{line}: {error}");
        }
        assert!(!error.message.contains("line 2:") && error.message.contains("No token was registered"));
        assert!(!error.message.contains(SECRET) && !error.message.contains("short"));
    }

    #[test]
    fn a_file_that_is_too_large_or_has_another_heading_is_refused() {
        for (text, expected) in [
            (String::new(), "heading"),
            ("serial,secret\n".into(), "heading"),
            ("serial,secret,type,digits,step\n".into(), "no tokens"),
            ("x".repeat(9 << 20), "larger than"),
        ] {
            let error = read_text(&text).unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }
}
