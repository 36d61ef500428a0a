//! `application/x-www-form-urlencoded`: the fallback of clients that speak no XML, and the portal's forms.

use praya_model::Secret;
use thiserror::Error;

use super::{MAX_DOCUMENT, MAX_INPUTS, MAX_TEXT};

/// Why a body is refused. Never holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FormError {
    /// The body, a name or a value is longer than allowed.
    #[error("form body is too long")]
    TooLong,
    /// More than [`MAX_INPUTS`] fields.
    #[error("form body has too many fields")]
    TooManyFields,
    /// A broken percent sequence.
    #[error("malformed percent sequence in a form body")]
    BadEscape,
    /// Not UTF-8 after decoding.
    #[error("form body is not UTF-8")]
    NotUtf8,
}

/// Reads a body into its fields, in order.
///
/// # Errors
/// See [`FormError`].
pub fn parse_urlencoded(body: &[u8]) -> Result<Vec<(String, Secret)>, FormError> {
    if body.len() > MAX_DOCUMENT {
        return Err(FormError::TooLong);
    }
    let mut fields = Vec::new();
    for pair in body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
        if fields.len() == MAX_INPUTS {
            return Err(FormError::TooManyFields);
        }
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        fields.push((name, Secret::from(value)));
    }
    Ok(fields)
}

/// Writes fields as a body.
pub fn write_urlencoded<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        encode(name, &mut body);
        body.push('=');
        encode(value.expose(), &mut body);
    }
    body
}

fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    rest.next().and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok())
                };
                let high = digit().ok_or(FormError::BadEscape)?;
                let low = digit().ok_or(FormError::BadEscape)?;
                high << 4 | low
            }
            other => other,
        });
    }
    if bytes.len() > MAX_TEXT {
        return Err(FormError::TooLong);
    }
    String::from_utf8(bytes).map_err(|_| FormError::NotUtf8)
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 0x0f] {
                    out.extend(char::from_digit(u32::from(digit), 16).map(|c| c.to_ascii_uppercase()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(body: &[u8]) -> Result<Vec<(String, String)>, FormError> {
        let fields = parse_urlencoded(body)?;
        Ok(fields.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect())
    }

    #[test]
    fn openconnects_fallback_body_is_read() {
        assert_eq!(plain(b"username=alice").unwrap(), [("username".into(), "alice".into())]);
        assert_eq!(
            plain(b"a=1+2%2b%C3%A9&&b&c=x=y").unwrap(),
            [("a".into(), "1 2+\u{e9}".into()), ("b".into(), String::new()), ("c".into(), "x=y".into())]
        );
        assert_eq!(plain(b"").unwrap(), []);
    }

    #[test]
    fn broken_bodies_are_refused() {
        for body in [&b"a=%"[..], b"a=%4", b"a=%4g", b"%zz=1", b"a=%+1"] {
            assert_eq!(plain(body), Err(FormError::BadEscape), "{body:?}");
        }
        assert_eq!(plain(b"a=%ff"), Err(FormError::NotUtf8));
        assert_eq!(plain(&b"a&".repeat(MAX_INPUTS + 1)), Err(FormError::TooManyFields));
        assert_eq!(plain(&vec![b'a'; MAX_TEXT + 1]), Err(FormError::TooLong));
        assert_eq!(plain(&vec![b'&'; MAX_DOCUMENT + 1]), Err(FormError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(fields in prop::collection::vec((".{1,20}", ".{0,20}"), 0..10)) {
            let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, Secret::from(value))).collect();
            let body = write_urlencoded(fields.iter().map(|(name, value)| (name.as_str(), value)));
            prop_assert!(body.is_ascii());
            prop_assert_eq!(parse_urlencoded(body.as_bytes()), Ok(fields));
        }

        #[test]
        fn any_bytes_are_read_without_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            crate::fuzz::urlencoded(&body);
        }
    }
}
