//! The health of a run, for supervisors and people: `/healthz`.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use atom_media::live::connection_status::ConnectionStatus;
use atom_runtime::RunStatus;

use crate::app_state::AppState;

/// Silence after which the graph's worker counts as hung; it beats several times a second.
const HUNG_AFTER: Duration = Duration::from_secs(30);

/// The health of a run.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// The reason of each problem, by the output or index that cannot be written or kept up to date.
    problems: BTreeMap<String, String>,
    /// The connections of the live sources by name.
    sources: BTreeMap<String, ConnectionStatus>,
}

impl Health {
    /// Returns the health now, with the status of the response. A restart helps only where the worker hangs, so only then
    /// the response is an error.
    fn of(status: &RunStatus) -> (StatusCode, Self) {
        let sources = status.sources();
        let live = sources.iter().filter(|source| source.live);
        let live = live.map(|source| (source.name.clone(), source.connection.status()));
        let problems = status.problems.all();
        let hung = status.since_heartbeat() >= HUNG_AFTER;
        let (code, status) = match (hung, problems.is_empty()) {
            (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "the graph's worker hangs"),
            (false, true) => (StatusCode::OK, "ok"),
            (false, false) => (StatusCode::OK, "degraded"),
        };
        let health = Self {
            status,
            problems,
            sources: live.collect(),
        };
        (code, health)
    }
}

/// Answers with the health of the run.
pub(crate) async fn health(State(state): State<AppState>) -> Response {
    let (code, health) = Health::of(&state.status);
    (code, Json(health)).into_response()
}
