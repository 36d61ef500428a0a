//! Who calls, and what is sent: a key that opens the scope of the call, parameters, a file in TOML.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use praya_model::Timestamp;
use praya_posture::policy::MAX_POLICY;
use serde::de::DeserializeOwned;

use super::failure::AdminFailure;
use crate::api::Front;
use crate::api::access::{bearer, peer_of};
use crate::api_key::{Closed, KeyHash, Scope};
use crate::posture::office::{Office, Problem};
use crate::store::{Store, StoreError};

/// What a call needs a key for.
pub(super) trait Demand: Send + Sync + 'static {
    const SCOPE: Scope;
}

/// Calls that show something.
pub(super) struct Read;

/// Calls that change something.
pub(super) struct Write;

impl Demand for Read {
    const SCOPE: Scope = Scope::PostureRead;
}

impl Demand for Write {
    const SCOPE: Scope = Scope::PostureWrite;
}

/// A caller whose key opens the scope of `D`.
pub(super) struct Caller<D> {
    actor: String,
    source: IpAddr,
    at: Timestamp,
    demand: PhantomData<D>,
}

/// The parameters behind the question mark.
pub(super) struct Params<T>(pub(super) T);

/// The name in the path.
pub(super) struct Named(pub(super) String);

/// A file in TOML.
pub(super) struct Toml(pub(super) String);

/// A JSON body that may be left out.
pub(super) struct Optional<T>(pub(super) T);

impl<D: Demand> FromRequestParts<Front> for Caller<D> {
    type Rejection = AdminFailure;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, AdminFailure> {
        let (source, now, api) = (peer_of(parts).await, front.now(), &front.administrators);
        let shown = bearer(&parts.headers).and_then(|shown| KeyHash::of(&shown));
        let found = match shown {
            Some(hash) => api.0.store.run(move |store| store.api_key(&hash)).await?.map(|key| (hash, key)),
            None => None,
        };
        let Some((hash, key)) = found else {
            api.hear_stranger(source, now)?;
            api.0.notices.say(
                "key refused",
                source,
                "the administrators' API was called without a known key",
            );
            return Err(AdminFailure::NoKey);
        };
        if let Err(why) = key.opens(D::SCOPE, source, now) {
            api.hear_stranger(source, now)?;
            api.refused(&key, why, source, now).await;
            return Err(match why {
                Closed::Scope => AdminFailure::NotAllowed(D::SCOPE),
                // Whoever found a key learns nothing about it.
                Closed::Expired | Closed::Network => AdminFailure::NoKey,
            });
        }
        api.hear_key(hash, now)?;
        let actor = key.actor();
        if let Err(error) = api.0.store.run(move |store| store.note_api_key(&key, now)).await {
            tracing::warn!(%error, "that a key was used could not be noted");
        }
        Ok(Self { actor, source, at: now, demand: PhantomData })
    }
}

impl<D: Demand> Caller<D> {
    /// Does `work` in this caller's name; to its end, even where the caller is gone or was told to come later.
    pub(super) async fn does<T: Send + 'static>(
        self,
        front: &Front,
        work: impl FnOnce(Office<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, AdminFailure> {
        let Self { actor, source, at, .. } = self;
        let administrators = &front.administrators.0;
        let turn = match D::SCOPE {
            Scope::PostureRead => Some(Arc::clone(&administrators.looks).acquire_owned().await),
            Scope::PostureWrite => None,
        };
        let working = move |store: &Store| {
            let _turn = turn;
            let done = work(Office { store, actor: &actor, source: Some(source), now: at });
            if D::SCOPE == Scope::PostureWrite {
                // Live sessions follow as they follow a command.
                store.tell_changes();
            }
            done
        };
        Ok(administrators.store.run(working).await?)
    }
}

impl<T: DeserializeOwned> FromRequestParts<Front> for Params<T> {
    type Rejection = AdminFailure;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, AdminFailure> {
        match Query::from_request_parts(parts, front).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(wrong) => Err(AdminFailure::BadRequest(wrong.body_text())),
        }
    }
}

impl FromRequestParts<Front> for Named {
    type Rejection = AdminFailure;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, AdminFailure> {
        match Path::from_request_parts(parts, front).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(wrong) => Err(AdminFailure::BadRequest(wrong.body_text())),
        }
    }
}

impl FromRequest<Front> for Toml {
    type Rejection = AdminFailure;

    async fn from_request(request: Request, front: &Front) -> Result<Self, AdminFailure> {
        content_is(&request, "application/toml")?;
        let bytes = bytes(request, front).await?;
        if bytes.len() > MAX_POLICY {
            return Err(AdminFailure::TooLong);
        }
        let text = String::from_utf8(bytes.into())
            .map_err(|_| AdminFailure::BadRequest("the body is not UTF-8 text".into()))?;
        Ok(Self(text))
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Front> for Optional<T> {
    type Rejection = AdminFailure;

    async fn from_request(request: Request, front: &Front) -> Result<Self, AdminFailure> {
        let typed = content_is(&request, "application/json");
        let bytes = bytes(request, front).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| AdminFailure::BadRequest(error.to_string()))
    }
}

impl From<StoreError> for AdminFailure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a call of the administrators' API failed");
        Self::Busy
    }
}

fn content_is(request: &Request, wanted: &'static str) -> Result<(), AdminFailure> {
    let content = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) { Ok(()) } else { Err(AdminFailure::WrongType(wanted)) }
}

async fn bytes(request: Request, front: &Front) -> Result<Bytes, AdminFailure> {
    // The connection has read and bounded it already; what is beyond axum's own bound is too long for anything here.
    Bytes::from_request(request, front).await.map_err(|wrong| {
        if wrong.status() == StatusCode::PAYLOAD_TOO_LARGE {
            AdminFailure::TooLong
        } else {
            AdminFailure::BadRequest("the body cannot be read".into())
        }
    })
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;
