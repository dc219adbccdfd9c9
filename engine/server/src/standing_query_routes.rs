//! Standing queries over HTTP: listed with their matches, added and removed during a run.
//!
//! A request opens the indexes of the run and changes the queries in them; the task that maintains the matches notices
//! within a moment. POST adds a query of a new name; PUT adds or replaces the query of its path.

use axum::{
    Json, Router,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::StatusCode,
    routing::{get, put},
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
        .route("/api/v1/queries/{name}", put(replace).delete(remove))
}

/// A query of one of the indexes, with its matches.
#[derive(Serialize)]
struct QueryWithMatches {
    store: String,
    #[serde(flatten)]
    query: StandingQuery,
    matches: Vec<Match>,
}

/// The body of a request, or the reason why it is no JSON object.
type Body = Result<Json<Map<String, Value>>, JsonRejection>;
/// The name in the path of a request, or the reason why it cannot be read.
type NameInPath = Result<Path<String>, PathRejection>;

/// A query as a request sends it: its name, and its settings.
struct NewQuery {
    name: String,
    spec: QuerySpec,
}

impl NewQuery {
    /// Parses an object with the name beside the settings.
    fn parse(mut object: Map<String, Value>) -> Result<Self, ServerError> {
        let Some(Value::String(name)) = object.remove("name") else {
            return Err(ServerError::QueryName);
        };
        let spec = serde_json::from_value(Value::Object(object));
        let spec = spec.map_err(ServerError::QuerySettings)?;
        Ok(Self { name, spec })
    }

    /// Parses an object of settings; the name, if it is there too, must be that of the path.
    fn parse_named(name: String, mut object: Map<String, Value>) -> Result<Self, ServerError> {
        if let Some(other) = object.remove("name").filter(|other| *other != name) {
            return Err(ServerError::TwoNames {
                path: name,
                body: other.to_string(),
            });
        }
        let spec = serde_json::from_value(Value::Object(object));
        let spec = spec.map_err(ServerError::NamedQuerySettings)?;
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

async fn add(State(state): State<AppState>, body: Body) -> Result<StatusCode, ServerError> {
    let Json(body) = body.map_err(ServerError::Body)?;
    let query = NewQuery::parse(body)?;
    change_all(state, move |store| {
        store.add_new_query(&query.name, &query.spec)?;
        Ok(Undo::Remove(query.name.clone()))
    })
    .await?;
    Ok(StatusCode::CREATED)
}

async fn replace(
    State(state): State<AppState>,
    name: NameInPath,
    body: Body,
) -> Result<StatusCode, ServerError> {
    let Path(name) = name.map_err(ServerError::Path)?;
    let Json(body) = body.map_err(ServerError::Body)?;
    let query = NewQuery::parse_named(name, body)?;
    let undone = change_all(state, move |store| {
        let mut queries = store.queries()?.into_iter();
        let before = queries.find(|before| before.name == query.name);
        store.add_query(&query.name, &query.spec)?;
        Ok(match before {
            Some(before) => Undo::Restore(before),
            None => Undo::Remove(query.name.clone()),
        })
    })
    .await?;
    let existed = undone.iter().all(|undo| matches!(undo, Undo::Restore(_)));
    Ok(match existed {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    })
}

/// The undo step of a change to an index.
enum Undo {
    /// The query of this name was added.
    Remove(String),
    /// This query was replaced.
    Restore(StandingQuery),
}

impl Undo {
    fn apply(&self, store: &mut Store) -> Result<(), StoreError> {
        match self {
            Self::Remove(name) => store.remove_query(name),
            Self::Restore(query) => store.add_query(&query.name, &query.spec).map(drop),
        }
    }
}

/// Changes all indexes, or none if one refuses the change. Returns the steps that undo it.
async fn change_all(
    state: AppState,
    change: impl Fn(&mut Store) -> Result<Undo, StoreError> + Send + 'static,
) -> Result<Vec<Undo>, ServerError> {
    if state.indexes.is_empty() {
        return Err(ServerError::NoIndexToQuery);
    }
    blocking(move || {
        let mut changed: Vec<(Store, Undo)> = Vec::new();
        for path in state.indexes.iter() {
            let outcome = Store::open_existing(path).and_then(|mut store| {
                let undo = change(&mut store)?;
                changed.push((store, undo));
                Ok(())
            });
            if let Err(error) = outcome {
                for (store, undo) in &mut changed {
                    undo.apply(store)?;
                }
                return Err(error.into());
            }
        }
        Ok(changed.into_iter().map(|(_, undo)| undo).collect())
    })
    .await
}

async fn remove(
    State(state): State<AppState>,
    name: NameInPath,
) -> Result<StatusCode, ServerError> {
    let Path(name) = name.map_err(ServerError::Path)?;
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
