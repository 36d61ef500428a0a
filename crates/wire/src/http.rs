//! HTTP/1.1 heads: parsed with limits, written with the exact case and order that VPN clients insist on.

use std::fmt;

use thiserror::Error;

/// The longest request head that is read, in bytes.
pub const MAX_REQUEST_HEAD: usize = 16 * 1024;
/// The most headers that a request may have.
pub const MAX_REQUEST_HEADERS: usize = 64;
/// The longest response head that is read, in bytes: a CONNECT reply lists every split-tunnel network.
pub const MAX_RESPONSE_HEAD: usize = 64 * 1024;
/// The most headers that a response may have; Cisco gateways send up to 200 networks alone.
pub const MAX_RESPONSE_HEADERS: usize = 512;

/// Headers whose values never show up in a `Debug` text.
const SECRET_HEADERS: [&str; 9] = [
    "Cookie",
    "Set-Cookie",
    "Authorization",
    "Proxy-Authorization",
    "X-DTLS-Master-Secret",
    "X-DTLS-Session-ID",
    "X-DTLS-App-ID",
    praya_model::api::COOKIE_HEADER,
    praya_model::api::PROOF_HEADER,
];

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent; for CONNECT of the tunnel it is a path.
    pub target: String,
    /// The protocol version.
    pub version: Version,
    /// The headers, in order.
    pub headers: Headers,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The protocol version.
    pub version: Version,
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers, in order.
    pub headers: Headers,
}

/// The protocol version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

/// How the body after a head is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// This many bytes; zero when there is no body.
    Bytes(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Everything until the connection closes; responses only.
    UntilClose,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeadError {
    /// Longer than the limit.
    #[error("HTTP head is too long")]
    TooLong,
    /// More headers than the limit.
    #[error("too many HTTP headers")]
    TooManyHeaders,
    /// Not HTTP/1.
    #[error("malformed HTTP head")]
    Malformed,
    /// The body's length is missing, contradictory or ambiguous.
    #[error("ambiguous HTTP body length")]
    BadLength,
    /// A name or a value that cannot be written, e.g. one with a line break.
    #[error("unwritable HTTP header or start line")]
    Unwritable,
}

/// Reads a request head; the second value is its length in bytes. `None` when more bytes are needed.
///
/// # Errors
/// See [`HeadError`]; after one the connection is over.
pub fn parse_request(bytes: &[u8]) -> Result<Option<(RequestHead, usize)>, HeadError> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_REQUEST_HEADERS];
    let mut parsed = httparse::Request::new(&mut slots);
    let window = bytes.get(..MAX_REQUEST_HEAD).unwrap_or(bytes);
    let Some(len) = complete(parsed.parse(window), bytes.len() >= MAX_REQUEST_HEAD)? else {
        return Ok(None);
    };
    let head = RequestHead {
        method: parsed.method.ok_or(HeadError::Malformed)?.to_owned(),
        target: parsed.path.ok_or(HeadError::Malformed)?.to_owned(),
        version: version(parsed.version)?,
        headers: Headers::from_parsed(parsed.headers),
    };
    Ok(Some((head, len)))
}

/// Reads a response head; the second value is its length in bytes. `None` when more bytes are needed.
///
/// # Errors
/// See [`HeadError`].
pub fn parse_response(bytes: &[u8]) -> Result<Option<(ResponseHead, usize)>, HeadError> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_RESPONSE_HEADERS];
    let mut parsed = httparse::Response::new(&mut slots);
    let window = bytes.get(..MAX_RESPONSE_HEAD).unwrap_or(bytes);
    let Some(len) = complete(parsed.parse(window), bytes.len() >= MAX_RESPONSE_HEAD)? else {
        return Ok(None);
    };
    let head = ResponseHead {
        version: version(parsed.version)?,
        status: parsed.code.ok_or(HeadError::Malformed)?,
        reason: parsed.reason.unwrap_or_default().to_owned(),
        headers: Headers::from_parsed(parsed.headers),
    };
    Ok(Some((head, len)))
}

/// The bytes of a request head, the empty line included.
///
/// # Errors
/// [`HeadError::Unwritable`] when the start line or a header would break out of its line.
pub fn write_request(head: &RequestHead) -> Result<Vec<u8>, HeadError> {
    let target_ok = !head.target.is_empty() && head.target.bytes().all(|b| b.is_ascii_graphic());
    if !is_token(&head.method) || !target_ok {
        return Err(HeadError::Unwritable);
    }
    let mut out = format!("{} {} {}\r\n", head.method, head.target, head.version.as_str()).into_bytes();
    head.headers.write(&mut out)?;
    Ok(out)
}

/// The bytes of a response head, the empty line included.
///
/// # Errors
/// [`HeadError::Unwritable`] when the status is not of three digits, or a text would break out of its line.
pub fn write_response(head: &ResponseHead) -> Result<Vec<u8>, HeadError> {
    if !(100..=999).contains(&head.status) || !is_field_value(&head.reason) {
        return Err(HeadError::Unwritable);
    }
    let mut out = format!("{} {} {}\r\n", head.version.as_str(), head.status, head.reason).into_bytes();
    head.headers.write(&mut out)?;
    Ok(out)
}

impl RequestHead {
    /// A request without headers.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            version: Version::Http11,
            headers: Headers::default(),
        }
    }

    /// The target's path, without query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// How the body is delimited; a request never runs until close.
    ///
    /// # Errors
    /// [`HeadError::BadLength`] for contradicting lengths, for a length beside a transfer coding, and for a coding
    /// other than `chunked`: such requests mean different things to different readers.
    pub fn body(&self) -> Result<BodyLength, HeadError> {
        Ok(self.headers.declared_body()?.unwrap_or(BodyLength::Bytes(0)))
    }

    /// Whether the connection stays open after the response (RFC 9112 section 9.3).
    pub fn keeps_alive(&self) -> bool {
        self.headers.keeps_alive(self.version)
    }
}

impl ResponseHead {
    /// A response without headers.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { version: Version::Http11, status, reason: reason.into(), headers: Headers::default() }
    }

    /// How the body is delimited, for the response to anything but HEAD and CONNECT.
    ///
    /// # Errors
    /// [`HeadError::BadLength`] as in [`RequestHead::body`].
    pub fn body(&self) -> Result<BodyLength, HeadError> {
        if matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(BodyLength::Bytes(0));
        }
        Ok(self.headers.declared_body()?.unwrap_or(BodyLength::UntilClose))
    }

    /// Whether the connection stays open after the response (RFC 9112 section 9.3).
    pub fn keeps_alive(&self) -> bool {
        self.headers.keeps_alive(self.version)
    }
}

impl Version {
    /// As it stands in a start line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// Headers in the order and the case in which they came or will be sent; looked up without regard to case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Appends a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// With one more header, for building in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// The value of the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The values of every header of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.iter().filter(move |(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every header as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a cookie in the `Cookie` headers (RFC 6265 section 5.4); the first one wins.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.all("Cookie")
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .find(|(have, _)| have.trim() == name)
            .map(|(_, value)| value.trim().trim_matches('"'))
    }

    /// The cookies that the `Set-Cookie` headers set, in order.
    pub fn set_cookies(&self) -> impl Iterator<Item = SetCookie<'_>> {
        self.all("Set-Cookie").filter_map(SetCookie::parse)
    }

    fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        // Host names and banners come in whatever encoding the peer's system uses; what is not UTF-8 is replaced.
        let text = |header: &httparse::Header<'_>| {
            (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())
        };
        Self(parsed.iter().map(text).collect())
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), HeadError> {
        for (name, value) in self.iter() {
            if !is_token(name) || !is_field_value(value) {
                return Err(HeadError::Unwritable);
            }
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn declared_body(&self) -> Result<Option<BodyLength>, HeadError> {
        let mut length = None;
        for value in self.all("Content-Length") {
            if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                return Err(HeadError::BadLength);
            }
            let value = value.parse::<u64>().map_err(|_| HeadError::BadLength)?;
            if length.is_some_and(|earlier| earlier != value) {
                return Err(HeadError::BadLength);
            }
            length = Some(value);
        }
        let mut codings = self.all("Transfer-Encoding");
        match (codings.next(), codings.next(), length) {
            (None, _, length) => Ok(length.map(BodyLength::Bytes)),
            (Some(coding), None, None) if coding.trim().eq_ignore_ascii_case("chunked") => {
                Ok(Some(BodyLength::Chunked))
            }
            (Some(_), _, _) => Err(HeadError::BadLength),
        }
    }

    fn keeps_alive(&self, version: Version) -> bool {
        let says = |word: &str| {
            self.all("Connection")
                .flat_map(|value| value.split(','))
                .any(|option| option.trim().eq_ignore_ascii_case(word))
        };
        match version {
            Version::Http10 => says("keep-alive") && !says("close"),
            Version::Http11 => !says("close"),
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            let secret = SECRET_HEADERS.iter().any(|hidden| hidden.eq_ignore_ascii_case(name));
            (name, if secret { "[secret]" } else { value })
        });
        f.debug_map().entries(shown).finish()
    }
}

/// One `Set-Cookie` header, as far as a client of one gateway needs it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SetCookie<'a> {
    /// The cookie's name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
    /// Whether the cookie is being deleted: an empty value, or `Max-Age` of zero or less.
    pub deleted: bool,
}

impl<'a> SetCookie<'a> {
    /// Reads the header's value (RFC 6265 section 5.2). Dates are not looked at: gateways that delete a cookie by a
    /// date in the past also empty it.
    pub fn parse(header: &'a str) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        let expired = parts.filter_map(|part| part.split_once('=')).any(|(attribute, age)| {
            attribute.trim().eq_ignore_ascii_case("max-age")
                && age.trim().parse::<i64>().is_ok_and(|age| age <= 0)
        });
        (!name.is_empty()).then_some(Self { name, value, deleted: value.is_empty() || expired })
    }
}

impl fmt::Debug for SetCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &self.name)
            .field("deleted", &self.deleted)
            .finish_non_exhaustive()
    }
}

fn complete(
    status: Result<httparse::Status<usize>, httparse::Error>,
    window_full: bool,
) -> Result<Option<usize>, HeadError> {
    match status {
        Ok(httparse::Status::Complete(len)) => Ok(Some(len)),
        Ok(httparse::Status::Partial) if window_full => Err(HeadError::TooLong),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        Err(_) => Err(HeadError::Malformed),
    }
}

fn version(minor: Option<u8>) -> Result<Version, HeadError> {
    match minor {
        Some(0) => Ok(Version::Http10),
        Some(1) => Ok(Version::Http11),
        Some(_) | None => Err(HeadError::Malformed),
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// RFC 9110 section 5.5: anything but control characters, the tab excepted.
fn is_field_value(text: &str) -> bool {
    text.bytes().all(|b| b == b'\t' || !b.is_ascii_control())
}

#[cfg(test)]
#[path = "http/tests.rs"]
mod tests;
