//! A proxy in front of a camera which does to RTSP over TCP what bad networks and bad cameras do.
//!
//! It listens on loopback, passes every connection on to the camera, and interferes only as told. The camera names its
//! streams by the address that the client asked for, so nothing in the texts has to be rewritten. Clients that choose UDP
//! get their pictures past the wire: give them a camera that sends over TCP only.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle, Scope},
};

use anyhow::{Context, Result};

use crate::{
    interleaved::Message,
    link::{self, Link},
};

/// A camera's clock that restarts goes back by this many ticks of 90 kHz: between 50 minutes and 6 hours.
const CLOCK_STEPS: std::ops::Range<u32> = 1 << 28..1 << 31;
/// Most bytes that are changed in a damaged packet.
const MOST_CHANGED: usize = 8;

/// A running proxy. Dropping it closes its connections and ends its threads.
pub struct Wire {
    faults: Arc<Faults>,
    thread: Option<JoinHandle<()>>,
    port: u16,
}

/// Passes on what comes, in one direction, until the link is closed.
type Way = fn(&Link, &Faults);

/// What a wire does at the moment, shared with the threads of its connections.
#[derive(Default)]
pub(crate) struct Faults {
    state: Mutex<State>,
    changed: Condvar,
    connections: AtomicU64,
}

#[derive(Default)]
struct State {
    links: Vec<Weak<Link>>,
    cut: bool,
    stalled: bool,
    ended: bool,
    /// Share of the video packets that is damaged.
    damage: f64,
    /// How far the camera's clock is set back; zero is not at all.
    clock: u32,
}

impl Wire {
    /// A wire to a camera, on a free port.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn to(camera: SocketAddr) -> Result<Self> {
        Self::on(0, camera)
    }

    /// A wire to a camera, on the port given; 0 chooses a free one.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn on(port: u16, camera: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("cannot listen on port {port}"))?;
        let port = listener.local_addr()?.port();
        let faults = Arc::<Faults>::default();
        let own = Arc::clone(&faults);
        let thread = thread::Builder::new()
            .name("wire".into())
            .spawn(move || own.listen(&listener, camera))
            .context("cannot start a thread")?;
        Ok(Self {
            faults,
            thread: Some(thread),
            port,
        })
    }

    /// The address of a stream of the camera, by this wire; the path has its leading slash.
    pub fn uri(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection, and new ones as soon as they are made.
    pub fn cut(&self) {
        self.faults.change(|state| {
            state.cut = true;
            state.close();
        });
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.faults.change(|state| state.cut = false);
    }

    /// Passes nothing on while true, in neither direction; connections stay. What the camera sends meanwhile waits in the
    /// sockets and comes in a burst afterwards, as from a real network.
    pub fn stall(&self, stalled: bool) {
        self.faults.change(|state| state.stalled = stalled);
    }

    /// Damages this share (0 to 1) of the video packets: half of them are lost, the others have bytes changed. Text is
    /// never touched.
    pub fn damage(&self, share: f64) {
        self.faults.change(|state| state.damage = share);
    }

    /// The camera's clock restarts: from now on RTP times are earlier by hours, chosen at random. Reports which tie that
    /// clock to the wall clock are left out from now on, as they would tell the old one.
    pub fn restart_clock(&self) {
        self.faults.change(|state| {
            state.clock = state.clock.wrapping_add(fastrand::u32(CLOCK_STEPS)).max(1)
        });
    }

    /// Connections let through so far.
    pub fn connections(&self) -> u64 {
        self.faults.connections.load(Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.faults.change(|state| {
            state.ended = true;
            state.close();
        });
        // The thread that listens wakes up from a connection only.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn close(&mut self) {
        let links = self.links.drain(..).filter_map(|link| link.upgrade());
        links.for_each(|link| link.close());
    }
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.lock());
        self.changed.notify_all();
    }

    /// Takes connections until the end, then waits for the threads of all of them.
    fn listen(&self, listener: &TcpListener, camera: SocketAddr) {
        thread::scope(|scope| {
            for client in listener.incoming() {
                if self.lock().ended {
                    return;
                }
                if let Some(link) = client.ok().and_then(|client| self.admit(client, camera)) {
                    self.start(scope, &link);
                }
            }
        });
    }

    fn start<'s>(&'s self, scope: &'s Scope<'s, '_>, link: &Arc<Link>) {
        let ways: [(_, Way); 2] = [("wire down", link::down), ("wire up", link::up)];
        for (name, way) in ways {
            let own = Arc::clone(link);
            let thread = thread::Builder::new().name(name.into());
            let started = thread.spawn_scoped(scope, move || {
                way(&own, self);
                // What ends one way ends both, wherever the other waits.
                self.change(|_| own.close());
            });
            if started.is_err() {
                link.close();
            }
        }
    }

    /// Connects a client to the camera, unless the wire is cut; a cut at this very moment finds it in the list.
    fn admit(&self, client: TcpStream, camera: SocketAddr) -> Option<Arc<Link>> {
        if self.lock().cut {
            return None;
        }
        let link = Arc::new(Link::new(client, TcpStream::connect(camera).ok()?)?);
        let mut state = self.lock();
        if state.cut || state.ended {
            return None;
        }
        state.links.retain(|link| link.strong_count() > 0);
        state.links.push(Arc::downgrade(&link));
        self.connections.fetch_add(1, Relaxed);
        Some(link)
    }

    /// Waits until something may pass; false if the link was closed meanwhile.
    pub fn gate(&self, link: &Link) -> bool {
        let mut state = self.lock();
        while state.stalled && !link.closed() {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        !link.closed()
    }

    /// Does to a message from the camera what is to be done; none if it is lost.
    pub fn interfere(&self, mut message: Message) -> Option<Message> {
        let (damage, clock) = {
            let state = self.lock();
            (state.damage, state.clock)
        };
        if clock != 0 && message.control() {
            return None;
        }
        if let Some(mut packet) = message.rtp() {
            packet.set_back(clock);
            if fastrand::f64() < damage {
                if fastrand::bool() {
                    return None;
                }
                change_bytes(packet.payload());
            }
        }
        Some(message)
    }
}

fn change_bytes(payload: &mut [u8]) {
    for _ in 0..fastrand::usize(1..=MOST_CHANGED) {
        if let Some(at) = fastrand::choice(0..payload.len()) {
            payload[at] ^= fastrand::u8(1..);
        }
    }
}
