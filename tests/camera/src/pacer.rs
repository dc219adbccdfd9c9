//! Hands the pictures of a film to all clients, at the film's rate.
//!
//! One thread serves every client of a camera. A client is handed nothing before a key frame, and then every picture;
//! one that does not keep up misses pictures up to the next key frame, so no queue grows without bound.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app::AppSrc;

use crate::film::{Film, Picture};

/// Encoded bytes that may wait for one client.
const MOST_WAITING: u64 = 4 << 20;
/// When the thread is later than this, it goes on from now instead of catching up.
const LATE: Duration = Duration::from_millis(500);
/// How long the end of a camera waits for its clients to be gone.
const FAREWELL: Duration = Duration::from_secs(5);

/// The running thread; dropping it waits until all clients are gone, then ends it.
pub struct Pacer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    films: Vec<Film>,
    state: Mutex<State>,
    changed: Condvar,
    sent: AtomicU64,
}

#[derive(Default)]
struct State {
    clients: Vec<Client>,
    /// The film that plays, and the place in it.
    film: usize,
    at: usize,
    stalled: bool,
    ended: bool,
}

/// A client's end of the stream. The pipeline it feeds belongs to the server: when the server lets it go, it is gone.
struct Client {
    feed: glib::WeakRef<AppSrc>,
    begun: bool,
}

impl Pacer {
    /// Starts to play the first film.
    ///
    /// # Errors
    /// If there is no film.
    pub fn start(films: Vec<Film>) -> Result<Self> {
        ensure!(!films.is_empty(), "a camera needs a film");
        let shared = Arc::new(Shared {
            films,
            state: Mutex::default(),
            changed: Condvar::new(),
            sent: AtomicU64::new(0),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("camera pacer".into())
            .spawn(move || own.run())
            .context("cannot start a thread")?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// A function that adds a client; it may outlive the pacer.
    pub fn door(&self) -> impl Fn(&AppSrc) + Send + Sync + 'static {
        let shared = Arc::downgrade(&self.shared);
        move |feed| {
            if let Some(shared) = shared.upgrade() {
                shared.lock().clients.push(Client {
                    feed: feed.downgrade(),
                    begun: false,
                });
            }
        }
    }

    /// Goes to the beginning of the next film.
    pub fn next_film(&self) {
        let mut state = self.shared.lock();
        state.film = (state.film + 1) % self.shared.films.len();
        state.at = 0;
    }

    /// Stops or goes on; nothing is skipped.
    pub fn stall(&self, stalled: bool) {
        self.shared.lock().stalled = stalled;
        self.shared.changed.notify_all();
    }

    /// Pictures played since the start, whether or not anyone watched.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Relaxed)
    }

    /// Waits, for a while, until every client is gone. The film begins again at once: a client that is just being let in
    /// cannot be closed before its first picture.
    pub fn farewell(&self) {
        let mut state = self.shared.lock();
        state.at = 0;
        state.stalled = false;
        self.shared.changed.notify_all();
        let patience = Instant::now() + FAREWELL;
        while Instant::now() < patience {
            state
                .clients
                .retain(|client| client.feed.upgrade().is_some());
            if state.clients.is_empty() {
                return;
            }
            drop(state);
            thread::sleep(Duration::from_millis(10));
            state = self.shared.lock();
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut due = Instant::now();
        loop {
            let Some(mut state) = self.wait(due) else {
                return;
            };
            let film = &self.films[state.film];
            let picture = film.picture(state.at);
            state.clients.retain_mut(|client| client.hand(picture));
            state.at = (state.at + 1) % film.length();
            drop(state);
            self.sent.fetch_add(1, Relaxed);
            due += Duration::from_secs(1) / film.options().fps;
            if due.elapsed() > LATE {
                due = Instant::now();
            }
        }
    }

    /// Waits until a picture is due and may be sent; none at the end.
    fn wait(&self, due: Instant) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        loop {
            let early = due.saturating_duration_since(Instant::now());
            if state.ended {
                return None;
            }
            if early.is_zero() && !state.stalled {
                return Some(state);
            }
            let most = if state.stalled { Duration::MAX } else { early };
            let waited = self.changed.wait_timeout(state, most);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Client {
    /// Whether the client is still there.
    fn hand(&mut self, picture: &Picture) -> bool {
        let Some(feed) = self.feed.upgrade() else {
            return false;
        };
        if picture.key || self.begun {
            // Shares the bytes: a feed writes its own times on each. One that is full, or not open yet, begins anew with
            // a later key frame.
            let room = feed.current_level_bytes() < MOST_WAITING;
            self.begun = room && feed.push_buffer(picture.data.copy()).is_ok();
        }
        true
    }
}

/// The format of every feed; the size is told by the parameter sets in the stream, so it may change.
pub fn format() -> gst::Caps {
    gst::Caps::builder("video/x-h264")
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build()
}
