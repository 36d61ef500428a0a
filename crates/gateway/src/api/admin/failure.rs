//! How a call of the administrators' API fails: a status, a code for programs, and a sentence for whoever wrote them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use clap::ValueEnum;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use praya_posture::policy::{Complaint, Complaints, MAX_POLICY};
use serde::Serialize;

use crate::api_key::Scope;
use crate::posture::office::Problem;
use crate::posture::word;

/// After how many seconds it is worth trying again.
const BUSY_SECONDS: u32 = 5;

/// Why a call did nothing.
#[derive(Debug)]
pub(super) enum AdminFailure {
    /// No key, or none that opens anything from here now.
    NoKey,
    /// The key is not for this.
    NotAllowed(Scope),
    /// Too many with this key, or without a good one from this address.
    TooManyCalls { retry_after_seconds: u32 },
    /// The call makes no sense.
    BadRequest(String),
    /// The body is of another type than this.
    WrongType(&'static str),
    /// The body is longer than anything that is taken.
    TooLong,
    /// The gateway cannot do it now.
    Busy,
    /// It was understood, and there is something in the way.
    Problem(Problem),
}

/// The stable name of a failure. What has no address or method here is a `protocol` failure, as everywhere in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Code {
    NoKey,
    NotAllowed,
    TooManyCalls,
    BadRequest,
    WrongType,
    TooLong,
    Busy,
    NotTaken,
    Outdated,
    TooManyPolicies,
    NotInForce,
    NotFound,
    InForce,
    NoRoom,
}

/// A failure as it is sent.
#[derive(Debug, Serialize)]
struct Sent {
    code: Code,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    complaints: Vec<SentComplaint>,
}

#[derive(Debug, Serialize)]
struct SentComplaint {
    line: Option<usize>,
    column: Option<usize>,
    field: String,
    problem: String,
}

impl From<Problem> for AdminFailure {
    fn from(problem: Problem) -> Self {
        if let Problem::Store(error) = problem {
            error.into()
        } else if problem == Problem::TookTooLong {
            Self::Busy
        } else {
            Self::Problem(problem)
        }
    }
}

impl AdminFailure {
    fn sent(&self) -> (StatusCode, Sent) {
        let plain = |status, code, detail: &str| {
            (status, Sent { code, detail: detail.to_owned(), newest: None, complaints: Vec::new() })
        };
        match self {
            Self::NoKey => plain(
                StatusCode::UNAUTHORIZED,
                Code::NoKey,
                "send a key that is in force with `Authorization: Bearer praya_…`",
            ),
            Self::NotAllowed(scope) => plain(
                StatusCode::FORBIDDEN,
                Code::NotAllowed,
                &format!("the key does not allow {}", word(scope)),
            ),
            Self::TooManyCalls { .. } => plain(
                StatusCode::TOO_MANY_REQUESTS,
                Code::TooManyCalls,
                "too many calls with this key or, without a good one, from this address",
            ),
            Self::BadRequest(detail) => plain(StatusCode::BAD_REQUEST, Code::BadRequest, detail),
            Self::WrongType(wanted) => plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::WrongType,
                &format!("the body must be {wanted}"),
            ),
            Self::TooLong => plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::TooLong,
                &format!("the body is longer than {MAX_POLICY} bytes"),
            ),
            Self::Busy => {
                plain(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, "the gateway cannot do this now")
            }
            Self::Problem(problem) => {
                let (status, code) = match problem {
                    Problem::NotTaken(_) => (StatusCode::UNPROCESSABLE_ENTITY, Code::NotTaken),
                    Problem::Outdated { .. } => (StatusCode::CONFLICT, Code::Outdated),
                    Problem::TooManyPolicies => (StatusCode::CONFLICT, Code::TooManyPolicies),
                    Problem::NoRoom => (StatusCode::CONFLICT, Code::NoRoom),
                    Problem::NotInForce => (StatusCode::CONFLICT, Code::NotInForce),
                    Problem::InForce => (StatusCode::CONFLICT, Code::InForce),
                    Problem::NoPolicy
                    | Problem::NotBuiltIn
                    | Problem::NoMachine
                    | Problem::SeveralMachines => (StatusCode::NOT_FOUND, Code::NotFound),
                    Problem::TookTooLong | Problem::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Busy),
                };
                let newest = if let Problem::Outdated { newest } = problem { Some(*newest) } else { None };
                let complaints =
                    if let Problem::NotTaken(complaints) = problem { sent(complaints) } else { Vec::new() };
                (status, Sent { code, detail: problem.to_string(), newest, complaints })
            }
        }
    }

    fn retry_after(&self) -> Option<u32> {
        if let Self::TooManyCalls { retry_after_seconds } = self {
            return Some(*retry_after_seconds);
        }
        matches!(self, Self::Busy).then_some(BUSY_SECONDS)
    }
}

fn sent(complaints: &Complaints) -> Vec<SentComplaint> {
    let one = |complaint: &Complaint| SentComplaint {
        line: complaint.at.map(|at| at.line),
        column: complaint.at.map(|at| at.column),
        field: complaint.field.clone(),
        problem: complaint.problem.clone(),
    };
    complaints.all().iter().map(one).collect()
}

impl IntoResponse for AdminFailure {
    fn into_response(self) -> Response {
        let (status, sent) = self.sent();
        let mut response = (status, Json(sent)).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
