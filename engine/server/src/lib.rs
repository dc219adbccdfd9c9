//! What a run tells over HTTP while it goes on: `/metrics` for Prometheus, `/healthz` for whoever looks after it, and
//! `/api/v1/queries` for standing queries.
//!
//! It has a thread of its own, and ends with the run. It listens on this machine only, unless a token protects it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::{
    collections::BTreeMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

mod error;
mod queries;

pub use error::ServerError;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tokio::sync::oneshot;
use tracing::{info, warn};

use atom_media::live::connection_status::ConnectionStatus;
use atom_runtime::{
    metrics::Metrics,
    run::{Observed, Serve},
    vitals::Vitals,
};

/// A worker that was not seen for so long hangs: it looks around several times a second.
const DEAD: Duration = Duration::from_secs(30);

/// An address that is listened on, and who may ask.
pub struct Listener {
    listener: TcpListener,
    token: Option<Token>,
}

/// What a request must bring along.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Token {
    /// A token; none if the text is empty.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Whether a request may pass. The time this takes does not tell how much of a wrong one is right.
    fn admits(&self, request: &Request) -> bool {
        let given = request.headers().get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let right = self.0.as_bytes();
        given.is_some_and(|given| {
            let different = given.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b));
            given.len() == right.len() && different == 0
        })
    }
}

/// Reads an address to listen on: `ADDRESS:PORT`, or a port of this machine.
///
/// # Errors
/// What was expected.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let port = text
        .strip_prefix(':')
        .unwrap_or(text)
        .parse()
        .ok()
        .map(here);
    let named = text.strip_prefix("localhost:");
    let named = named.and_then(|port| port.parse().ok()).map(here);
    port.or(named)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "expected ADDRESS:PORT or a port, for example 127.0.0.1:9600".to_owned())
}

impl Listener {
    /// Takes the address, so that nobody else can have it.
    ///
    /// # Errors
    /// If it is in use or not of this machine, or if others could ask without a token.
    pub fn bind(address: SocketAddr, token: Option<Token>) -> Result<Self, ServerError> {
        let refused = |reason: String| ServerError::Listen {
            address: address.to_string(),
            reason,
        };
        if !is_here(address.ip()) && token.is_none() {
            let reason = "other machines could ask, and no token protects it; give one with --token-file FILE, or listen on 127.0.0.1";
            return Err(refused(reason.to_owned()));
        }
        let listener = TcpListener::bind(address).map_err(|error| {
            refused(match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "another program listens there; choose another port, or 0 for any".to_owned()
                }
                _ => error.to_string(),
            })
        })?;
        Ok(Self { listener, token })
    }
}

impl Listener {
    /// Returns what a run starts to be shown here, until it ends.
    pub fn serve(self) -> Serve {
        Box::new(|observed| {
            let server = Server::start(self, observed)?;
            Ok(Box::new(server))
        })
    }
}

fn is_here(address: IpAddr) -> bool {
    address.is_loopback()
}

/// Answers requests until it is dropped.
struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What answers are made of.
#[derive(Clone)]
struct Told {
    vitals: Vitals,
    metrics: Arc<Metrics>,
    token: Option<Token>,
    /// The files of the stores of the run.
    stores: Arc<[PathBuf]>,
}

impl Server {
    /// Starts to answer requests.
    ///
    /// # Errors
    /// If the system gives no thread or no event loop.
    fn start(listener: Listener, observed: Observed) -> io::Result<Self> {
        let Listener { listener, token } = listener;
        let Observed {
            vitals,
            metrics,
            stores,
        } = observed;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let told = Told {
            vitals,
            metrics,
            token,
            stores,
        };
        let work = move || {
            let answered = runtime.block_on(answer(listener, told, stopped));
            if let Err(error) = answered {
                warn!(%error, "no longer listening");
            }
        };
        let thread = std::thread::Builder::new()
            .name("serve".into())
            .spawn(work)?;
        info!(%address, "listening");
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked at worst, which was told.
            let _ = thread.join();
        }
    }
}

async fn answer(
    listener: TcpListener,
    told: Told,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .merge(queries::routes(Arc::clone(&told.stores)))
        .layer(middleware::from_fn_with_state(told.clone(), guard))
        .with_state(told);
    let serving = axum::serve(listener, router);
    // Who still listens when the run ends does not hold it up.
    tokio::select! {
        ended = serving => ended,
        _ = stopped => Ok(()),
    }
}

/// Lets only those in who bring the token, if there is one.
async fn guard(State(told): State<Told>, request: Request, next: Next) -> Response {
    if told
        .token
        .as_ref()
        .is_none_or(|token| token.admits(&request))
    {
        return next.run(request).await;
    }
    let asked = [(header::WWW_AUTHENTICATE, "Bearer")];
    (
        StatusCode::UNAUTHORIZED,
        asked,
        "a bearer token is needed\n",
    )
        .into_response()
}

async fn metrics(State(told): State<Told>) -> Response {
    match told.metrics.text(&told.vitals) {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, prometheus_text())];
            (kind, text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn prometheus_text() -> &'static str {
    "text/plain; version=0.0.4; charset=utf-8"
}

/// Whether the run goes on, and how its live sources stand.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    sources: BTreeMap<String, ConnectionStatus>,
}

async fn health(State(told): State<Told>) -> Response {
    let sources = told.vitals.sources();
    let live = sources.iter().filter(|source| source.live);
    let sources = live.map(|source| (source.name.clone(), source.connection.status()));
    let (code, status) = match told.vitals.since_beat() < DEAD {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the graph's worker hangs"),
    };
    let health = Health {
        status,
        sources: sources.collect(),
    };
    (code, Json(health)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_means_this_machine() {
        for text in ["9600", ":9600", "127.0.0.1:9600", "localhost:9600"] {
            assert_eq!(
                parse_address(text).unwrap(),
                ([127, 0, 0, 1], 9600).into(),
                "{text}"
            );
        }
        assert!(parse_address("[::1]:9600").unwrap().ip().is_loopback());
        assert!(
            parse_address("nowhere")
                .unwrap_err()
                .contains("127.0.0.1:9600")
        );
    }

    #[test]
    fn others_may_ask_only_with_a_token_and_a_port_has_one_owner() {
        let said = |address: &str| {
            let refused = Listener::bind(address.parse().unwrap(), None).err();
            refused.unwrap().to_string()
        };
        assert!(said("0.0.0.0:0").contains("--token-file"));
        let first = Listener::bind("127.0.0.1:0".parse().unwrap(), None).unwrap();
        let taken = first.listener.local_addr().unwrap().to_string();
        assert!(said(&taken).contains("another program listens there"));
    }

    #[test]
    fn an_empty_token_is_none() {
        assert!(Token::new(" \n").is_none());
        let token = Token::new("abc\n").unwrap();
        let request = |text: &str| {
            let request = Request::builder().header(header::AUTHORIZATION, text);
            request.body(axum::body::Body::empty()).unwrap()
        };
        assert!(token.admits(&request("Bearer abc")));
        for wrong in ["Bearer ab", "Bearer abcd", "abc", "Basic abc"] {
            assert!(!token.admits(&request(wrong)), "{wrong}");
        }
    }
}
