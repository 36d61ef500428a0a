//! The forms as stock clients use them, over the real sign-in.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use praya_identity::IdentityStore as _;
use praya_wire::anyconnect::{AuthRequest, ServerDocument, parse_server};
use tower::ServiceExt;

use super::*;
use crate::tunnel::lab::{Lab, alice, code};

const GOOD: &str = "tide and harbour";

/// A client that keeps cookies and goes where the last form points, as openconnect does.
struct Client {
    router: Router,
    cookies: Vec<(String, String)>,
    action: String,
}

impl Client {
    fn new(front: &Front) -> Self {
        Self { router: crate::api::router(front.clone()), cookies: Vec::new(), action: "/".into() }
    }

    async fn send(
        &mut self,
        request: http::request::Builder,
        body: String,
    ) -> (StatusCode, HeaderMap, String) {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(COOKIE, cookies.join("; ")).body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(have, _)| have != name);
            if !value.is_empty() {
                self.cookies.push((name.into(), value.into()));
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn post(&mut self, xml: &str) -> ServerDocument {
        let request = Request::post(self.action.as_str())
            .header(CONTENT_TYPE, "application/xml; charset=utf-8")
            .header(USER_AGENT, "Open AnyConnect VPN Agent v9.01-3");
        let (status, headers, body) = self.send(request, xml.into()).await;
        // Stock clients take any other status for the end.
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(headers.get(CONTENT_TYPE).unwrap().to_str().unwrap().starts_with("text/xml"));
        let document = parse_server(body.as_bytes()).unwrap();
        if let ServerDocument::AuthRequest(page) = &document
            && let Some(form) = &page.form
        {
            self.action = form.action.clone();
        }
        document
    }

    async fn page(&mut self, xml: &str) -> AuthRequest {
        page_of(self.post(xml).await)
    }

    async fn init(&mut self) -> AuthRequest {
        self.page(
            "<config-auth client=\"vpn\" type=\"init\"><version who=\"vpn\">v9.01</version></config-auth>",
        )
        .await
    }

    async fn reply(&mut self, fields: &[(&str, &str)]) -> ServerDocument {
        let fields: String = fields.iter().map(|(name, value)| format!("<{name}>{value}</{name}>")).collect();
        self.post(&format!(
            "<config-auth client=\"vpn\" type=\"auth-reply\"><auth>{fields}</auth></config-auth>"
        ))
        .await
    }

    async fn reply_page(&mut self, fields: &[(&str, &str)]) -> AuthRequest {
        page_of(self.reply(fields).await)
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Up to the page that asks for a code.
    async fn reach_code(&mut self, password: &str) -> AuthRequest {
        self.init().await;
        let page = self.reply_page(&[("username", "alice"), ("password", password)]).await;
        assert_eq!(page.id, "challenge", "{page:?}");
        page
    }
}

fn page_of(document: ServerDocument) -> AuthRequest {
    let ServerDocument::AuthRequest(page) = document else { panic!("{document:?}") };
    *page
}

fn error(page: &AuthRequest) -> String {
    page.error.as_ref().map(|error| error.rendered()).unwrap_or_default()
}

#[tokio::test]
async fn a02_a18_the_first_sign_in_goes_through_every_page_under_a_new_ticket_each() {
    let lab = Lab::new(|_| {});
    let (front, initial) = lab.front();
    let mut client = Client::new(&front);
    let page = client.init().await;
    assert_eq!((page.id.as_str(), page.form.unwrap().inputs.len()), ("main", 2));
    assert_eq!(client.cookie(TICKET), None);

    let page = client.reply_page(&[("username", " Alice"), ("password", &initial)]).await;
    assert!(page.message.unwrap().contains("T-1"));
    let first = client.cookie(TICKET).unwrap().to_owned();

    // openconnect sends the input `answer` as `password`.
    let page = client.reply_page(&[("password", &code())]).await;
    assert_eq!(page.id, "new_password");
    let second = client.cookie(TICKET).unwrap().to_owned();
    assert_ne!(first, second);

    let page = client.reply_page(&[("new_password_1", GOOD), ("new_password_2", "tide and harbours")]).await;
    assert!(error(&page).contains("same in both entries"), "{page:?}");
    let document = client.reply(&[("new_password_1", GOOD), ("new_password_2", GOOD)]).await;
    let ServerDocument::Complete(complete) = document else { panic!("{document:?}") };
    assert_eq!(client.cookie(TICKET), None);
    assert_eq!(client.cookie("webvpn"), Some(complete.session_token.unwrap().expose()));
    assert_eq!(lab.sessions.count(), 1);
    assert!(lab.metrics.render().contains("sign_ins_total{outcome=\"ok\"} 1"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let mut texts = Vec::new();
    for account in ["alice", "nobody"] {
        let mut client = Client::new(&front);
        client.init().await;
        let page = client.reply_page(&[("username", account), ("password", "wrong")]).await;
        assert_eq!(page.id, "main");
        assert!(page.form.is_some());
        let text = error(&page);
        // The support code is each event's own.
        texts.push(text.split(" Support code").next().unwrap().to_owned());
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].starts_with("Wrong username or password."), "{texts:?}");
}

#[tokio::test]
async fn a_wrong_code_is_asked_again_and_a35_five_failures_lock_without_a_form() {
    let lab = Lab::new(|_| {});
    let (front, initial) = lab.front();
    let mut client = Client::new(&front);
    client.reach_code(&initial).await;
    let page = client.reply_page(&[("password", "000000")]).await;
    assert_eq!(page.id, "challenge");
    assert!(error(&page).contains("wrong"), "{page:?}");
    let mut last = page;
    for _ in 0..5 {
        if last.form.is_none() {
            break;
        }
        last = client.reply_page(&[("password", "000000")]).await;
    }
    assert!(last.form.is_none(), "{last:?}");
    assert!(error(&last).contains("locked for"), "{last:?}");
    let mut again = Client::new(&front);
    again.init().await;
    let page = again.reply_page(&[("username", "alice"), ("password", &initial)]).await;
    assert!(
        page.form.is_none() && error(&page).contains("locked for"),
        "a36: the right password too: {page:?}"
    );
}

#[tokio::test]
async fn an_old_ticket_and_a_missing_one_begin_anew() {
    let lab = Lab::new(|_| {});
    let (front, initial) = lab.front();
    let mut client = Client::new(&front);
    client.reach_code(&initial).await;
    let used = client.cookies.clone();
    client.reply_page(&[("password", "000000")]).await;
    for cookies in [used, Vec::new()] {
        client.cookies = cookies;
        client.action = Page::Challenge.action().into();
        let page = client.reply_page(&[("password", &code())]).await;
        assert_eq!(page.id, "main");
        assert!(error(&page).contains("start again"), "{page:?}");
    }
    assert_eq!(lab.sessions.count(), 0);
}

#[tokio::test]
async fn a03_no_page_can_be_skipped() {
    let lab = Lab::new(|_| {});
    let (front, initial) = lab.front();
    let mut client = Client::new(&front);
    client.reach_code(&initial).await;
    client.action = Page::NewPassword.action().into();
    let document = client.reply(&[("new_password_1", GOOD), ("new_password_2", GOOD)]).await;
    assert!(matches!(document, ServerDocument::AuthRequest(_)), "{document:?}");
    assert_eq!((client.cookie("webvpn"), lab.sessions.count()), (None, 0));
}

#[tokio::test]
async fn a34_a_session_elsewhere_is_named_and_may_be_replaced() {
    let lab = Lab::new(|config| config.sessions.per_account = 1);
    let (front, initial) = lab.front();
    // A password change would end the other session.
    lab.store.set_must_change(&alice(), false).unwrap();
    let other = lab.sign_in(None).session.unwrap();
    let mut client = Client::new(&front);
    client.reach_code(&initial).await;
    let page = client.reply_page(&[("password", &code())]).await;
    assert_eq!(page.id, "elsewhere");
    assert!(page.message.unwrap().contains("pc-17"));
    let document = client.reply(&[("choice", "replace")]).await;
    assert!(matches!(document, ServerDocument::Complete(_)), "{document:?}");
    assert!(lab.sessions.get(&other).is_none());
    assert_eq!(lab.sessions.list()[0].account, alice());
}

#[tokio::test]
async fn a_client_without_xml_gets_the_same_pages() {
    let lab = Lab::new(|_| {});
    let (front, initial) = lab.front();
    let mut client = Client::new(&front);
    let (status, _, body) = client.send(Request::get("/").header(ACCEPT, "*/*"), String::new()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(matches!(parse_server(body.as_bytes()), Ok(ServerDocument::AuthRequest(_))), "{body}");
    let form = format!("username=alice&password={}", initial.replace(' ', "+"));
    let request = Request::post("/auth").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (_, _, body) = client.send(request, form).await;
    let Ok(ServerDocument::AuthRequest(page)) = parse_server(body.as_bytes()) else { panic!("{body}") };
    assert_eq!(page.id, "challenge");
}

#[tokio::test]
async fn any_address_takes_a_first_document_and_nothing_else() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let mut client = Client::new(&front);
    client.action = "/staff".into();
    assert_eq!(client.init().await.id, "main");
    for (request, body, expected) in [
        (Request::post("/staff"), "hello", StatusCode::NOT_FOUND),
        (Request::get("/staff"), "", StatusCode::NOT_FOUND),
        (Request::post("/"), "<config-auth", StatusCode::BAD_REQUEST),
        (Request::post("/auth"), "", StatusCode::BAD_REQUEST),
        (Request::get("/auth"), "", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let (status, _, _) = client.send(request, body.into()).await;
        assert_eq!(status, expected, "{body}");
    }
}

#[tokio::test]
async fn a_browser_reads_what_this_is_and_loads_nothing() {
    let lab = Lab::new(|_| {});
    let (front, _) = lab.front();
    let mut client = Client::new(&front);
    let request = Request::get("/").header(ACCEPT, "text/html,*/*;q=0.8").header("Host", "vpn.test");
    let (status, headers, body) = client.send(request, String::new()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("openconnect https://vpn.test/") && !body.contains("<script"), "{body}");
    assert!(
        headers.get(CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap().starts_with("default-src 'none'")
    );
}

#[tokio::test]
async fn where_policy_wants_a_report_stock_clients_are_told_so_or_let_in_to_some_resources() {
    use crate::posture::test_machine::{POLICY, activate};
    use crate::tunnel::lab::now;

    for let_in in [false, true] {
        let lab = Lab::new(|_| {});
        let (front, initial) = lab.front();
        let limit = "without_report = { limit = [\"help-desk\"] }";
        let policy = if let_in { POLICY.replace("without_report = \"deny\"", limit) } else { POLICY.into() };
        activate(&lab.store, &policy, now());
        let mut client = Client::new(&front);
        client.reach_code(&initial).await;
        client.reply_page(&[("password", &code())]).await;
        let document = client.reply(&[("new_password_1", GOOD), ("new_password_2", GOOD)]).await;
        if let_in {
            assert!(matches!(document, ServerDocument::Complete(_)), "{document:?}");
            let session = lab.sessions.list().pop().unwrap();
            assert!(session.access().resources.is_empty(), "the help desk is not published to them");
        } else {
            let page = page_of(document);
            assert!(page.form.is_none(), "{page:?}");
            assert!(error(&page).contains("checks the machine"), "{page:?}");
            assert_eq!(lab.sessions.count(), 0);
            assert!(lab.metrics.render().contains("posture_unreported_total{reason=\"refused\"} 1"));
        }
    }
}
