//! Standing queries over HTTP: listed with their matches, added and removed while the run goes on.
//!
//! A request opens the indexes of the run anew and changes the queries in them; the task that maintains the matches
//! notices within a moment.

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    routing::{delete, get},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use tokio::task::spawn_blocking;

use atom_index::{Match, StandingQuery, Store, StoreError};
use atom_operators::standing::query::QuerySpec;

use crate::{app_state::AppState, error::ServerError};

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/api/v1/queries", get(list).post(add))
        .route("/api/v1/queries/{name}", delete(remove))
}

/// A query of one of the indexes, with its matches.
#[derive(Serialize)]
struct QueryWithMatches {
    store: String,
    #[serde(flatten)]
    query: StandingQuery,
    matches: Vec<Match>,
}

/// A query as a request sends it: `name`, and its settings beside it.
struct NewQuery {
    name: String,
    spec: QuerySpec,
}

impl NewQuery {
    fn parse(mut object: Map<String, Value>) -> Result<Self, ServerError> {
        let Some(Value::String(name)) = object.remove("name") else {
            return Err(ServerError::QueryName);
        };
        let spec = serde_json::from_value(Value::Object(object));
        let spec = spec.map_err(ServerError::QuerySettings)?;
        Ok(Self { name, spec })
    }
}

async fn list(State(state): State<AppState>) -> Result<Json<Value>, ServerError> {
    let queries = blocking(move || list_queries(&state.indexes)).await?;
    Ok(Json(json!({ "queries": queries })))
}

fn list_queries(indexes: &[PathBuf]) -> Result<Vec<QueryWithMatches>, ServerError> {
    let mut queries = Vec::new();
    for path in indexes {
        let store = Store::open_existing(path)?;
        for query in store.queries()? {
            queries.push(QueryWithMatches {
                store: path.display().to_string(),
                matches: store.matches(&query.name)?,
                query,
            });
        }
    }
    Ok(queries)
}

async fn add(
    State(state): State<AppState>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<StatusCode, ServerError> {
    let Json(body) = body.map_err(ServerError::Body)?;
    let query = NewQuery::parse(body)?;
    if state.indexes.is_empty() {
        return Err(ServerError::NoIndexToQuery);
    }
    let added = blocking(move || add_query(&state.indexes, &query)).await?;
    Ok(match added {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    })
}

/// Adds a query to all indexes, or to none if one refuses it. Returns true if one of them did not have it.
fn add_query(indexes: &[PathBuf], query: &NewQuery) -> Result<bool, ServerError> {
    let mut added: Vec<Store> = Vec::new();
    for path in indexes {
        let mut store = Store::open_existing(path)?;
        match store.add_query(&query.name, &query.spec) {
            Ok(true) => added.push(store),
            Ok(false) => {}
            Err(error) => {
                for store in &mut added {
                    store.remove_query(&query.name)?;
                }
                return Err(error.into());
            }
        }
    }
    Ok(!added.is_empty())
}

async fn remove(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<StatusCode, ServerError> {
    blocking(move || remove_query(&state.indexes, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a query from the indexes that have it.
///
/// # Errors
/// If none has it, or there is no index.
fn remove_query(indexes: &[PathBuf], name: &str) -> Result<(), ServerError> {
    let mut outcome = Err(ServerError::NoIndex);
    for path in indexes {
        match Store::open_existing(path)?.remove_query(name) {
            Ok(()) => outcome = Ok(()),
            Err(error @ StoreError::UnknownQuery { .. }) if outcome.is_err() => {
                outcome = Err(error.into());
            }
            Err(StoreError::UnknownQuery { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    outcome
}

/// Runs work on indexes on a thread where it blocks no other request.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServerError> + Send + 'static,
) -> Result<T, ServerError> {
    spawn_blocking(work)
        .await
        .map_err(|_| ServerError::Panicked)?
}
