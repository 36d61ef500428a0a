//! The administrators' API under `/api/v1/admin`: what `praya-gateway posture …` does, for programs that hold a key.
//!
//! It knows no cookie, so nothing that a browser sends by itself opens it.

mod caller;
mod failure;
mod posture;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::routing::{get, post};
use praya_identity::limits::{Allowance, RateLimit, SourceLimiter};
use praya_model::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;

use super::Operation;
use crate::api_key::{ApiKey, Closed, KeyHash};
use crate::audit::Audit;
use crate::http::notice::Notices;
use crate::store::{AuditEvent, NewAudit, Outcome, Store};
use failure::AdminFailure;

/// Every path of the administrators' API with its methods; the OpenAPI document says the same.
pub(super) const OPERATIONS: [Operation; 10] = [
    ("/admin/posture/policies", || get(posture::policies)),
    ("/admin/posture/policies/{id}", || get(posture::policy).put(posture::save).delete(posture::delete)),
    ("/admin/posture/policies/{id}/activate", || post(posture::activate)),
    ("/admin/posture/policies/{id}/deactivate", || post(posture::deactivate)),
    ("/admin/posture/built-in", || get(posture::built_in)),
    ("/admin/posture/built-in/{id}", || get(posture::built_in_policy)),
    ("/admin/posture/dry-run", || post(posture::dry_run)),
    ("/admin/posture/machines", || get(posture::machines)),
    ("/admin/posture/machines/{id}", || get(posture::machine)),
    ("/admin/posture/support", || {
        get(posture::support).put(posture::set_support).delete(posture::support_built_in)
    }),
];

/// Calls with one key that is good, and apart from these the others of one address: two a second, and as many at once as
/// a minute has.
const CALLS: RateLimit = RateLimit { burst: 120, every: Duration::from_millis(500), max_sources: 10_000 };
/// The shortest time between two records about one key that is refused for one reason.
const RECORDED_EVERY: Duration = Duration::from_secs(60);

/// What the administrators' API works with. Clones are the same.
#[derive(Clone)]
pub struct Administrators(Arc<Inner>);

struct Inner {
    store: Store,
    audit: Audit,
    strangers: Mutex<SourceLimiter>,
    /// The calls with each key, by its hash.
    keys: Mutex<SourceLimiter<KeyHash>>,
    /// When a refusal of a key, by its id, was recorded last; there are no more of these than keys and reasons.
    recorded: Mutex<HashMap<(String, Closed), Timestamp>>,
    notices: Notices,
    /// Whoever looks at something waits for a turn, so that sign-ins and sessions need not.
    looks: Arc<Semaphore>,
    /// A policy is tried on all machines by one caller at a time.
    trials: Arc<Semaphore>,
}

impl Administrators {
    /// The API to what `store` holds.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            audit: Audit::new(store.clone()),
            store,
            strangers: Mutex::new(SourceLimiter::new(CALLS)),
            keys: Mutex::new(SourceLimiter::new(CALLS)),
            recorded: Mutex::default(),
            notices: Notices::default(),
            looks: Arc::new(Semaphore::new(1)),
            trials: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Hears a call from `source` that no good key came with, unless there were too many.
    fn hear_stranger(&self, source: IpAddr, now: Timestamp) -> Result<(), AdminFailure> {
        let mut strangers = self.0.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        heard(strangers.take(source.into(), now))
    }

    /// Hears a call with a good key, unless there were too many. Strangers at its address take nothing from it.
    fn hear_key(&self, key: KeyHash, now: Timestamp) -> Result<(), AdminFailure> {
        heard(self.0.keys.lock().unwrap_or_else(PoisonError::into_inner).take(key, now))
    }

    /// Records that a key was refused which is known: somebody may have found or stolen it.
    async fn refused(&self, key: &ApiKey, why: Closed, source: IpAddr, now: Timestamp) {
        let due = {
            let mut recorded = self.0.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            // A time to come was recorded before the clock was set back.
            recorded.retain(|_, at| *at <= now && now.since(*at) < RECORDED_EVERY);
            let about = (key.id.clone(), why);
            let due = !recorded.contains_key(&about);
            if due {
                recorded.insert(about, now);
            }
            due
        };
        if due {
            let record = NewAudit {
                source: Some(source),
                code: Some(why.as_str().to_owned()),
                detail: json!({ "key": key.name, "id": key.id }),
                ..NewAudit::new(now, AuditEvent::ApiKeyRefused, Outcome::Refused, key.actor())
            };
            self.0.audit.record(record).await;
        }
    }
}

const fn heard(allowance: Allowance) -> Result<(), AdminFailure> {
    match allowance {
        Allowance::Allowed => Ok(()),
        Allowance::Refused { retry_after_seconds, .. } => {
            Err(AdminFailure::TooManyCalls { retry_after_seconds })
        }
    }
}
