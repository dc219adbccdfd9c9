//! One connection through the proxy: the client's socket, the camera's socket, and the forwarding in both directions.
//!
//! Closing a connection shuts down both sockets at once, which ends both directions wherever they block. The file
//! descriptors are released when the last reference to the connection is dropped.

use std::{
    io::{self, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use crate::{faults::Faults, rtsp_message::RtspMessage};

/// A client that is connected to a camera.
pub struct ProxyConnection {
    client: TcpStream,
    camera: TcpStream,
    faults: Arc<Faults>,
    closed: AtomicBool,
}

impl ProxyConnection {
    /// Joins two sockets.
    ///
    /// # Errors
    /// One of the sockets is already broken.
    pub fn new(client: TcpStream, camera: TcpStream, faults: Arc<Faults>) -> io::Result<Self> {
        // Small packets must not wait for each other.
        client.set_nodelay(true)?;
        camera.set_nodelay(true)?;
        Ok(Self {
            client,
            camera,
            faults,
            closed: AtomicBool::new(false),
        })
    }

    /// Ends both directions.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.camera.shutdown(Shutdown::Both);
        self.faults.wake();
    }

    /// Forwards messages from the camera to the client, with all faults, until the connection ends.
    pub fn forward_to_client(&self) {
        let mut camera = BufReader::new(&self.camera);
        while self.wait_until_open() {
            let Ok(Some(message)) = RtspMessage::read(&mut camera) else {
                return;
            };
            // A stall may have started while the message was awaited.
            if !self.wait_until_open() {
                return;
            }
            let message = self.faults.apply(message);
            if message.is_some_and(|message| (&self.client).write_all(message.bytes()).is_err()) {
                return;
            }
        }
    }

    /// Forwards bytes from the client to the camera unchanged, until the connection ends.
    pub fn forward_to_camera(&self) {
        let mut bytes = [0; 4096];
        while self.wait_until_open() {
            let read = (&self.client).read(&mut bytes).unwrap_or(0);
            if read == 0 || !self.wait_until_open() {
                return;
            }
            if (&self.camera).write_all(&bytes[..read]).is_err() {
                return;
            }
        }
    }

    /// Waits for the end of a stall. Returns false if the connection is closed.
    fn wait_until_open(&self) -> bool {
        let closed = || self.closed.load(SeqCst);
        self.faults.wait_while_stalled(closed);
        !closed()
    }
}
