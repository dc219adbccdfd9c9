//! One connection through a wire: a client's socket, a camera's socket, and the two ways between them.
//!
//! A link closes both sockets at once, which ends both ways wherever they wait; the descriptors go with the last of them.

use std::{
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use crate::{interleaved::Message, wire::Faults};

/// A client connected to a camera.
pub struct Link {
    client: TcpStream,
    camera: TcpStream,
    closed: AtomicBool,
}

impl Link {
    /// Joins two sockets; none if one of them is broken already.
    pub fn new(client: TcpStream, camera: TcpStream) -> Option<Self> {
        // Small packets must not wait for each other.
        client.set_nodelay(true).ok()?;
        camera.set_nodelay(true).ok()?;
        Some(Self {
            client,
            camera,
            closed: AtomicBool::new(false),
        })
    }

    /// Ends both ways.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.camera.shutdown(Shutdown::Both);
    }

    /// Whether it was closed.
    pub fn closed(&self) -> bool {
        self.closed.load(SeqCst)
    }
}

/// From the camera to the client, message by message, with all faults.
pub fn down(link: &Link, faults: &Faults) {
    let mut camera = BufReader::new(&link.camera);
    while faults.gate(link) {
        let Ok(Some(message)) = Message::read(&mut camera) else {
            return;
        };
        // The wire may have been stalled while this was waited for.
        if !faults.gate(link) {
            return;
        }
        let passed = faults.interfere(message);
        if passed.is_some_and(|message| (&link.client).write_all(message.bytes()).is_err()) {
            return;
        }
    }
}

/// From the client to the camera, as it comes.
pub fn up(link: &Link, faults: &Faults) {
    let mut bytes = [0; 4096];
    while faults.gate(link) {
        let read = (&link.client).read(&mut bytes).unwrap_or(0);
        if read == 0 || !faults.gate(link) {
            return;
        }
        if (&link.camera).write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}
