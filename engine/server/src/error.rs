//! Errors of the HTTP server, and their responses.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use thiserror::Error;

use atom_index::StoreError;
use atom_models::{Cause, error_chain};
use atom_operators::counted::counted;

use crate::{
    bearer_token::MIN_CHARACTERS,
    connection_limits::{MAX_BODY_BYTES, REQUEST_TIMEOUT},
};

/// The hint of an error about a standing query that cannot be read.
const QUERY_EXAMPLE: &str =
    "expected for example {\"name\": \"van\", \"text\": \"a delivery van\"}";
/// The same for the settings of a query whose name is in the path.
const SETTINGS_EXAMPLE: &str = "expected for example {\"text\": \"a delivery van\"}";

/// An error of the HTTP server.
///
/// A request that fails is answered with `{"error": MESSAGE}`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Other machines can reach the address, and there is no token.
    #[error(
        "cannot listen on {address}: other machines can reach it, and no token protects it; \
         set one with --token-file FILE, or listen on 127.0.0.1"
    )]
    Unprotected {
        /// The address.
        address: SocketAddr,
    },
    /// Other machines can reach the address, and could guess its token.
    #[error(
        "cannot listen on {address}: the token has {}, expected at least {MIN_CHARACTERS} so that other machines \
         cannot guess it; create one with: openssl rand -hex 16",
        counted(*characters, "character")
    )]
    WeakToken {
        /// The address.
        address: SocketAddr,
        /// The number of its characters.
        characters: usize,
    },
    /// Another program has the address.
    #[error(
        "cannot listen on {address}: another program listens there; choose another port, or 0 for any free port"
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
    /// A request without the token.
    #[error("a bearer token is required: send the header \"Authorization: Bearer TOKEN\"")]
    Token,
    /// A path that does not exist.
    #[error("there is nothing at {0:?}; expected /metrics, /healthz or /api/v1/queries")]
    UnknownPath(String),
    /// A method that a path does not have.
    #[error("{0} is not allowed on {1:?}; the response header Allow lists the allowed methods")]
    Method(Method, String),
    /// A path that cannot be decoded.
    #[error("{}; expected UTF-8 with percent encoding, as in /api/v1/queries/white%20van", .0.body_text())]
    Path(PathRejection),
    /// A request that was not read and answered in time.
    #[error(
        "the request took longer than {} s; if it was sent completely, an index is busy: try again later",
        Duration::as_secs(&REQUEST_TIMEOUT)
    )]
    Timeout,
    /// The metrics cannot be written.
    #[error("cannot write the metrics")]
    Metrics(#[source] Cause),
    /// The body of a request is not a JSON object.
    #[error("{}; {}", .0.body_text(), body_hint(.0))]
    Body(JsonRejection),
    /// The name in the body differs from that in the path.
    #[error(
        "the path names the query {path:?} and the body {body}; expected the same name, or none in the body"
    )]
    TwoNames {
        /// The name in the path.
        path: String,
        /// The name in the body, as JSON.
        body: String,
    },
    /// The settings of a query, without its name, are wrong.
    #[error("{0}; {SETTINGS_EXAMPLE}")]
    NamedQuerySettings(serde_json::Error),
    /// A standing query without a name.
    #[error("expected a name; {QUERY_EXAMPLE}")]
    QueryName,
    /// A standing query with unknown or wrong settings.
    #[error("{0}; {QUERY_EXAMPLE}")]
    QuerySettings(serde_json::Error),
    /// The run has no index to which a standing query could be added.
    #[error("this run has no index: standing queries need a pipeline with an `index` node")]
    NoIndexToQuery,
    /// The run has no index from which a standing query could be removed.
    #[error("this run has no index: there are no standing queries")]
    NoIndex,
    /// The index refuses the request, or fails.
    #[error(transparent)]
    Index(#[from] StoreError),
    /// A thread that worked on the index panicked.
    #[error("the request failed because of an internal error, which was written to stderr")]
    Panicked,
}

impl ServerError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unprotected { .. } | Self::AddressInUse { .. } | Self::Bind { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::WeakToken { .. } | Self::Panicked | Self::Metrics(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::UnknownPath(_) => StatusCode::NOT_FOUND,
            Self::Method(..) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Path(rejection) => rejection.status(),
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Body(rejection) => rejection.status(),
            Self::QueryName
            | Self::QuerySettings(_)
            | Self::NamedQuerySettings(_)
            | Self::TwoNames { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoIndexToQuery => StatusCode::CONFLICT,
            Self::NoIndex => StatusCode::NOT_FOUND,
            Self::Index(error) => match error {
                StoreError::UnknownQuery { .. } => StatusCode::NOT_FOUND,
                StoreError::Query { .. } | StoreError::QueryName { .. } => StatusCode::BAD_REQUEST,
                StoreError::TooManyQueries { .. }
                | StoreError::QueryExists { .. }
                | StoreError::QueryNameInUse { .. } => StatusCode::CONFLICT,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }
}

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": error_chain(&self) }));
        let mut response = (self.status(), body).into_response();
        if let Self::Token = self {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Returns the hint for a body that was rejected: the expected form, size or header.
fn body_hint(rejection: &JsonRejection) -> String {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "with curl: -H 'Content-Type: application/json'".to_owned()
        }
        StatusCode::PAYLOAD_TOO_LARGE => format!("expected at most {MAX_BODY_BYTES} bytes"),
        _ => QUERY_EXAMPLE.to_owned(),
    }
}
