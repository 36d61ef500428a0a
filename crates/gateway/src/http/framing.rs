//! How long a request's body is and whether the connection lives on (RFC 9112, sections 6 and 9.6), without leaving
//! room for two opinions: whatever two implementations could read differently is refused and the connection closed.

use praya_wire::http::{RequestHead, Version};

/// What a request's head says about what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Bytes of body after the head.
    pub body: usize,
    /// Whether the client waits for `100 Continue` before it sends them.
    pub expects_continue: bool,
    /// Whether another request may follow on this connection.
    pub keep_alive: bool,
}

/// A request that gets an error instead of an answer; the connection closes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// 400: not HTTP, or ambiguous.
    BadRequest,
    /// 408: too slow.
    Timeout,
    /// 411: a body without a length.
    LengthRequired,
    /// 413: the body is too long.
    BodyTooLarge,
    /// 414: the target is too long.
    TargetTooLong,
    /// 417: an expectation other than `100-continue`.
    ExpectationFailed,
    /// 431: the head is too long, or has too many fields.
    HeadTooLarge,
    /// 501: a transfer coding or method that nobody here knows.
    NotImplemented,
}

impl Reject {
    /// Status and reason phrase.
    pub const fn status(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::Timeout => (408, "Request Timeout"),
            Self::LengthRequired => (411, "Length Required"),
            Self::BodyTooLarge => (413, "Content Too Large"),
            Self::TargetTooLong => (414, "URI Too Long"),
            Self::ExpectationFailed => (417, "Expectation Failed"),
            Self::HeadTooLarge => (431, "Request Header Fields Too Large"),
            Self::NotImplemented => (501, "Not Implemented"),
        }
    }
}

/// Longest request target, in bytes.
pub const MAX_TARGET: usize = 4096;

/// The method that asks for a tunnel.
pub const CONNECT: &str = "CONNECT";

/// The methods that anything here answers.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", CONNECT];

/// Judges a head; `max_body` is in bytes.
///
/// # Errors
/// What to answer instead.
pub fn framing(head: &RequestHead, max_body: usize) -> Result<Framing, Reject> {
    if head.target.len() > MAX_TARGET {
        return Err(Reject::TargetTooLong);
    }
    let hosts = head.headers.all("Host").count();
    if hosts > 1 || hosts == 0 && head.version == Version::Http11 {
        return Err(Reject::BadRequest);
    }
    let length = content_length(head.headers.all("Content-Length"))?;
    let mut codings = head.headers.all("Transfer-Encoding").peekable();
    if codings.peek().is_some() {
        let chunked = codings.all(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
        return Err(match (length, head.version, chunked) {
            // Both lengths, or a coding from a time that had none: the two openings of request smuggling.
            (Some(_), _, _) | (_, Version::Http10, _) => Reject::BadRequest,
            (None, Version::Http11, true) => Reject::LengthRequired,
            (None, Version::Http11, false) => Reject::NotImplemented,
        });
    }
    if !METHODS.contains(&head.method.as_str()) {
        return Err(Reject::NotImplemented);
    }
    let body = length.unwrap_or(0);
    if head.method == CONNECT && body > 0 {
        return Err(Reject::BadRequest);
    }
    if body > max_body {
        return Err(Reject::BodyTooLarge);
    }
    let mut expects_continue = false;
    for expectation in head.headers.all("Expect") {
        if !expectation.trim().eq_ignore_ascii_case("100-continue") {
            return Err(Reject::ExpectationFailed);
        }
        expects_continue = head.version == Version::Http11 && body > 0;
    }
    Ok(Framing { body, expects_continue, keep_alive: head.keeps_alive() })
}

fn content_length<'a>(mut values: impl Iterator<Item = &'a str>) -> Result<Option<usize>, Reject> {
    let Some(value) = values.next() else { return Ok(None) };
    // A repeated length is refused even when both say the same.
    if values.next().is_some() || value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reject::BadRequest);
    }
    // Digits that do not fit are a length beyond every limit.
    Ok(Some(value.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(version: Version, method: &str, headers: &[(&str, &str)]) -> Result<Framing, Reject> {
        let mut head = RequestHead::new(method, "/");
        head.version = version;
        headers.iter().for_each(|(name, value)| head.headers.push(*name, *value));
        framing(&head, 1000)
    }

    use Version::{Http10, Http11};

    const HOST: (&str, &str) = ("Host", "vpn.test");

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for headers in [
            &[HOST, ("Content-Length", "5"), ("Transfer-Encoding", "chunked")][..],
            &[HOST, ("Content-Length", "5"), ("Content-Length", "5")],
            &[HOST, ("content-length", "5"), ("Content-Length", "6")],
            &[HOST, ("Content-Length", "5, 5")],
            &[HOST, ("Content-Length", "+5")],
            &[HOST, ("Content-Length", "0x5")],
            &[HOST, ("Content-Length", "")],
            &[HOST, ("Content-Length", "-1")],
            &[HOST, HOST],
            &[],
        ] {
            assert_eq!(judge(Http11, "POST", headers), Err(Reject::BadRequest), "{headers:?}");
        }
        assert_eq!(judge(Http10, "POST", &[("Transfer-Encoding", "chunked")]), Err(Reject::BadRequest));
        assert_eq!(judge(Http11, "CONNECT", &[HOST, ("Content-Length", "5")]), Err(Reject::BadRequest));
    }

    #[test]
    fn a_body_needs_a_length_within_the_limit() {
        let post = |headers: &[(&str, &str)]| judge(Http11, "POST", headers);
        assert_eq!(post(&[HOST, ("Transfer-Encoding", "chunked")]), Err(Reject::LengthRequired));
        assert_eq!(post(&[HOST, ("Transfer-Encoding", "gzip, chunked")]), Err(Reject::NotImplemented));
        assert_eq!(post(&[HOST, ("Content-Length", "1001")]), Err(Reject::BodyTooLarge));
        assert_eq!(post(&[HOST, ("Content-Length", "99999999999999999999999")]), Err(Reject::BodyTooLarge));
        assert_eq!(post(&[HOST, ("Content-Length", "1000")]).unwrap().body, 1000);
        assert_eq!(post(&[HOST]).unwrap().body, 0);
    }

    #[test]
    fn connections_live_on_as_their_version_says() {
        for (version, headers, expected) in [
            (Http11, &[HOST][..], true),
            (Http11, &[HOST, ("Connection", "close")], false),
            (Http11, &[HOST, ("Connection", "Upgrade, Close")], false),
            (Http10, &[HOST], false),
            (Http10, &[HOST, ("Connection", "Keep-Alive")], true),
            (Http10, &[], false),
        ] {
            assert_eq!(
                judge(version, "GET", headers).unwrap().keep_alive,
                expected,
                "{version:?} {headers:?}"
            );
        }
    }

    #[test]
    fn an_expectation_is_met_only_when_there_is_a_body_and_it_is_the_known_one() {
        let with = |headers: &[(&str, &str)]| judge(Http11, "POST", headers);
        assert!(with(&[HOST, ("Expect", "100-Continue"), ("Content-Length", "5")]).unwrap().expects_continue);
        assert!(!with(&[HOST, ("Expect", "100-continue")]).unwrap().expects_continue);
        assert_eq!(with(&[HOST, ("Expect", "200-maybe")]), Err(Reject::ExpectationFailed));
    }

    #[test]
    fn unknown_methods_and_long_targets_have_their_own_answers() {
        assert_eq!(judge(Http11, "BREW", &[HOST]), Err(Reject::NotImplemented));
        let mut head = RequestHead::new("GET", format!("/{}", "a".repeat(MAX_TARGET)));
        head.headers.push(HOST.0, HOST.1);
        assert_eq!(framing(&head, 0), Err(Reject::TargetTooLong));
    }
}
