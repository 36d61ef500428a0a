//! What each address of the API does.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use http::request::Parts;
use praya_model::api::{
    AnswerSignIn, BeginSignIn, ChangePassword, GatewayInfo, OwnSession, PostureQuestion, PostureReply,
    PostureReport, ResourceList, SessionInfo, SessionList, SignInReply,
};
use praya_model::{EndReason, SessionId};
use praya_posture::report::SignedReport;
use serde::Deserialize;

use super::Front;
use super::access::{ApiError, Body, Caller, NoBody, not_found, peer_of};
use crate::audit::PERSON;

/// The API's major version.
const API: u32 = 1;

pub(super) async fn gateway(State(front): State<Front>) -> Json<GatewayInfo> {
    let settings = &front.config.gateway;
    Json(GatewayInfo {
        product: "praya".into(),
        api: API,
        name: settings.display_name.clone(),
        help_desk: settings.help_desk.clone(),
    })
}

pub(super) async fn begin(
    State(front): State<Front>,
    Source(source): Source,
    Body(request): Body<BeginSignIn>,
) -> Json<SignInReply> {
    let reply = front.sign_in.begin(request, source).await;
    front.count(&reply);
    Json(reply)
}

pub(super) async fn answer(
    State(front): State<Front>,
    Source(source): Source,
    Body(request): Body<AnswerSignIn>,
) -> Json<SignInReply> {
    let reply = front.sign_in.answer(&request.ticket, request.answer, source).await;
    front.count(&reply);
    Json(reply)
}

pub(super) async fn session(State(front): State<Front>, caller: Caller<NoBody>) -> Json<SessionInfo> {
    let session = caller.session;
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Json(SessionInfo {
        session: session.id.clone(),
        account: session.account.clone(),
        groups: session.access().groups.clone(),
        since: session.started,
        expires_in: seconds(session.expires.since(front.now())),
        idle_timeout: seconds(front.config.sessions.idle_timeout),
        last_sign_in: session.last_sign_in.clone(),
        password_rules: Some(front.sign_in.password_rules().clone()),
    })
}

/// The person's own word that they are still there counts as much as a packet of theirs. No other request does:
/// a list that is fetched again by itself must not keep a session.
pub(super) async fn stay_active(State(front): State<Front>, caller: Caller<NoBody>) -> StatusCode {
    caller.session.traffic.user_was_active(front.now());
    StatusCode::NO_CONTENT
}

pub(super) async fn posture(
    State(front): State<Front>,
    caller: Caller<NoBody>,
) -> Result<Json<PostureQuestion>, ApiError> {
    Ok(Json(front.sessions.posture_question(&caller.session, front.now()).await?))
}

pub(super) async fn report_posture(
    State(front): State<Front>,
    Source(source): Source,
    caller: Caller<Body<PostureReport>>,
) -> Result<Json<PostureReply>, ApiError> {
    let Caller { session, body: Body(PostureReport { report, signature }) } = caller;
    let sealed = SignedReport { report, signature };
    let sessions = Arc::clone(&front.sessions);
    let now = move || sessions.now();
    Ok(Json(front.sessions.posture_report(&session, sealed, source, now).await?))
}

/// How a person leaves.
#[derive(Deserialize)]
pub(super) struct Leaving {
    reason: Option<EndReason>,
}

pub(super) async fn end_session(
    State(front): State<Front>,
    Query(leaving): Query<Leaving>,
    caller: Caller<NoBody>,
) -> StatusCode {
    // A person can only log out; the other reasons are the gateway's.
    let reason =
        leaving.reason.filter(|reason| *reason == EndReason::TrayExit).unwrap_or(EndReason::UserLogout);
    front.sessions.end(&caller.session.id, reason, PERSON, front.now()).await;
    StatusCode::NO_CONTENT
}

pub(super) async fn resources(caller: Caller<NoBody>) -> Json<ResourceList> {
    let mut resources = caller.session.access().resources.clone();
    resources.sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    Json(ResourceList { resources })
}

pub(super) async fn change_password(
    State(front): State<Front>,
    Source(source): Source,
    caller: Caller<Body<ChangePassword>>,
) -> Result<StatusCode, ApiError> {
    let Caller { session, body: Body(change) } = caller;
    let (keep, device) = (Some(&session.id), session.device_key);
    front.sign_in.change_password(&session.account, keep, device, change.current, change.new, source).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn sessions(State(front): State<Front>, caller: Caller<NoBody>) -> Json<SessionList> {
    let me = caller.session;
    let mut own: Vec<_> = front.sessions.list();
    own.retain(|session| session.account == me.account);
    own.sort_by_key(|session| session.started);
    let shown = own.into_iter().map(|session| OwnSession {
        session: session.id.clone(),
        host_name: session.host_name().to_owned(),
        client: session.client.clone(),
        source: session.source.to_string(),
        since: session.started,
        current: session.id == me.id,
    });
    Json(SessionList { sessions: shown.collect() })
}

pub(super) async fn end_other(
    State(front): State<Front>,
    Path(id): Path<String>,
    caller: Caller<NoBody>,
) -> Result<StatusCode, ApiError> {
    let id = SessionId::new(id);
    // Somebody else's session and one that does not exist look the same.
    let own = front.sessions.get(&id).is_some_and(|session| session.account == caller.session.account);
    if !own {
        return Err(not_found().await);
    }
    front.sessions.end(&id, EndReason::UserLogout, PERSON, front.now()).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The address that a request came from.
pub(crate) struct Source(pub(crate) std::net::IpAddr);

impl<S: Sync> axum::extract::FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(peer_of(parts).await))
    }
}
