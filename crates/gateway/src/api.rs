//! The JSON API under `/api/v1`, and the router that everything but CONNECT goes through.

mod access;
pub mod admin;
mod handlers;
mod openapi;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any, delete, get, post};
use praya_model::api::{PREFIX, SignInReply};
use praya_model::sign_in::SignInStep;
use praya_model::{FailureCode, Timestamp};

use crate::config::Config;
use crate::forms;
use crate::metrics::Metrics;
use crate::sessions::Sessions;
use crate::sign_in::SignInService;

pub use admin::Administrators;
pub(crate) use handlers::Source;

/// What the handlers of requests work on. Clones are the same.
#[derive(Clone)]
pub struct Front {
    /// The settings.
    pub config: Arc<Config>,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The sign-in.
    pub sign_in: SignInService,
    /// What administrators' programs do.
    pub administrators: Administrators,
    /// The counters.
    pub metrics: Metrics,
}

/// A path relative to [`PREFIX`], and what answers its methods.
type Operation = (&'static str, fn() -> MethodRouter<Front>);

/// Every path of the people's API with its methods; the OpenAPI document says the same.
const OPERATIONS: [Operation; 11] = [
    ("/gateway", || get(handlers::gateway)),
    ("/openapi.json", || get(openapi::document)),
    ("/sign-in", || post(handlers::begin)),
    ("/sign-in/answer", || post(handlers::answer)),
    ("/session", || get(handlers::session).delete(handlers::end_session)),
    ("/session/active", || post(handlers::stay_active)),
    ("/session/posture", || get(handlers::posture).post(handlers::report_posture)),
    ("/resources", || get(handlers::resources)),
    ("/password", || post(handlers::change_password)),
    ("/sessions", || get(handlers::sessions)),
    ("/sessions/{id}", || delete(handlers::end_other)),
];

/// Everything on the HTTPS port but CONNECT: the API, the AnyConnect forms and the page for browsers.
pub fn router(front: Front) -> Router {
    // Full paths, not a nested router: a device's proof covers the path as it was sent.
    let mut api = Router::new().route(&format!("{PREFIX}/{{*nothing}}"), any(access::not_found));
    for (path, methods) in operations() {
        api = api.route(&format!("{PREFIX}{path}"), methods().fallback(access::wrong_method));
    }
    api.with_state(front.clone()).merge(forms::router(front))
}

/// Every path with its methods.
fn operations() -> impl Iterator<Item = Operation> {
    OPERATIONS.into_iter().chain(admin::OPERATIONS)
}

impl Front {
    fn now(&self) -> Timestamp {
        self.sessions.now()
    }

    /// Counts what a reply of the sign-in says about the answer before it.
    pub(crate) fn count(&self, reply: &SignInReply) {
        match (&reply.next, &reply.notice) {
            (SignInStep::Done(_), _) => self.metrics.sign_in("ok"),
            (SignInStep::Refused(failure), _) | (_, Some(failure)) => {
                self.metrics.sign_in(&name_of(&failure.code));
            }
            _ => {}
        }
    }
}

/// The stable name of a code, as in JSON.
fn name_of(code: &FailureCode) -> String {
    let value = serde_json::to_value(code).unwrap_or_default();
    value.get("code").and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned()
}
