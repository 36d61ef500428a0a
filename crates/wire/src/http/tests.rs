//! Heads as peers send them, and as they must not be.

use proptest::prelude::*;

use super::*;

const OPENCONNECT: &[u8] = b"POST / HTTP/1.1\r\n\
Host: vpn.lab\r\n\
User-Agent: Open AnyConnect VPN Agent v9.01-3\r\n\
Cookie: webvpncontext=abc; webvpn=secret-token\r\n\
Accept: */*\r\n\
X-Aggregate-Auth: 1\r\n\
Content-Type: application/xml; charset=utf-8\r\n\
Content-Length: 4\r\n\r\nbody";

#[test]
fn openconnects_request_is_read_and_the_body_is_left() {
    let (head, len) = parse_request(OPENCONNECT).unwrap().unwrap();
    assert_eq!((head.method.as_str(), head.path(), head.version), ("POST", "/", Version::Http11));
    assert_eq!(head.headers.get("x-aggregate-AUTH"), Some("1"));
    assert_eq!(head.headers.cookie("webvpn"), Some("secret-token"));
    assert_eq!(head.headers.cookie("webvpncontext"), Some("abc"));
    assert_eq!(head.headers.cookie("web"), None);
    assert_eq!(head.body(), Ok(BodyLength::Bytes(4)));
    assert!(head.keeps_alive());
    assert_eq!(&OPENCONNECT[len..], b"body");
}

#[test]
fn a_part_of_a_head_asks_for_more() {
    let (_, len) = parse_request(OPENCONNECT).unwrap().unwrap();
    for cut in 0..len {
        assert_eq!(parse_request(&OPENCONNECT[..cut]), Ok(None), "{cut}");
    }
}

#[test]
fn a_reply_is_written_in_exact_case_and_order() {
    let mut head = ResponseHead::new(200, "CONNECTED");
    head.headers.push("X-CSTP-Version", "1");
    head.headers.push("X-CSTP-MTU", "1434");
    let bytes = write_response(&head).unwrap();
    assert_eq!(bytes, b"HTTP/1.1 200 CONNECTED\r\nX-CSTP-Version: 1\r\nX-CSTP-MTU: 1434\r\n\r\n");
    assert_eq!(parse_response(&bytes), Ok(Some((head, bytes.len()))));
}

#[test]
fn secrets_do_not_print() {
    let (head, _) = parse_request(OPENCONNECT).unwrap().unwrap();
    let text = format!("{head:?}");
    assert!(text.contains("vpn.lab") && !text.contains("secret-token"), "{text}");
    let cookie = SetCookie::parse("webvpn=secret-token; Secure").unwrap();
    assert!(!format!("{cookie:?}").contains("secret-token"));
}

#[test]
fn heads_over_the_limits_are_refused() {
    let long = [b"GET /".to_vec(), vec![b'a'; MAX_REQUEST_HEAD]].concat();
    assert_eq!(parse_request(&long), Err(HeadError::TooLong));
    let long = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'a'; MAX_RESPONSE_HEAD]].concat();
    assert_eq!(parse_response(&long), Err(HeadError::TooLong));
    let many =
        [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(MAX_REQUEST_HEADERS + 1), b"\r\n".to_vec()];
    assert_eq!(parse_request(&many.concat()), Err(HeadError::TooManyHeaders));
    let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(MAX_REQUEST_HEADERS), b"\r\n".to_vec()];
    assert_eq!(parse_request(&many.concat()).unwrap().unwrap().0.headers.len(), MAX_REQUEST_HEADERS);
}

#[test]
fn what_is_not_http_is_refused() {
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"[..], b"GET / HTTP/2.0\r\n\r\n", b"GET\r\n\r\n"]
    {
        assert_eq!(parse_request(bytes), Err(HeadError::Malformed));
    }
}

#[test]
fn an_ambiguous_body_length_is_refused() {
    let body = |lines: &[(&str, &str)]| {
        let mut head = RequestHead::new("POST", "/");
        for (name, value) in lines {
            head.headers.push(*name, *value);
        }
        head.body()
    };
    assert_eq!(body(&[]), Ok(BodyLength::Bytes(0)));
    assert_eq!(body(&[("content-length", "7"), ("Content-Length", "7")]), Ok(BodyLength::Bytes(7)));
    assert_eq!(body(&[("Transfer-Encoding", "Chunked")]), Ok(BodyLength::Chunked));
    for lines in [
        &[("Content-Length", "7"), ("Content-Length", "8")][..],
        &[("Content-Length", "+7")],
        &[("Content-Length", "")],
        &[("Content-Length", "99999999999999999999")],
        &[("Content-Length", "7"), ("Transfer-Encoding", "chunked")],
        &[("Transfer-Encoding", "gzip, chunked")],
        &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    ] {
        assert_eq!(body(lines), Err(HeadError::BadLength), "{lines:?}");
    }
}

#[test]
fn a_response_without_a_length_runs_until_close() {
    assert_eq!(ResponseHead::new(200, "OK").body(), Ok(BodyLength::UntilClose));
    assert_eq!(ResponseHead::new(204, "").body(), Ok(BodyLength::Bytes(0)));
}

#[test]
fn connection_options_decide_whether_it_stays_open() {
    let head = |version, option: &str| RequestHead {
        version,
        headers: Headers::default().with("Connection", option),
        ..RequestHead::new("GET", "/")
    };
    assert!(!head(Version::Http11, "foo, Close").keeps_alive());
    assert!(head(Version::Http11, "Keep-Alive").keeps_alive());
    assert!(head(Version::Http10, "keep-alive").keeps_alive());
    assert!(!head(Version::Http10, "foo").keeps_alive());
}

#[test]
fn set_cookies_of_ocserv_are_read() {
    let headers = Headers::default()
        .with("Set-Cookie", "webvpncontext=AAA=; Max-Age=300; Secure; HttpOnly")
        .with("Set-Cookie", "webvpn=TOKEN; Secure; HttpOnly")
        .with("Set-Cookie", "webvpnc=; expires=Thu, 01 Jan 1970 22:00:00 GMT; path=/; Secure; HttpOnly")
        .with("Set-Cookie", "old=x; Max-Age=0")
        .with("Set-Cookie", "nonsense");
    let got: Vec<_> = headers.set_cookies().map(|c| (c.name, c.value, c.deleted)).collect();
    assert_eq!(
        got,
        [
            ("webvpncontext", "AAA=", false),
            ("webvpn", "TOKEN", false),
            ("webvpnc", "", true),
            ("old", "x", true)
        ]
    );
}

#[test]
fn nothing_breaks_out_of_its_line() {
    let mut head = ResponseHead::new(200, "OK");
    head.headers.push("X-CSTP-Banner", "hello\r\nX-Evil: 1");
    assert_eq!(write_response(&head), Err(HeadError::Unwritable));
    assert_eq!(write_response(&ResponseHead::new(200, "OK\r\n")), Err(HeadError::Unwritable));
    assert_eq!(write_response(&ResponseHead::new(20, "OK")), Err(HeadError::Unwritable));
    for (method, target) in [("GET", "/a b"), ("GET", ""), ("G T", "/"), ("GET", "/\n")] {
        assert_eq!(write_request(&RequestHead::new(method, target)), Err(HeadError::Unwritable));
    }
    let mut head = RequestHead::new("GET", "/");
    head.headers.push("Bad Name", "x");
    assert_eq!(write_request(&head), Err(HeadError::Unwritable));
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        method in "[A-Z]{1,10}",
        target in "/[!-~]{0,40}",
        headers in prop::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,20}", "([!-~é]([ !-~]{0,30}[!-~])?)?"), 0..20),
        status in 100u16..1000,
        reason in "[A-Za-z]{0,10}",
    ) {
        let mut request = RequestHead::new(method, target);
        for (name, value) in &headers {
            request.headers.push(name, value);
        }
        let bytes = write_request(&request).unwrap();
        prop_assert_eq!(parse_request(&bytes), Ok(Some((request.clone(), bytes.len()))));
        let mut response = ResponseHead::new(status, reason);
        response.headers = request.headers;
        let bytes = write_response(&response).unwrap();
        prop_assert_eq!(parse_response(&bytes), Ok(Some((response, bytes.len()))));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::http_head(&bytes);
        crate::fuzz::http_head(&[b"GET / HTTP/1.1\r\n", bytes.as_slice()].concat());
        crate::fuzz::http_head(&[b"HTTP/1.1 200 OK\r\n", bytes.as_slice()].concat());
    }
}
