//! The thread that answers requests.

use std::{io, net::TcpListener, thread::JoinHandle};

use tokio::{runtime::Builder, sync::oneshot};
use tracing::{info, warn};

use crate::{app_state::AppState, routes::router};

/// A running server; dropping it stops it.
pub(crate) struct HttpServer {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Starts to answer requests.
    ///
    /// # Errors
    /// If the system gives no thread or no event loop.
    pub(crate) fn start(listener: TcpListener, state: AppState) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let served = runtime.block_on(serve(listener, state, stopped));
            if let Err(error) = served {
                warn!(%error, "no longer listening");
            }
        };
        let thread = std::thread::Builder::new()
            .name("serve".into())
            .spawn(serve)?;
        info!(%address, "listening");
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An error means that it panicked, which the panic hook has reported.
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    state: AppState,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = axum::serve(listener, router(state));
    // Connections that are open when the run ends do not delay it.
    tokio::select! {
        ended = server => ended,
        _ = stopped => Ok(()),
    }
}
