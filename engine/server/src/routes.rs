//! The pages of the server: metrics, health, and the standing queries below `/api/v1/queries`.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use atom_media::live::connection_status::ConnectionStatus;

use crate::{app_state::AppState, standing_query_routes};

/// Silence after which the graph's worker counts as hung; it beats several times a second.
const HUNG_AFTER: Duration = Duration::from_secs(30);

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns all routes, behind the token if there is one.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .merge(standing_query_routes::routes())
        .layer(middleware::from_fn_with_state(state.clone(), require_token))
        .with_state(state)
}

/// Refuses requests without the token.
async fn require_token(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match &state.token {
        Some(token) if !token.admits(&request) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer")],
            "a bearer token is needed\n",
        )
            .into_response(),
        _ => next.run(request).await,
    }
}

async fn metrics(State(state): State<AppState>) -> Response {
    match state.metrics.text(&state.status) {
        Ok(text) => ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The health of the run: its status, and the connections of its live sources by name.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    sources: BTreeMap<String, ConnectionStatus>,
}

async fn health(State(state): State<AppState>) -> Response {
    let sources = state.status.sources();
    let live = sources.iter().filter(|source| source.live);
    let sources = live.map(|source| (source.name.clone(), source.connection.status()));
    let (code, status) = match state.status.since_heartbeat() < HUNG_AFTER {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the graph's worker hangs"),
    };
    let health = Health {
        status,
        sources: sources.collect(),
    };
    (code, Json(health)).into_response()
}
