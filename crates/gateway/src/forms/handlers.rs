//! The pages over HTTP: reading what a client posts, carrying the ticket in a cookie, writing what comes next.

use std::net::IpAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use praya_model::api::{BeginSignIn, SignInReply};
use praya_model::sign_in::{SignInAnswer, SignInStep};
use praya_model::{FailureCode, Secret};
use praya_wire::anyconnect::{
    AuthReply, ClientDocument, ServerDocument, parse_client, parse_urlencoded, write_server,
};
use praya_wire::tunnel_headers::COOKIE_NAME;

use super::html;
use super::page::{self, Page};
use crate::api::{Front, Source};

/// The cookie that carries the ticket of the page that was shown last.
const TICKET: &str = "webvpncontext";
const TRANSCEND: HeaderName = HeaderName::from_static("x-transcend-version");

/// The addresses of the forms. Every address that nobody else has takes a client's first document, because clients
/// post it to whatever the person typed.
pub fn router(front: Front) -> Router {
    let mut router = Router::new().route("/", get(first_page).post(posted));
    for page in [Page::Main, Page::Challenge, Page::NewPassword, Page::Elsewhere] {
        router = router.route(page.action(), post(posted));
    }
    router.fallback(elsewhere).with_state(front)
}

/// A browser gets a word of explanation, a client without XML its first form.
async fn first_page(State(front): State<Front>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        let host = headers.get(http::header::HOST).and_then(|value| value.to_str().ok());
        let page = html::page(&front.config.gateway, host.unwrap_or(front.config.first_name()));
        return ([(CONTENT_SECURITY_POLICY, html::POLICY)], Html(page)).into_response();
    }
    document(&page::main(None), &[])
}

async fn posted(
    State(front): State<Front>,
    Source(source): Source,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match read(&headers, &body) {
        Ok(ClientDocument::Init(_)) => document(&page::main(None), &[]),
        Ok(ClientDocument::AuthReply(reply)) => answered(&front, source, uri.path(), &headers, reply).await,
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}

/// Whatever is posted to an address of nobody counts if it is a client's document.
async fn elsewhere(
    state: State<Front>,
    source: Source,
    method: http::Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == http::Method::POST && parse_client(&body).is_ok() {
        return posted(state, source, uri, headers, body).await;
    }
    (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response()
}

async fn answered(
    front: &Front,
    source: IpAddr,
    path: &str,
    headers: &HeaderMap,
    reply: AuthReply,
) -> Response {
    let field = |name: &str| reply.field(name).cloned();
    let page = Page::of_path(path);
    let ticket = cookie(headers, TICKET);
    let next = match (page, page.answer(field), ticket) {
        (Page::Main, _, _) => begin(front, source, headers, &reply).await,
        (_, Some(answer), Some(ticket)) => heard(front, &ticket, answer, source).await,
        // A page that was never shown, or shown too long ago for the client to have kept its cookie.
        (Page::Challenge | Page::NewPassword | Page::Elsewhere, _, _) => over(FailureCode::SignInExpired),
    };
    let mut cookies = Vec::new();
    match (&next.ticket, &next.next) {
        (Some(ticket), _) => cookies.push(set_cookie(TICKET, ticket, Some(next.expires_in))),
        (None, SignInStep::Done(grant)) => {
            cookies.push(delete_cookie(TICKET));
            cookies.push(set_cookie(COOKIE_NAME, &grant.cookie, None));
        }
        (None, _) => cookies.push(delete_cookie(TICKET)),
    }
    document(&page::of_reply(&next), &cookies)
}

/// Name and password come in one form, and are two steps.
async fn begin(front: &Front, source: IpAddr, headers: &HeaderMap, reply: &AuthReply) -> SignInReply {
    let value = |name: &str| reply.field(name).filter(|value| !value.is_empty());
    let (Some(account), Some(password)) = (value("username"), value("password")) else {
        return SignInReply {
            ticket: None,
            next: SignInStep::Password { account: None },
            notice: None,
            expires_in: 0,
        };
    };
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let attribute = |name| reply.client.device_attributes.iter().find(|(have, _)| have == name);
    let request = BeginSignIn {
        account: account.expose().to_owned(),
        device_key: None,
        host_name: attribute("computer-name").map_or_else(String::new, |(_, host)| host.clone()),
        client: agent.to_owned(),
        platform: None,
    };
    let begun = front.sign_in.begin(request, source).await;
    match (&begun.next, &begun.ticket) {
        (SignInStep::Password { account }, Some(ticket)) => {
            let typed =
                account.is_none().then(|| reply.field("username").map(|name| name.expose().to_owned()));
            let answer = SignInAnswer::Password { account: typed.flatten(), password: password.clone() };
            heard(front, ticket, answer, source).await
        }
        _ => {
            front.count(&begun);
            begun
        }
    }
}

async fn heard(front: &Front, ticket: &Secret, answer: SignInAnswer, source: IpAddr) -> SignInReply {
    let next = front.sign_in.answer(ticket, answer, source).await;
    front.count(&next);
    next
}

fn over(code: FailureCode) -> SignInReply {
    SignInReply { ticket: None, next: SignInStep::Refused(code.into()), notice: None, expires_in: 0 }
}

/// XML, or the urlencoded fields of a client that was told to do without.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<ClientDocument, String> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") && !body.starts_with(b"<") {
        let fields = parse_urlencoded(body).map_err(|error| error.to_string())?;
        return Ok(ClientDocument::AuthReply(AuthReply { fields, ..AuthReply::default() }));
    }
    parse_client(body).map_err(|error| error.to_string())
}

fn document(document: &ServerDocument, cookies: &[HeaderValue]) -> Response {
    let xml = match write_server(document) {
        Ok(xml) => xml,
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = ([(CONTENT_TYPE, "text/xml; charset=utf-8")], xml).into_response();
    response.headers_mut().insert(TRANSCEND, HeaderValue::from_static("1"));
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(have, _)| *have == name)
        .map(|(_, value)| Secret::new(value))
        .filter(|value| !value.is_empty())
}

/// `value` is base64url, which needs no quoting.
fn set_cookie(name: &str, value: &Secret, max_age: Option<u32>) -> HeaderValue {
    let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{name}={}; Path=/{age}; Secure; HttpOnly; SameSite=Strict", value.expose());
    let mut header = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

fn delete_cookie(name: &str) -> HeaderValue {
    let text = format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
