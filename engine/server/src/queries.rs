//! Standing queries over HTTP: listed with what matches them, added, removed, while the run goes on.
//!
//! A request opens the stores of the run anew and changes what is in them; who keeps the matches notices within a moment.

use std::{path::PathBuf, sync::Arc};

use atom_operators::query::QuerySpec;
use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use atom_index::{Match, StandingQuery, Store, StoreError};
use atom_models::error::chain;

/// The files of the stores of the run.
type Stores = Arc<[PathBuf]>;

/// The routes, over these stores.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(stores: Stores) -> Router<S> {
    Router::new()
        .route("/api/v1/queries", get(list).post(add))
        .route("/api/v1/queries/{name}", delete(remove))
        .with_state(stores)
}

/// A query with what matches it, in one of the stores.
#[derive(Serialize)]
struct Told {
    store: String,
    #[serde(flatten)]
    query: StandingQuery,
    matches: Vec<Match>,
}

/// A query as it is sent: its settings, and `name` beside them.
fn read(mut sent: Map<String, Value>) -> Result<(String, QuerySpec), String> {
    let name = match sent.remove("name") {
        Some(Value::String(name)) => name,
        _ => return Err("expected a name".to_owned()),
    };
    let spec = serde_json::from_value(Value::Object(sent));
    spec.map(|spec| (name, spec))
        .map_err(|error| error.to_string())
}

async fn list(State(stores): State<Stores>) -> Response {
    let list = move || -> Result<Vec<Told>, StoreError> {
        let mut told = Vec::new();
        for path in stores.iter() {
            let store = Store::open_existing(path)?;
            for query in store.queries()? {
                told.push(Told {
                    store: path.display().to_string(),
                    matches: store.matches(&query.name)?,
                    query,
                });
            }
        }
        Ok(told)
    };
    match apart(list).await {
        Ok(queries) => Json(json!({ "queries": queries })).into_response(),
        Err(refused) => refused,
    }
}

async fn add(
    State(stores): State<Stores>,
    sent: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Response {
    let sent = sent.map_err(|wrong| (wrong.status(), wrong.body_text()));
    let unread = |reason| (StatusCode::UNPROCESSABLE_ENTITY, reason);
    let (name, spec) = match sent.and_then(|Json(sent)| read(sent).map_err(unread)) {
        Ok(read) => read,
        Err((status, reason)) => {
            let hint = "expected for example {\"name\": \"van\", \"text\": \"a delivery van\"}";
            return refusal(status, &format!("{reason}; {hint}"));
        }
    };
    if stores.is_empty() {
        let reason = "the run keeps no index: a query needs a pipeline with an `index` node";
        return refusal(StatusCode::CONFLICT, reason);
    }
    let add = move || -> Result<bool, StoreError> {
        let mut added: Vec<Store> = Vec::new();
        for path in stores.iter() {
            let mut store = Store::open_existing(path)?;
            match store.add_query(&name, &spec) {
                Ok(true) => added.push(store),
                Ok(false) => {}
                Err(error) => {
                    // All stores have it or none.
                    for store in &mut added {
                        store.remove_query(&name)?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(!added.is_empty())
    };
    match apart(add).await {
        Ok(true) => StatusCode::CREATED.into_response(),
        Ok(false) => StatusCode::OK.into_response(),
        Err(refused) => refused,
    }
}

async fn remove(State(stores): State<Stores>, Path(name): Path<String>) -> Response {
    let nowhere = stores.is_empty();
    let remove = move || -> Result<Option<StoreError>, StoreError> {
        let (mut removed, mut unknown) = (false, None);
        for path in stores.iter() {
            match Store::open_existing(path)?.remove_query(&name) {
                Ok(()) => removed = true,
                Err(error @ StoreError::UnknownQuery { .. }) => unknown = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(unknown.filter(|_| !removed))
    };
    match apart(remove).await {
        Ok(None) if nowhere => refusal(StatusCode::NOT_FOUND, "the run keeps no index"),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(unknown)) => refusal(StatusCode::NOT_FOUND, &chain(&unknown)),
        Err(refused) => refused,
    }
}

/// Works with stores where it holds up nobody else.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Response> {
    let done = spawn_blocking(work).await;
    let done = done.map_err(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR, "it panicked"))?;
    done.map_err(|error| {
        let status = match error {
            StoreError::UnknownQuery { .. } => StatusCode::NOT_FOUND,
            StoreError::Query { .. } | StoreError::QueryName { .. } => StatusCode::BAD_REQUEST,
            StoreError::TooManyQueries { .. } | StoreError::QueryTaken { .. } => {
                StatusCode::CONFLICT
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        refusal(status, &chain(&error))
    })
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}
