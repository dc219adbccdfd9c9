//! Accepts connections and serves each on a task of its own, within the limits.
//!
//! Invariant: a connection whose client sends nothing, takes nothing, or never ends a request is closed after a bounded time.

use std::{collections::BTreeMap, convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request, response::Response};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, yield_now},
    time::sleep,
};
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, warn};

use crate::{
    connection_limits::{
        ConnectionLimits, HEADER_TIMEOUT, MAX_HEADER_BYTES, MAX_HEADER_LINES, WRITE_TIMEOUT,
    },
    connection_table::{Admission, ConnectionId, ConnectionTable},
};

/// Pause after an error of the listening socket, such as no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Pause after a connection had to make room. While the next ones wait to be accepted, their requests arrive: a real one is
/// complete by then, and is answered before it could have to make room itself.
const CROWDED_PAUSE: Duration = Duration::from_millis(1);

/// The response on a connection for which there is no room; closing the connection ends it.
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n\
     Connection: close\r\n\r\n{\"error\":\"too many requests are in progress; try again later\"}";

/// The connections of a server. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections {
    router: TowerToHyperService<Router>,
    state: Arc<Mutex<ConnectionState>>,
}

struct ConnectionState {
    table: ConnectionTable,
    tasks: BTreeMap<ConnectionId, AbortHandle>,
}

/// The room that there was for a connection.
enum Room {
    /// There was room for it.
    Enough,
    /// Another connection, or this one, had to be closed.
    Made,
}

/// Removes a connection when its task ends, however it ends.
struct OpenGuard {
    id: ConnectionId,
    state: Arc<Mutex<ConnectionState>>,
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        state.table.remove(self.id);
        state.tasks.remove(&self.id);
    }
}

impl Connections {
    /// Returns connections without any open, which will be answered by `router`.
    pub(crate) fn new(router: Router, limits: ConnectionLimits) -> Self {
        Self {
            router: TowerToHyperService::new(router),
            state: Arc::new(Mutex::new(ConnectionState {
                table: ConnectionTable::new(limits),
                tasks: BTreeMap::new(),
            })),
        }
    }

    /// Accepts connections until the task is dropped.
    pub(crate) async fn accept(&self, listener: &TcpListener) -> Infallible {
        let mut failing = false;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    failing = false;
                    match self.open(stream, peer.ip()) {
                        Room::Enough => yield_now().await,
                        Room::Made => sleep(CROWDED_PAUSE).await,
                    }
                }
                // The client was quicker to go.
                Err(error) if is_of_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        warn!(%error, "cannot accept connections; retrying");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn open(&self, stream: TcpStream, address: IpAddr) -> Room {
        let mut state = self.state.lock();
        let Admission::Accepted(id, victim) = state.table.admit(address) else {
            debug!(%address, "refused a connection: too many requests are in progress");
            // A client that cannot take it gets nothing.
            let _ = stream.try_write(BUSY.as_bytes());
            return Room::Made;
        };
        let room = match victim {
            Some(_) => Room::Made,
            None => Room::Enough,
        };
        if let Some(task) = victim.and_then(|victim| state.tasks.remove(&victim)) {
            debug!(%address, "closed the connection that waited longest to make room");
            // It is dropped by the event loop, not here, where it could not be removed.
            task.abort();
        }
        // The task starts after this function, for the event loop has one thread; so its handle is there when it ends.
        let task = tokio::spawn(self.clone().serve(id, stream));
        state.tasks.insert(id, task.abort_handle());
        room
    }

    /// Answers the requests of a connection until it is closed.
    async fn serve(self, id: ConnectionId, stream: TcpStream) {
        let _open = OpenGuard {
            id,
            state: Arc::clone(&self.state),
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let service = service_fn(|request: Request<Incoming>| self.answer(id, request));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            // Also the longest time between two requests.
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(MAX_HEADER_LINES)
            .max_header_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
            .await;
        if let Err(error) = served {
            debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        id: ConnectionId,
        request: Request<Incoming>,
    ) -> Result<Response, Infallible> {
        self.state.lock().table.request_started(id);
        let response = self.router.call(request).await;
        self.state.lock().table.request_finished(id);
        response
    }
}

/// Returns true if an error is that of one connection, not of the listening socket.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionAborted | ConnectionReset
    )
}
