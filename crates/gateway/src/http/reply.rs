//! Answers as bytes: exact framing, the headers that every answer carries, and the error answers of the loop itself.

use std::fmt::Write as _;

use axum::Json;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, DATE, HeaderName, REFERRER_POLICY,
    RETRY_AFTER, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;

use super::framing::Reject;

/// Said by every answer that does not say otherwise.
const DEFAULTS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ),
];
/// After how many seconds it is worth trying again.
const BUSY_SECONDS: u32 = 5;
/// Said over TLS: a browser that has been here does not come back without it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What an answer depends on beside itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// Answers HEAD: no body, whatever its length says.
    pub(crate) head_only: bool,
    /// Another request may follow.
    pub(crate) keep_alive: bool,
    /// The connection is TLS.
    pub(crate) secure: bool,
}

/// A whole answer as bytes, in one piece. Only answers of this process come here; they are small and finite.
pub(crate) async fn render(response: Response, delivery: Delivery) -> Bytes {
    let (mut parts, body) = response.into_parts();
    // A body that fails half-way has nothing to tell: our own bodies are in memory.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let bodiless = parts.status.is_informational()
        || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    parts.headers.remove(TRANSFER_ENCODING);
    if bodiless {
        parts.headers.remove(CONTENT_LENGTH);
    } else if !(delivery.head_only && parts.headers.contains_key(CONTENT_LENGTH)) {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let connection = if delivery.keep_alive { "keep-alive" } else { "close" };
    parts.headers.insert(CONNECTION, HeaderValue::from_static(connection));
    parts.headers.entry(DATE).or_insert_with(date);
    for (name, value) in DEFAULTS {
        parts.headers.entry(name).or_insert(value);
    }
    if delivery.secure {
        parts.headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HSTS);
    }
    let mut bytes = head(parts.status, &parts.headers);
    if !delivery.head_only && !bodiless {
        bytes.extend_from_slice(&body);
    }
    bytes.into()
}

/// The answer to a request that is not listened to: a failure as the API's programs know them.
pub(crate) fn rejection(reject: Reject) -> Response {
    let (status, reason) = reject.status();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(json!({ "code": "protocol", "detail": reason }))).into_response()
}

/// The answer to a request that took too long.
pub(crate) fn given_up() -> Response {
    let detail = "the gateway cannot do this now";
    let failure = json!({ "code": "busy", "detail": detail, "retry_after_seconds": BUSY_SECONDS });
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, HeaderValue::from(BUSY_SECONDS))], Json(failure))
        .into_response()
}

fn head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut start = String::new();
    // Writing into a string cannot fail.
    let _ =
        write!(start, "HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or("Unknown"));
    let mut bytes = start.into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(title_case(name.as_str()).as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// `content-type` → `Content-Type`: names have no case, and yet old clients look for the usual one.
fn title_case(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|c| {
            let c = if upper { c.to_ascii_uppercase() } else { c };
            upper = c == '-';
            c
        })
        .collect()
}

fn date() -> HeaderValue {
    let mut text = String::new();
    let printed = jiff::fmt::rfc2822::DateTimePrinter::new()
        .print_timestamp_rfc9110(&jiff::Timestamp::now(), &mut text);
    // The clock stands before 0000 or after 9999 when this fails.
    printed.ok().and_then(|()| HeaderValue::try_from(text).ok()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response, delivery: Delivery) -> String {
        String::from_utf8(render(response, delivery).await.to_vec()).unwrap()
    }

    const PLAIN: Delivery = Delivery { head_only: false, keep_alive: true, secure: true };

    #[tokio::test]
    async fn an_answer_has_its_length_and_the_security_headers() {
        let text = text("hello".into_response(), PLAIN).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
        for header in [
            "Content-Length: 5",
            "Connection: keep-alive",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Strict-Transport-Security: max-age=31536000",
            "Date: ",
        ] {
            assert!(text.contains(header), "{header}: {text}");
        }
    }

    #[tokio::test]
    async fn an_answer_to_head_tells_the_length_and_sends_nothing() {
        let text = text("hello".into_response(), Delivery { head_only: true, ..PLAIN }).await;
        assert!(text.contains("Content-Length: 5\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }

    #[tokio::test]
    async fn what_is_given_up_says_when_to_come_again() {
        let text = text(given_up(), PLAIN).await;
        assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("Retry-After: 5\r\n"), "{text}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let failure: praya_model::Failure = serde_json::from_str(body).unwrap();
        assert_eq!(failure.code, praya_model::FailureCode::Busy { retry_after_seconds: 5 });
    }

    #[tokio::test]
    async fn no_content_has_no_length() {
        let text = text(StatusCode::NO_CONTENT.into_response(), PLAIN).await;
        assert!(!text.contains("Content-Length"), "{text}");
    }

    #[tokio::test]
    async fn what_an_answer_says_itself_stays() {
        let own = [(CACHE_CONTROL, "max-age=60")].into_response();
        let text = text(own, PLAIN).await;
        assert!(text.contains("Cache-Control: max-age=60\r\n") && !text.contains("no-store"), "{text}");
    }
}
