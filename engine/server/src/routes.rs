//! The paths of the server: metrics, health, and the standing queries below `/api/v1/queries`.
//!
//! Invariant: every error is answered with a JSON object that has an `error`, whatever the request is.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::time::timeout;

use crate::{
    app_state::AppState,
    connection_limits::{MAX_BODY_BYTES, REQUEST_TIMEOUT},
    error::ServerError,
    health::health,
    standing_query_routes,
};

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns all routes, behind the token if there is one.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .merge(standing_query_routes::routes())
        .fallback(async |uri: Uri| ServerError::UnknownPath(uri.path().to_owned()))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            ServerError::Method(method, uri.path().to_owned())
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(limit_time))
        .layer(middleware::from_fn_with_state(state.clone(), require_token))
        .with_state(state)
}

/// Refuses requests without the token.
async fn require_token(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match &state.token {
        Some(token) if !token.admits(&request) => closing(ServerError::Token),
        _ => next.run(request).await,
    }
}

/// Gives up requests that cannot be read or answered in time.
async fn limit_time(request: Request, next: Next) -> Response {
    let answered = timeout(REQUEST_TIMEOUT, next.run(request)).await;
    answered.unwrap_or_else(|_| closing(ServerError::Timeout))
}

/// Answers with an error and closes the connection, because the rest of the request is not read.
fn closing(error: ServerError) -> Response {
    let mut response = error.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

async fn metrics(State(state): State<AppState>) -> Response {
    match state.metrics.text(&state.status) {
        Ok(text) => ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response(),
        Err(error) => ServerError::Metrics(error.into()).into_response(),
    }
}
