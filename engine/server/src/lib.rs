//! Serves a run over HTTP while it goes on: `/metrics` for Prometheus, `/healthz` for supervisors, and `/api/v1/queries`
//! for standing queries.
//!
//! The server has a thread of its own and ends with the run. It listens on the loopback address only, unless a token
//! protects it.
//!
//! In reading order: `listener` binds an address and starts the server for a run, `http_server` is the thread that
//! answers, `routes` has the pages and checks the `bearer_token`, `standing_query_routes` is the API of standing queries.
//! `app_state` holds what handlers share, `error` maps errors to responses.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app_state;
mod bearer_token;
mod error;
mod http_server;
mod listener;
mod routes;
mod standing_query_routes;

pub use bearer_token::BearerToken;
pub use error::ServerError;
pub use listener::{Listener, parse_address};
