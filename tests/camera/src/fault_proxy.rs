//! A proxy in front of a camera that causes the faults of bad networks and bad cameras in RTSP over TCP.
//!
//! It listens on loopback, forwards every connection to the camera, and causes faults only on request. The camera
//! derives the addresses of its streams from the URI that the client requested, so the proxy does not rewrite RTSP
//! messages. The frames of clients that choose UDP bypass the proxy: use a camera that sends over TCP only.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle, Scope},
};

use anyhow::{Context, Result};
use parking_lot::Mutex;

use crate::{faults::Faults, proxy_connection::ProxyConnection};

/// A running proxy. Dropping it closes its connections and ends its threads.
pub struct FaultProxy {
    shared: Arc<ProxyServer>,
    thread: Option<JoinHandle<()>>,
    port: u16,
}

/// The listening side of the proxy, which runs on its own thread.
#[derive(Default)]
struct ProxyServer {
    faults: Arc<Faults>,
    connections: Mutex<Connections>,
    accepted: AtomicU64,
}

#[derive(Default)]
struct Connections {
    open: Vec<Weak<ProxyConnection>>,
    cut: bool,
    stopped: bool,
}

impl FaultProxy {
    /// Starts a proxy to a camera, on a free port.
    ///
    /// # Errors
    /// No port is available.
    pub fn to(camera: SocketAddr) -> Result<Self> {
        Self::on_port(0, camera)
    }

    /// Starts a proxy to a camera, on the given port; 0 chooses a free one.
    ///
    /// # Errors
    /// The port is in use.
    pub fn on_port(port: u16, camera: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("cannot listen on port {port}"))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::<ProxyServer>::default();
        let listening = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("proxy".into())
            .spawn(move || listening.listen(&listener, camera))
            .context("cannot start a thread")?;
        Ok(Self {
            shared,
            thread: Some(thread),
            port,
        })
    }

    /// Returns the URI of a stream of the camera through this proxy; the path has its leading slash.
    pub fn uri(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the port on which the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection, and closes new ones as soon as they are made.
    pub fn cut(&self) {
        let mut connections = self.shared.connections.lock();
        connections.cut = true;
        connections.close_all();
    }

    /// Accepts connections again.
    pub fn restore(&self) {
        self.shared.connections.lock().cut = false;
    }

    /// While true, forwards nothing in either direction; connections stay open. The data of the camera waits in the
    /// sockets and arrives in a burst afterwards, as on a real network.
    pub fn stall(&self, stalled: bool) {
        self.shared.faults.stall(stalled);
    }

    /// Damages this share (0 to 1) of the video packets: half of them are lost, and bytes are changed in the others.
    /// RTSP messages are never damaged.
    pub fn damage(&self, share: f64) {
        self.shared.faults.damage(share);
    }

    /// Loses this many of the next video packets.
    pub fn lose_packets(&self, count: u32) {
        self.shared.faults.lose_packets(count);
    }

    /// Restarts the camera's clock: from now on RTP timestamps are hours earlier, by a random amount. RTCP reports, which
    /// would relate the old clock to the wall clock, are dropped from now on.
    pub fn restart_clock(&self) {
        self.shared.faults.restart_clock();
    }

    /// Returns the number of connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.accepted.load(Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        {
            let mut connections = self.shared.connections.lock();
            connections.stopped = true;
            connections.close_all();
        }
        // The listening thread wakes up only for a connection.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Connections {
    fn close_all(&mut self) {
        for connection in self.open.drain(..) {
            if let Some(connection) = connection.upgrade() {
                connection.close();
            }
        }
    }
}

impl ProxyServer {
    /// Accepts connections until the proxy stops, then waits for the threads of all connections.
    fn listen(&self, listener: &TcpListener, camera: SocketAddr) {
        thread::scope(|scope| {
            for client in listener.incoming() {
                if self.connections.lock().stopped {
                    return;
                }
                let connection = client.ok().and_then(|client| self.accept(client, camera));
                if let Some(connection) = connection {
                    forward(scope, &connection);
                }
            }
        });
    }

    /// Connects a client to the camera, unless connections are cut.
    fn accept(&self, client: TcpStream, camera: SocketAddr) -> Option<Arc<ProxyConnection>> {
        if self.connections.lock().cut {
            return None;
        }
        let camera = TcpStream::connect(camera).ok()?;
        let connection = ProxyConnection::new(client, camera, Arc::clone(&self.faults)).ok()?;
        let connection = Arc::new(connection);
        // A cut at this moment either happens first and is seen here, or finds the connection in the list.
        let mut connections = self.connections.lock();
        if connections.cut || connections.stopped {
            return None;
        }
        connections.open.retain(|open| open.strong_count() > 0);
        connections.open.push(Arc::downgrade(&connection));
        self.accepted.fetch_add(1, Relaxed);
        Some(connection)
    }
}

/// Forwards one direction of a connection until it ends.
type Forward = fn(&ProxyConnection);

/// Starts a thread for each direction of a connection.
fn forward<'s>(scope: &'s Scope<'s, '_>, connection: &Arc<ProxyConnection>) {
    let directions: [(&str, Forward); 2] = [
        ("proxy down", ProxyConnection::forward_to_client),
        ("proxy up", ProxyConnection::forward_to_camera),
    ];
    for (name, forward) in directions {
        let own = Arc::clone(connection);
        let thread = thread::Builder::new().name(name.into());
        let started = thread.spawn_scoped(scope, move || {
            forward(&own);
            // The end of one direction ends the other, wherever it blocks.
            own.close();
        });
        if started.is_err() {
            connection.close();
        }
    }
}
