//! Errors of the HTTP server, and their responses.

use std::{io, net::SocketAddr};

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use thiserror::Error;

use atom_index::StoreError;
use atom_models::error_chain;

/// The hint of an error about a standing query that cannot be read.
const QUERY_EXAMPLE: &str =
    "expected for example {\"name\": \"van\", \"text\": \"a delivery van\"}";

/// An error of the HTTP server.
///
/// A request that fails is answered with `{"error": MESSAGE}`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Other machines could reach the address, and there is no token.
    #[error(
        "cannot listen on {address}: other machines could ask, and no token protects it; \
         give one with --token-file FILE, or listen on 127.0.0.1"
    )]
    Unprotected {
        /// The address.
        address: SocketAddr,
    },
    /// Another program has the address.
    #[error(
        "cannot listen on {address}: another program listens there; choose another port, or 0 for any"
    )]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The system refuses the address.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The body of a request is not a JSON object.
    #[error("{}; {QUERY_EXAMPLE}", .0.body_text())]
    Body(JsonRejection),
    /// A standing query without a name.
    #[error("expected a name; {QUERY_EXAMPLE}")]
    QueryName,
    /// A standing query with unknown or wrong settings.
    #[error("{0}; {QUERY_EXAMPLE}")]
    QuerySettings(serde_json::Error),
    /// The run has no index to which a standing query could be added.
    #[error("the run keeps no index: a query needs a pipeline with an `index` node")]
    NoIndexToQuery,
    /// The run has no index from which a standing query could be removed.
    #[error("the run keeps no index")]
    NoIndex,
    /// The index refuses what was asked, or fails.
    #[error(transparent)]
    Index(#[from] StoreError),
    /// A thread that worked on the index panicked.
    #[error("it panicked")]
    Panicked,
}

impl ServerError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unprotected { .. } | Self::AddressInUse { .. } | Self::Bind { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Body(rejection) => rejection.status(),
            Self::QueryName | Self::QuerySettings(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoIndexToQuery => StatusCode::CONFLICT,
            Self::NoIndex => StatusCode::NOT_FOUND,
            Self::Index(error) => match error {
                StoreError::UnknownQuery { .. } => StatusCode::NOT_FOUND,
                StoreError::Query { .. } | StoreError::QueryName { .. } => StatusCode::BAD_REQUEST,
                StoreError::TooManyQueries { .. } | StoreError::QueryNameInUse { .. } => {
                    StatusCode::CONFLICT
                }
                _ => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }
}

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({ "error": error_chain(&self) }))).into_response()
    }
}
