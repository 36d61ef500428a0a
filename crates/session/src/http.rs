//! HTTP as the session sees it: a request to be sent as it is, and what came back.

use std::fmt;

use praya_model::Secret;

/// Requests to a gateway's HTTPS port. The shell adds `Host`, `Content-Length` and the proof, follows no redirect,
/// keeps no cookies, and reads at most 1 MiB of reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers to send as they are; none of them is secret.
    pub headers: Vec<(&'static str, String)>,
    /// The value of the `Cookie` header.
    pub cookies: Option<Secret>,
    /// `Authorization: Bearer …`.
    pub bearer: Option<Bearer>,
    /// The body.
    pub body: Option<Body>,
}

/// How a request to the API proves its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The session cookie.
    pub cookie: Secret,
    /// Whether the session is bound to the device key, so that the request must carry `X-Praya-Proof`.
    pub proof: bool,
}

/// A request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// The text, which may hold a password.
    pub text: Secret,
}

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

impl Method {
    /// As on the request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

impl HttpRequest {
    /// A request with nothing but its line.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), cookies: None, bearer: None, body: None }
    }
}

/// A gateway's reply.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The headers, in order, repeated ones too.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        all.next().map(|(_, value)| value.as_str())
    }

    /// Every header of that name, whatever its case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpReply {
    /// Headers and body may hold cookies and tickets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReply")
            .field("status", &self.status)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}
