//! The exchange around the forms: requests, cookies, redirects, ends.

use praya_model::{FailureCode, Secret};
use praya_session::Method;
use praya_session::connector::Progress;

use crate::talk::*;

#[test]
fn an_init_looks_like_openconnects() {
    let talk = Talk::at("https://vpn.lab:4443/staff", None);
    let request = talk.request();
    assert_eq!((request.method, request.path.as_str()), (Method::Post, "/staff"));
    let header =
        |name| request.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str());
    assert!(header("User-Agent").unwrap().starts_with("AnyConnect-compatible OpenConnect"));
    assert_eq!(header("X-Aggregate-Auth"), Some("1"));
    assert_eq!(header("X-Transcend-Version"), Some("1"));
    assert_eq!(header("Accept-Encoding"), Some("identity"));
    let body = request.body.as_ref().unwrap();
    assert_eq!(body.content_type, "application/xml; charset=utf-8");
    assert_eq!((body.text.expose().len() + header("X-Pad").unwrap().len()) % 64, 0);
    assert_eq!((&request.bearer, &request.cookies), (&None, &None));
    let init = talk.init();
    assert_eq!(init.group_access.as_deref(), Some("https://vpn.lab:4443/staff"));
    assert_eq!((init.group_select, init.client_cert_fail), (None, false));
}

#[test]
fn the_session_cookie_comes_by_set_cookie_or_in_the_document() {
    let complete = |token: &str| {
        format!(
            r#"<config-auth client="vpn" type="complete"><version who="sg">0.1(1)</version>{token}
            <auth id="success"><title>SSL VPN Service</title><banner>Welcome to the lab</banner></auth></config-auth>"#
        )
    };
    let ocserv: &[(&str, &str)] = &[
        ("Set-Cookie", "webvpncontext=sid; Secure; HttpOnly"),
        ("set-cookie", "webvpn=by-header; Secure; HttpOnly"),
        ("Set-Cookie", "webvpnc=; expires=Thu, 01 Jan 1970 22:00:00 GMT; path=/; Secure"),
    ];
    for (headers, token, cookie) in [
        (ocserv, "", "by-header"),
        (&[][..], "<session-token>by-document</session-token>", "by-document"),
        (ocserv, "<session-token>by-document</session-token>", "by-document"),
    ] {
        let mut talk = Talk::password_sent();
        talk.reply(200, headers, &complete(token));
        let granted = talk.granted();
        assert_eq!(granted.grant.cookie, Secret::new(cookie));
        assert_eq!((granted.grant.account.as_str(), &granted.grant.session), ("alice", &None));
        assert_eq!((granted.bound, granted.banner.as_deref()), (false, Some("Welcome to the lab")));
    }
    let cut: &[(&str, &str)] = &[("Set-Cookie", "webvpn=two words")];
    let long = format!("<session-token>{}</session-token>", "x".repeat(5000));
    for (headers, token) in
        [(&[][..], ""), (cut, ""), (&[][..], "<session-token>a;b</session-token>"), (&[][..], long.as_str())]
    {
        let mut talk = Talk::password_sent();
        talk.reply(200, headers, &complete(token));
        assert!(matches!(talk.over(), FailureCode::Protocol { .. }));
    }
}

#[test]
fn nothing_but_success_is_success() {
    let mut talk = Talk::password_sent();
    let headers = [("Set-Cookie", "webvpn=token")];
    talk.reply(
        200,
        &headers,
        r#"<config-auth client="vpn" type="auth-request"><session-token>t</session-token>
        <auth id="main"><message>Not yet</message></auth></config-auth>"#,
    );
    assert_eq!(talk.over(), &says("Not yet"));
}

#[test]
fn cookies_are_kept_given_back_and_deleted() {
    let mut talk = Talk::begin(Some("alice"));
    talk.reply(
        200,
        &[("Set-Cookie", "webvpncontext=one; Max-Age=300; Secure"), ("Set-Cookie", "other=x")],
        &format!(
            r#"<config-auth client="vpn" type="auth-request"><auth id="main"><form method="post" action="/auth">
            {USERNAME}</form></auth></config-auth>"#
        ),
    );
    assert_eq!(talk.request().cookies, Some(Secret::new("webvpncontext=one; other=x")));
    talk.reply(
        200,
        &[("Set-Cookie", "webvpncontext=two"), ("Set-Cookie", "other=; Max-Age=0")],
        &format!(
            r#"<config-auth client="vpn" type="auth-request"><auth id="main"><form method="post" action="/auth">
            {PASSWORD}</form></auth></config-auth>"#
        ),
    );
    talk.answer(password("pw-1"));
    assert_eq!(talk.request().cookies, Some(Secret::new("webvpncontext=two")));
}

#[test]
fn the_opaque_element_goes_back_as_it_came_until_another_comes() {
    let page = |opaque: &str, input: &str| {
        format!(
            r#"<config-auth client="vpn" type="auth-request">{opaque}<auth id="main">
            <form method="post" action="/auth">{input}</form></auth></config-auth>"#
        )
    };
    let opaque = r#"<opaque is-for="sg"><tunnel-group>staff</tunnel-group><config-hash>17&amp;4</config-hash></opaque>"#;
    let body = |talk: &Talk| talk.request().body.as_ref().unwrap().text.expose().to_owned();
    let mut talk = Talk::begin(Some("alice"));
    talk.reply(200, &[], &page(opaque, USERNAME));
    assert!(body(&talk).contains(opaque), "{}", body(&talk));
    talk.reply(200, &[], &page("", PASSWORD));
    talk.answer(password("pw-1"));
    assert!(body(&talk).contains(opaque));
    talk.reply(200, &[], &page("<opaque>second</opaque>", r#"<input type="password" name="answer"/>"#));
    talk.answer(otp("123456"));
    assert!(body(&talk).contains("<opaque>second</opaque>") && !body(&talk).contains("tunnel-group"));
}

#[test]
fn a_form_leads_where_its_action_says_on_this_host_only() {
    for (action, path) in [
        ("/auth", Some("/auth")),
        ("", Some("/")),
        ("next", Some("/a/next")),
        ("/login?x=1", Some("/login?x=1")),
        ("/login?return=https://vpn.lab/", Some("/login?return=https://vpn.lab/")),
        ("https://vpn.lab/c?x=1", Some("/c?x=1")),
        ("https://vpn.lab:443/c", Some("/c")),
        ("https://evil.lab/c", None),
        ("https://vpn.lab:4443/c", None),
        ("http://vpn.lab/c", None),
        ("//evil.lab/c", None),
        ("/with space", None),
    ] {
        let mut talk = Talk::at("https://vpn.lab/a/b", Some("alice"));
        talk.page("main", &format!("<form method=\"post\" action=\"{action}\">{USERNAME}</form>"));
        match path {
            Some(path) => assert_eq!(talk.request().path, path, "{action}"),
            None => assert!(matches!(talk.over(), FailureCode::Protocol { .. }), "{action}"),
        }
    }
}

#[test]
fn redirects_are_followed_on_this_host_while_it_opens() {
    let mut talk = Talk::begin(None);
    talk.reply(302, &[("Location", "/+webvpn+/index.html")], "");
    assert_eq!(talk.request().path, "/+webvpn+/index.html");
    talk.init();
    talk.reply(301, &[("Location", "https://vpn.lab/second")], "");
    assert_eq!(talk.request().path, "/second");

    for location in ["https://evil.lab/", "//evil.lab/", "http://vpn.lab/"] {
        let mut talk = Talk::begin(None);
        talk.reply(302, &[("Location", location)], "");
        assert!(matches!(talk.over(), FailureCode::Protocol { .. }), "{location}");
    }
    let mut talk = Talk::begin(None);
    talk.reply(302, &[], "");
    assert!(matches!(talk.over(), FailureCode::Protocol { .. }));
}

#[test]
fn redirects_end_after_three_and_none_carries_a_password() {
    let mut talk = Talk::begin(None);
    for _ in 0..3 {
        talk.reply(302, &[("Location", "/again")], "");
        talk.init();
    }
    talk.reply(302, &[("Location", "/again")], "");
    assert!(matches!(talk.over(), FailureCode::Protocol { .. }));

    let mut talk = Talk::password_sent();
    talk.reply(302, &[("Location", "/elsewhere")], "");
    assert!(matches!(talk.over(), FailureCode::Protocol { .. }));
}

#[test]
fn a_client_certificate_is_declined_once() {
    let request = r#"<config-auth client="vpn" type="auth-request"><client-cert-request/></config-auth>"#;
    let mut talk = Talk::begin(None);
    talk.reply(200, &[], request);
    assert!(talk.init().client_cert_fail);
    talk.reply(200, &[], request);
    assert!(matches!(talk.over(), FailureCode::Protocol { .. }));
}

#[test]
fn what_this_client_cannot_do_is_said_at_once() {
    let mut sso = Talk::begin(None);
    sso.page(
        "main",
        r#"<sso-v2-login>https://idp.lab/</sso-v2-login><sso-v2-login-final>https://vpn.lab/f</sso-v2-login-final>
        <sso-v2-token-cookie-name>acSamlv2Token</sso-v2-token-cookie-name>
        <form method="post" action="/"><input type="sso" name="sso-token"/></form>"#,
    );
    assert!(matches!(sso.over(), FailureCode::Protocol { .. }));

    let mut scan = Talk::begin(None);
    scan.reply(
        200,
        &[],
        r#"<config-auth client="vpn" type="auth-request"><host-scan><host-scan-ticket>t</host-scan-ticket>
        <host-scan-token>u</host-scan-token><host-scan-base-uri>/CACHE/sdesktop</host-scan-base-uri>
        <host-scan-wait-uri>/wait</host-scan-wait-uri></host-scan></config-auth>"#,
    );
    assert_eq!(scan.over(), &FailureCode::PostureUnsupported);

    for body in ["", "<html><body>Hello</body></html>", "not XML", "<config-auth><auth/></config-auth>"] {
        let mut talk = Talk::begin(None);
        talk.reply(200, &[], body);
        assert!(matches!(talk.over(), FailureCode::Protocol { .. }), "{body}");
    }
}

#[test]
fn a_busy_gateway_says_when_to_come_back() {
    let mut talk = Talk::begin(None);
    talk.reply(503, &[("Retry-After", "25")], "");
    assert_eq!(talk.over(), &FailureCode::Busy { retry_after_seconds: 25 });
    let mut talk = Talk::begin(None);
    talk.reply(404, &[], "");
    assert!(matches!(talk.over(), FailureCode::Protocol { .. }));
}

#[test]
fn authentication_complete_is_answered_by_an_empty_reply() {
    let mut talk = Talk::password_sent();
    talk.page("main", "<authentication-complete/>");
    assert_eq!(talk.fields(), []);
}

#[test]
fn a_gateway_that_asks_without_end_is_left() {
    let mut talk = Talk::begin(Some("alice"));
    for _ in 0..200 {
        talk.page("main", &format!("<form method=\"post\" action=\"/\">{USERNAME}</form>"));
        match talk.progress {
            Progress::Send(_) => {}
            Progress::Ask { .. } => {
                talk.answer(password("pw-1"));
            }
            Progress::Over(_) => return,
            Progress::Unheard(_) | Progress::Granted(_) => panic!("{:?}", talk.progress),
        }
    }
    panic!("200 pages");
}

#[test]
fn nothing_typed_and_no_cookie_is_ever_printed() {
    let mut printed = String::new();
    let mut talk = Talk::begin(None);
    let mut note = |talk: &Talk| printed.push_str(&format!("{:?}{:?}", talk.progress, talk.conversation));
    talk.reply(
        200,
        &[("Set-Cookie", "webvpncontext=SECRET-0")],
        &format!(
            r#"<config-auth client="vpn" type="auth-request"><opaque><x>SECRET-1</x></opaque><auth id="main">
            <form method="post" action="/auth"><input type="hidden" name="h" value="SECRET-2"/>{USERNAME}</form>
            </auth></config-auth>"#
        ),
    );
    note(&talk);
    talk.answer(account_and_password("alice", "SECRET-3"));
    note(&talk);
    talk.form("Please enter your password.", PASSWORD);
    note(&talk);
    talk.form("Please enter your OTP password.", PASSWORD);
    talk.answer(otp("SECRET-4"));
    note(&talk);
    talk.form("New password", r#"<input type="password" name="new_password_1"/>"#);
    talk.answer(new_password("SECRET-5", "SECRET-5"));
    note(&talk);
    talk.form("Who?", r#"<input type="text" name="employee"/>"#);
    talk.answer(values(&[("employee", "SECRET-6")]));
    note(&talk);
    talk.reply(
        200,
        &[("Set-Cookie", "webvpn=SECRET-7")],
        r#"<config-auth type="complete"><session-token>SECRET-8</session-token><auth id="success"/></config-auth>"#,
    );
    assert_eq!(talk.granted().grant.cookie, Secret::new("SECRET-8"));
    note(&talk);
    assert!(!printed.contains("SECRET"), "{printed}");
}
