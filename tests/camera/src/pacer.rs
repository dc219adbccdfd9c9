//! Sends the frames of a video to all clients at the video's frame rate.
//!
//! One thread serves every client of a camera. A client first receives a key frame, unless it joins at any frame, and then every
//! frame. A slow client misses frames until the next key frame, so its queue stays bounded.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app::AppSrc;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::encoded_video::{AccessUnit, EncodedVideo};

/// The largest number of encoded bytes that wait for one client.
const MAX_QUEUED_BYTES: u64 = 4 << 20;
/// A thread that is later than this continues from now instead of catching up.
const MAX_DELAY: Duration = Duration::from_millis(500);
/// The time that the end of a camera waits for its clients to disconnect.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The running thread. Dropping the pacer ends it.
pub struct Pacer {
    player: Arc<Player>,
    thread: Option<JoinHandle<()>>,
}

struct Player {
    videos: Vec<EncodedVideo>,
    playback: Mutex<Playback>,
    changed: Condvar,
    frames_sent: AtomicU64,
    joins_at_any_frame: bool,
}

#[derive(Default)]
struct Playback {
    clients: Vec<Client>,
    /// The index of the current video, and of the next frame in it.
    video: usize,
    frame: usize,
    stalled: bool,
    stopped: bool,
}

/// The pipeline input of one client. The RTSP server owns the pipeline; when it drops the pipeline, the client is gone.
struct Client {
    appsrc: glib::WeakRef<AppSrc>,
    /// True after a key frame was sent, or the client joined at any frame, until a frame is missed.
    in_sync: bool,
    /// True for a client that joins at any frame, until it has received one.
    joining: bool,
}

impl Pacer {
    /// Starts to play the first video. Clients receive any frame first, or a key frame.
    ///
    /// # Errors
    /// There is no video.
    pub fn start(videos: Vec<EncodedVideo>, joins_at_any_frame: bool) -> Result<Self> {
        ensure!(!videos.is_empty(), "a camera needs a video");
        let player = Arc::new(Player {
            videos,
            playback: Mutex::default(),
            changed: Condvar::new(),
            frames_sent: AtomicU64::new(0),
            joins_at_any_frame,
        });
        let own = Arc::clone(&player);
        let thread = thread::Builder::new()
            .name("camera pacer".into())
            .spawn(move || own.run())
            .context("cannot start a thread")?;
        Ok(Self {
            player,
            thread: Some(thread),
        })
    }

    /// Returns a function that adds a client; it may outlive the pacer.
    pub fn client_adder(&self) -> impl Fn(&AppSrc) + Send + Sync + 'static {
        let player = Arc::downgrade(&self.player);
        move |appsrc| {
            if let Some(player) = player.upgrade() {
                player.playback.lock().clients.push(Client {
                    appsrc: appsrc.downgrade(),
                    in_sync: player.joins_at_any_frame,
                    joining: player.joins_at_any_frame,
                });
            }
        }
    }

    /// Switches to the beginning of the next video.
    pub fn next_video(&self) {
        let mut playback = self.player.playback.lock();
        playback.video = (playback.video + 1) % self.player.videos.len();
        playback.frame = 0;
    }

    /// Pauses or continues; no frame is skipped.
    pub fn stall(&self, stalled: bool) {
        self.player.playback.lock().stalled = stalled;
        self.player.changed.notify_all();
    }

    /// Returns the number of frames played since the start, with or without clients.
    pub fn frames_sent(&self) -> u64 {
        self.player.frames_sent.load(Relaxed)
    }

    /// Waits, for a limited time, until every client has disconnected. Restarts the video, because a client that is just
    /// connecting cannot be closed before it has received its first frame.
    pub fn wait_for_clients(&self) {
        let mut playback = self.player.playback.lock();
        playback.frame = 0;
        playback.stalled = false;
        self.player.changed.notify_all();
        let deadline = Instant::now() + DISCONNECT_TIMEOUT;
        while Instant::now() < deadline {
            playback
                .clients
                .retain(|client| client.appsrc.upgrade().is_some());
            if playback.clients.is_empty() {
                return;
            }
            MutexGuard::unlocked(&mut playback, || thread::sleep(Duration::from_millis(10)));
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.player.playback.lock().stopped = true;
        self.player.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Player {
    fn run(&self) {
        let mut due = Instant::now();
        while let Some(mut playback) = self.wait_until(due) {
            let video = &self.videos[playback.video];
            let frame = video.frame(playback.frame);
            playback.clients.retain_mut(|client| client.send(frame));
            playback.frame = (playback.frame + 1) % video.frame_count();
            drop(playback);
            self.frames_sent.fetch_add(1, Relaxed);
            due += Duration::from_secs(1) / video.format().fps;
            if due.elapsed() > MAX_DELAY {
                due = Instant::now();
            }
        }
    }

    /// Waits until a frame is due and playback is not stalled; returns none when the pacer stops.
    fn wait_until(&self, due: Instant) -> Option<MutexGuard<'_, Playback>> {
        let mut playback = self.playback.lock();
        loop {
            let remaining = due.saturating_duration_since(Instant::now());
            if playback.stopped {
                return None;
            }
            if playback.stalled {
                self.changed.wait(&mut playback);
            } else if remaining.is_zero() {
                return Some(playback);
            } else {
                self.changed.wait_for(&mut playback, remaining);
            }
        }
    }
}

impl Client {
    /// Sends a frame. Returns false if the client has disconnected.
    fn send(&mut self, frame: &AccessUnit) -> bool {
        let Some(appsrc) = self.appsrc.upgrade() else {
            return false;
        };
        if frame.key || self.in_sync {
            // The copy shares the bytes, because each appsrc sets its own timestamps on a buffer. A client whose queue is
            // full or not open yet continues with a later key frame, or with any frame if it has not joined yet.
            let has_room = appsrc.current_level_bytes() < MAX_QUEUED_BYTES;
            let sent = has_room && appsrc.push_buffer(frame.data.copy()).is_ok();
            self.joining &= !sent;
            self.in_sync = sent || self.joining;
        }
        true
    }
}

/// Returns the caps of every client's appsrc. Those of encoded videos have no size: the parameter sets in the stream give it,
/// so it may change.
pub fn caps(video: &EncodedVideo) -> gst::Caps {
    if let Some((_, caps)) = video.copied() {
        return caps.clone();
    }
    gst::Caps::builder("video/x-h264")
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build()
}
