//! TLS before a camera: decrypts connections on loopback and forwards them to a server without TLS, with a certificate that the
//! camera signed itself, as most cameras have.
//!
//! The key is made anew each time and never stored.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{ServerConfig, ServerConnection, crypto::ring, pki_types::PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

/// The name in the certificate.
pub const SUBJECT: &str = "camera-7.example";

/// A running TLS server. Dropping it closes its connections and ends its threads.
pub struct TlsServer {
    forwarding: Arc<Forwarding>,
    address: SocketAddr,
    fingerprint: String,
    thread: Option<JoinHandle<()>>,
}

struct Forwarding {
    config: Arc<ServerConfig>,
    server: SocketAddr,
    stopped: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl TlsServer {
    /// Starts to listen on a free port, before this server.
    ///
    /// # Errors
    /// No port is free, or no certificate can be made.
    pub fn before(server: SocketAddr) -> Result<Self> {
        let (config, fingerprint) = self_signed()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        let address = listener.local_addr()?;
        let forwarding = Arc::new(Forwarding {
            config: Arc::new(config),
            server,
            stopped: AtomicBool::default(),
            open: Mutex::default(),
        });
        let serving = Arc::clone(&forwarding);
        let listen = move || {
            thread::scope(|scope| {
                for client in listener.incoming() {
                    if serving.stopped.load(Relaxed) {
                        return;
                    }
                    // A client that refuses the certificate is an error here and nowhere else.
                    scope.spawn(|| client.and_then(|client| serving.forward(client)));
                }
            });
        };
        let thread = thread::Builder::new().name("tls server".into());
        Ok(Self {
            forwarding,
            address,
            fingerprint,
            thread: Some(thread.spawn(listen).context("cannot start a thread")?),
        })
    }

    /// Returns the address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the SHA-256 fingerprint of its certificate: 64 digits in lower case.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.forwarding.stopped.store(true, Relaxed);
        for socket in self.forwarding.open.lock().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // The listening thread wakes up only for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Forwarding {
    /// Forwards both directions of a connection until one of them ends.
    fn forward(&self, mut client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        self.open
            .lock()
            .extend([client.try_clone()?, server.try_clone()?]);
        if self.stopped.load(Relaxed) {
            return Ok(());
        }
        let tls = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let tls = Mutex::new(tls);
        while tls.lock().is_handshaking() {
            tls.lock().complete_io(&mut client)?;
        }
        let close = || {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = encrypt(&tls, &server, &client);
                close();
            });
            let result = decrypt(&tls, &client, &server);
            close();
            result
        })
    }
}

/// Forwards what the client sends. The socket is read without the lock, because that may wait.
fn decrypt(
    tls: &Mutex<ServerConnection>,
    mut client: &TcpStream,
    mut server: &TcpStream,
) -> io::Result<()> {
    let mut bytes = [0; 16_384];
    loop {
        // The handshake may have brought the first request along.
        server.write_all(&plain_text(&mut tls.lock())?)?;
        let read = client.read(&mut bytes)?;
        let mut encrypted = &bytes[..read];
        if read == 0 {
            return Ok(());
        }
        let mut plain = Vec::new();
        while !encrypted.is_empty() {
            let mut tls = tls.lock();
            tls.read_tls(&mut encrypted)?;
            plain.extend(plain_text(&mut tls)?);
            while tls.wants_write() {
                tls.write_tls(&mut client)?;
            }
        }
        server.write_all(&plain)?;
    }
}

/// Returns what was received and decrypted.
fn plain_text(tls: &mut ServerConnection) -> io::Result<Vec<u8>> {
    let state = tls.process_new_packets().map_err(io::Error::other)?;
    let mut plain = vec![0; state.plaintext_bytes_to_read()];
    tls.reader().read_exact(&mut plain)?;
    Ok(plain)
}

/// Forwards what the server sends.
fn encrypt(
    tls: &Mutex<ServerConnection>,
    mut server: &TcpStream,
    mut client: &TcpStream,
) -> io::Result<()> {
    let mut bytes = [0; 16_384];
    loop {
        let read = server.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        let mut tls = tls.lock();
        tls.writer().write_all(&bytes[..read])?;
        while tls.wants_write() {
            tls.write_tls(&mut client)?;
        }
    }
}

/// Returns a server with a new certificate, and its fingerprint.
fn self_signed() -> Result<(ServerConfig, String)> {
    let key = KeyPair::generate()?;
    let mut certificate = CertificateParams::new(vec![SUBJECT.to_owned()])?;
    certificate
        .distinguished_name
        .push(DnType::CommonName, SUBJECT);
    let certificate = certificate.self_signed(&key)?.der().clone();
    let fingerprint = Sha256::digest(&certificate);
    let fingerprint = fingerprint
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())?;
    Ok((config, fingerprint))
}
