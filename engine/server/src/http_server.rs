//! The thread that answers requests.

use std::{io, net::TcpListener, thread::JoinHandle, time::Duration};

use tokio::{runtime::Builder, sync::oneshot};
use tracing::{info, warn};

use crate::connections::Connections;

/// Most requests that work on indexes at the same time; others wait for their turn.
const INDEX_THREADS: usize = 4;
/// Longest time for which work on an index holds up the end of the run.
const END_TIMEOUT: Duration = Duration::from_secs(2);

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
    pub(crate) fn start(listener: TcpListener, connections: Connections) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(INDEX_THREADS)
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let served = runtime.block_on(serve(listener, connections, stopped));
            if let Err(error) = served {
                warn!(%error, "stopped listening");
            }
            runtime.shutdown_timeout(END_TIMEOUT);
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
    connections: Connections,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // Connections that are open when the run ends do not delay it.
    tokio::select! {
        never = connections.accept(&listener) => match never {},
        _ = stopped => Ok(()),
    }
}
