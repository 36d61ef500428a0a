//! `/metrics`, `/healthz` and `/readyz` for the local listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::Metrics;

/// Says whether the gateway can take people in now; an error says in one line why not.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The pages of the local listener.
///
/// `/healthz` says that the process answers; `/readyz` says that it can sign people in, and 503 with a reason
/// otherwise.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(render).with_state(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
}

async fn render(State(metrics): State<Metrics>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.render()).into_response()
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    match readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(router: Router, path: &str) -> (StatusCode, String) {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_readiness_and_metrics_have_their_pages() {
        let not_ready: Readiness = Arc::new(|| Err("the database is locked".into()));
        let router = router(Metrics::new(), not_ready);
        assert_eq!(get(router.clone(), "/healthz").await, (StatusCode::OK, "ok\n".into()));
        let (status, why) = get(router.clone(), "/readyz").await;
        assert_eq!((status, why.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the database is locked\n"));
        assert!(get(router, "/metrics").await.1.ends_with("# EOF\n"));
    }
}
