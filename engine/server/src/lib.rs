//! Serves a run over HTTP while it lasts: `/metrics` for Prometheus, `/healthz` for supervisors, and `/api/v1/queries`
//! for standing queries.
//!
//! The server has a thread of its own and ends with the run. It listens on the loopback address only, unless a token
//! protects it.
//!
//! In reading order: `listener` binds an address and starts the server for a run, `http_server` is the thread that
//! answers, `connections` accepts and serves connections within the `connection_limits`, as the `connection_table`
//! decides. `routes` has the paths and checks the `bearer_token`, `health` reports the state of the run, `standing_query_routes` is
//! the API of standing queries. `app_state` holds what handlers share, `error` maps errors to responses.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod app_state;
mod bearer_token;
mod connection_limits;
mod connection_table;
mod connections;
mod error;
mod health;
mod http_server;
mod listener;
mod routes;
mod standing_query_routes;

pub use bearer_token::BearerToken;
pub use connection_limits::ConnectionLimits;
pub use error::ServerError;
pub use listener::{Listener, parse_address};
