//! Who asks, what the body says, and how a failure looks: the typed edge of the API.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use praya_model::api::PROOF_HEADER;
use praya_model::{Failure, FailureCode, Secret};
use serde::de::DeserializeOwned;

use super::Front;
use crate::http::Peer;
use crate::sessions::{ApiRequest, LiveSession, Refusal};

/// A failure as an answer: the status that fits the code, and the code as JSON.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    failure: Box<Failure>,
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

/// A caller with a live session, and the body, which the caller's proof covers.
pub(super) struct Caller<T> {
    pub(super) session: Arc<LiveSession>,
    pub(super) body: T,
}

/// The body of a request that needs none.
pub(super) struct NoBody;

/// What a body can be read as.
pub(super) trait FromBody: Sized {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError>;
}

impl FromBody for NoBody {
    fn read(_headers: &HeaderMap, _body: &[u8]) -> Result<Self, ApiError> {
        Ok(Self)
    }
}

impl<T: DeserializeOwned> FromBody for Body<T> {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        // A browser sends JSON across sites only after asking; other types it sends unasked.
        let essence = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = essence.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::protocol(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be application/json",
            ));
        }
        // The parser's words could quote a password, so only the place is told.
        serde_json::from_slice(body).map(Body).map_err(|error| {
            let detail =
                format!("the body is not as expected, at line {} column {}", error.line(), error.column());
            ApiError::protocol(StatusCode::BAD_REQUEST, detail)
        })
    }
}

impl<T: DeserializeOwned> FromRequest<Front> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, front: &Front) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        Self::read(&headers, &bytes(request, front).await?)
    }
}

impl<T: FromBody> FromRequest<Front> for Caller<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, front: &Front) -> Result<Self, ApiError> {
        let (headers, method) = (request.headers().clone(), request.method().clone());
        let target = request.uri().path_and_query().map(ToString::to_string);
        let body = bytes(request, front).await?;
        let Some(cookie) = bearer(&headers) else { return Err(FailureCode::NotSignedIn.into()) };
        let call = ApiRequest {
            proof: headers.get(PROOF_HEADER).and_then(|value| value.to_str().ok()),
            method: method.as_str(),
            target: target.as_deref().unwrap_or_default(),
            body: &body,
        };
        let session = front.sessions.bearer(&cookie, call, front.now()).await?;
        Ok(Self { session, body: T::read(&headers, &body)? })
    }
}

impl From<FailureCode> for ApiError {
    fn from(code: FailureCode) -> Self {
        Failure::from(code).into()
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self { status: status_of(&failure.code), failure: Box::new(failure) }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown => FailureCode::NotSignedIn.into(),
            Refusal::Ended(reason) => FailureCode::SessionEnded { reason }.into(),
            Refusal::TooOften { retry_after_seconds } => FailureCode::Busy { retry_after_seconds }.into(),
            Refusal::Store(error) => {
                tracing::error!(%error, "a session could not be looked up");
                FailureCode::Busy { retry_after_seconds: 5 }.into()
            }
        }
    }
}

impl ApiError {
    fn protocol(status: StatusCode, detail: impl Into<String>) -> Self {
        let failure = FailureCode::Protocol { detail: detail.into() };
        Self { status, failure: Box::new(failure.into()) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(mut self) -> Response {
        let retry = retry_after(&self.failure.code);
        if let FailureCode::Internal { detail } = &mut self.failure.code {
            // What broke inside concerns the log.
            *detail = "the gateway has a problem".into();
        }
        let mut response = (self.status, Json(self.failure)).into_response();
        if let Some(seconds) = retry {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An address that is none.
pub(super) async fn not_found() -> ApiError {
    ApiError::protocol(StatusCode::NOT_FOUND, "there is nothing at this address")
}

/// A method that the address does not know.
pub(super) async fn wrong_method(method: Method) -> ApiError {
    ApiError::protocol(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this address"))
}

/// Where a request came from.
pub(crate) async fn peer_of(parts: &mut http::request::Parts) -> std::net::IpAddr {
    let peer = Extension::<Peer>::from_request_parts(parts, &()).await;
    // Every listener puts it there; a request without one shares the rate of all such requests.
    peer.map_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |Extension(Peer(address))| address)
}

fn retry_after(code: &FailureCode) -> Option<u32> {
    if let FailureCode::Busy { retry_after_seconds: seconds }
    | FailureCode::TooManyAttempts { retry_after_seconds: seconds }
    | FailureCode::Locked { seconds_left: seconds } = code
    {
        return Some(*seconds);
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what has no status of its own is a refusal")]
fn status_of(code: &FailureCode) -> StatusCode {
    match code {
        FailureCode::NotSignedIn | FailureCode::SessionEnded { .. } => StatusCode::UNAUTHORIZED,
        FailureCode::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
        FailureCode::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        FailureCode::Protocol { .. } => StatusCode::BAD_REQUEST,
        FailureCode::PasswordRules { .. } | FailureCode::BadPostureReport => StatusCode::UNPROCESSABLE_ENTITY,
        FailureCode::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::FORBIDDEN,
    }
}

/// The secret in `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let (scheme, cookie) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let usable = scheme.eq_ignore_ascii_case("bearer") && !cookie.is_empty() && cookie.len() <= 512;
    usable.then(|| Secret::new(cookie.trim()))
}

async fn bytes(request: Request, front: &Front) -> Result<Bytes, ApiError> {
    // The connection has read and bounded it already.
    Bytes::from_request(request, front)
        .await
        .map_err(|_| ApiError::protocol(StatusCode::BAD_REQUEST, "the body cannot be read"))
}
