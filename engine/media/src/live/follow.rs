//! Follows a live source for ever: a camera, a stream, or a recording that is played as one.
//!
//! Whatever goes wrong once pictures have come, the source is connected anew until the run ends: after an error, after the
//! end of its stream, and when no picture comes for a while. Only what cannot heal by itself (a wrong password, a missing
//! plugin, no video) ends a source that never showed anything, if it is the only one. While no pictures come the graph is told so every second,
//! so that nothing waits for them.

use std::{
    convert::Infallible,
    thread,
    time::{Duration, Instant},
};

use atom_models::{Fault, Reason};
use atom_operators::{
    data::{MediaTime, Quiet},
    intake::Record,
    pace::Governor,
};
use gstreamer as gst;
use jiff::Timestamp;
use tracing::{debug, info, warn};

use super::{backoff::Retry, connection_status::ConnectionState, media_clock::LiveClock};
use crate::{
    error::MediaError,
    frame_filter::FrameFilter,
    frame_sender::{Cancelled, FrameSender, PlaybackSummary},
    gst::{
        elements::Transport,
        frame_converter::{Converting, parts},
        pipeline::{Broken, Kind, Manner, Pipe, Trouble},
    },
    location::Location,
    request::{LiveSettings, PlaybackRequest},
};

/// How long a pull waits before it looks at everything else.
const PULL: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// How often the graph is told that nothing comes.
const TELL: Duration = Duration::from_secs(1);
/// Pictures may be so old when they come; nothing is called quiet that is younger.
const DELAY: u64 = 500_000_000;

/// Follows the source until the run ends.
///
/// # Errors
/// If it never showed anything, for a reason that cannot pass by itself.
pub fn follow_live(
    wanted: PlaybackRequest,
    live: LiveSettings,
    outlet: &FrameSender,
) -> Result<PlaybackSummary, MediaError> {
    let what = wanted.location.shown();
    outlet.connection.set(ConnectionState::Connecting, None);
    let mut follower = Follower::new(wanted, live, outlet);
    let hopeless = loop {
        let Err(end) = follower.connection();
        match end {
            Cause::Stopped => break None,
            // Beside others it may yet be put right.
            Cause::Broken(broken)
                if broken.kind == Kind::Lasting && !follower.shown && live.only_source =>
            {
                break Some(broken.said);
            }
            Cause::Broken(broken) => match follower.recover(&broken) {
                Ok(()) => {}
                Err(Cancelled) => break None,
            },
        }
    };
    outlet
        .connection
        .set(ConnectionState::Over, hopeless.as_deref());
    match hopeless {
        Some(reason) => Err(MediaError::Camera {
            name: outlet.name.clone(),
            what,
            reason,
        }),
        None => Ok(PlaybackSummary {
            end: follower.clock.last(),
            complete: false,
            frames: follower.frames,
        }),
    }
}

/// Why a connection is over.
enum Cause {
    Stopped,
    Broken(Broken),
}

impl From<Cancelled> for Cause {
    fn from(_: Cancelled) -> Self {
        Self::Stopped
    }
}

/// What is known of the source over all connections.
struct Follower<'o> {
    location: Location,
    live: LiveSettings,
    outlet: &'o FrameSender,
    thinner: FrameFilter,
    converting: Converting,
    clock: LiveClock,
    governor: Governor,
    retry: Retry,
    transport: Transport,
    /// Whether a picture ever came.
    shown: bool,
    /// Whether a picture came over this connection.
    connected: bool,
    frames: u64,
    /// When the last picture came, or the connection began.
    heard: Instant,
    /// The last picture before a loss, and why.
    lost: Option<(MediaTime, String)>,
    /// When the graph was told last that nothing comes.
    told: Instant,
    /// When trouble with a picture was told last.
    complained: Option<Instant>,
}

impl<'o> Follower<'o> {
    fn new(wanted: PlaybackRequest, live: LiveSettings, outlet: &'o FrameSender) -> Self {
        let now = Instant::now();
        let (from, to) = live.retry;
        Self {
            location: wanted.location,
            live,
            outlet,
            thinner: FrameFilter::new(wanted.selection, wanted.from),
            converting: Converting::to(wanted.size),
            clock: LiveClock::new(live.sealed),
            governor: Governor::new(live.min_rate_share, now),
            retry: Retry::new(from, to),
            transport: Transport::default(),
            shown: false,
            connected: false,
            frames: 0,
            heard: now,
            lost: None,
            told: now,
            complained: None,
        }
    }

    /// Follows one connection until it is over.
    fn connection(&mut self) -> Result<Infallible, Cause> {
        (self.connected, self.heard) = (false, Instant::now());
        self.clock.connected();
        let manner = Manner {
            // What could be read faster is played as a camera would show it.
            paced: !self.location.is_paced(),
            transport: self.transport,
            ..Manner::default()
        };
        let mut pipe = Pipe::open(&self.location, manner).map_err(Cause::Broken)?;
        loop {
            if self.outlet.cancelled() {
                return Err(Cause::Stopped);
            }
            match pipe.pull(PULL) {
                Some(sample) => self.take(&sample)?,
                None if pipe.is_over() => {
                    let ended = || Broken::passing("its stream ended");
                    return Err(Cause::Broken(pipe.fault().unwrap_or_else(ended)));
                }
                None => self.quiet()?,
            }
            match pipe.trouble() {
                Some(Trouble::Picture(why)) => self.complain(&why)?,
                Some(Trouble::End(broken)) => return Err(Cause::Broken(broken)),
                None => {}
            }
            self.govern();
        }
    }

    fn take(&mut self, sample: &gst::Sample) -> Result<(), Cancelled> {
        let Some((info, buffer)) = parts(sample) else {
            return Ok(());
        };
        let now = Instant::now();
        self.heard = now;
        if !self.shown && !self.connected {
            self.clock = LiveClock::new(self.begin());
        }
        let pts = buffer.pts().map(gst::ClockTime::nseconds);
        let placed = self.clock.place(pts, now);
        if placed.jumped {
            info!(source = %self.outlet.name, at = %placed.at, "the camera's clock jumped");
        }
        if !std::mem::replace(&mut self.connected, true) {
            self.back(placed.at);
        } else if self.outlet.connection.set(ConnectionState::Live, None) {
            info!(source = %self.outlet.name, "pictures come again");
        }
        self.frames += 1;
        if !self.thinner.accept(placed.at, self.outlet) {
            return Ok(());
        }
        match self.converting.image(&info, buffer) {
            Ok(image) => self.outlet.send_frame(placed.at, image),
            Err(why) => self.outlet.report_unusable_frame(placed.at, &why),
        }
    }

    /// The media time of the first picture: what passed since the source began in an earlier run. A clock of this machine that was set
    /// back must not lead into what is stored.
    fn begin(&self) -> MediaTime {
        let since = self.outlet.connection.start().map(|start| {
            let millis = Timestamp::now().as_millisecond() - start.as_millisecond();
            MediaTime::from_millis(u64::try_from(millis).unwrap_or(0))
        });
        since.unwrap_or_default().max(self.live.sealed)
    }

    /// The first picture of a connection came: tells of the gap before it, if there was one.
    fn back(&mut self, at: MediaTime) {
        let FrameSender {
            name, connection, ..
        } = self.outlet;
        self.retry.reset();
        connection.start_now();
        connection.set(ConnectionState::Live, None);
        let gap = self.lost.take().filter(|_| self.shown);
        match &gap {
            Some((from, reason)) => {
                let seconds = (at.millis().saturating_sub(from.millis())) as f64 / 1000.0;
                info!(source = %name, from = %from, to = %at, seconds, reason, "live again after a gap");
            }
            None => info!(source = %name, %at, "live"),
        }
        connection.connected(gap.map(|(from, reason)| (from, at, reason)));
        self.shown = true;
    }

    /// No picture came just now.
    fn quiet(&mut self) -> Result<(), Cause> {
        let silent = self.heard.elapsed();
        let patience = match self.connected {
            true => self.live.stall_timeout,
            false => self.live.stall_timeout * 2,
        };
        if silent >= patience {
            let said = format!("no picture for {:.1} s", silent.as_secs_f64());
            return Err(Cause::Broken(Broken::passing(said)));
        }
        if self.connected && silent >= patience / 2 {
            let connection = &self.outlet.connection;
            if connection.set(ConnectionState::Stalled, Some("no picture comes")) {
                warn!(source = %self.outlet.name, "stalled");
            }
        }
        Ok(self.tell(None)?)
    }

    /// Tells of the loss, and waits before the next attempt.
    fn recover(&mut self, broken: &Broken) -> Result<(), Cancelled> {
        if !self.connected && self.may_switch(broken.kind) {
            return Ok(());
        }
        let FrameSender {
            name, connection, ..
        } = self.outlet;
        let wait = match broken.kind {
            Kind::Lasting => self.live.retry.1,
            _ => self.retry.wait(fastrand::f64()),
        };
        let retry_ms = wait.as_millis() as u64;
        let mut why = None;
        if self.lost.is_none() {
            // ScanContext takes a while, and once is enough.
            let nobody = match self.connected || broken.kind == Kind::Lasting {
                true => None,
                false => self.location.unreachable(),
            };
            let reason = nobody.unwrap_or_else(|| broken.said.clone());
            let last = self.clock.last();
            match self.shown {
                true => warn!(source = %name, reason, last_picture = %last, retry_ms, "lost"),
                false => warn!(source = %name, reason, retry_ms, "cannot connect yet"),
            }
            connection.set(ConnectionState::Lost, Some(&reason));
            why = Some(Fault::new(Reason::Lost, &reason));
            self.lost = Some((last, reason));
        } else {
            connection.set(ConnectionState::Lost, Some(&broken.said));
            debug!(source = %name, reason = broken.said, retry_ms, "still lost");
        }
        self.tell(why)?;
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.outlet.cancelled() {
                return Err(Cancelled);
            }
            thread::sleep(left.min(Duration::from_millis(50)));
            self.tell(None)?;
            self.govern();
        }
        Ok(())
    }

    /// Whether to try the other way of sending pictures at once. A way that never brought any is left again.
    fn may_switch(&mut self, kind: Kind) -> bool {
        let before = self.transport;
        self.transport = match (kind, before) {
            (Kind::Transport, Transport::Tcp) => Transport::Udp,
            _ => Transport::Tcp,
        };
        debug!(source = %self.outlet.name, transport = ?self.transport, "next attempt");
        before == Transport::Tcp && self.transport == Transport::Udp
    }

    /// Tells the graph that nothing comes: at once if it is news why, else once a second.
    fn tell(&mut self, why: Option<Fault>) -> Result<(), Cancelled> {
        let now = Instant::now();
        let silent = !self.connected || now.duration_since(self.heard) >= TELL;
        let due = silent && now.duration_since(self.told) >= TELL;
        if why.is_none() && !due {
            return Ok(());
        }
        self.told = now;
        let from = self
            .lost
            .as_ref()
            .map_or(self.clock.last(), |(from, _)| *from);
        let moment = self.clock.now(now).unwrap_or_default();
        let until = MediaTime::from_nanos(moment.nanos().saturating_sub(DELAY)).max(from);
        self.clock.pass(until);
        self.outlet.send(Record::Quiet(Quiet {
            source: self.outlet.source,
            from,
            until,
            why,
        }))
    }

    /// Tells of a picture that was damaged: not of each, for they come in swarms.
    fn complain(&mut self, why: &str) -> Result<(), Cancelled> {
        let now = Instant::now();
        let just_told = |last| now.duration_since(last) < TELL;
        if !self.shown || self.complained.is_some_and(just_told) {
            return Ok(());
        }
        self.complained = Some(now);
        self.outlet.report_fault(self.clock.last(), why)
    }

    /// Lets the sampling rate follow the load.
    fn govern(&mut self) {
        let overloaded = self.outlet.flow.was_strained();
        let pace = self.outlet.flow.pace();
        if let Some(share) = self.governor.observe(Instant::now(), overloaded, pace) {
            info!(source = %self.outlet.name, share, "sampling rate changed");
        }
    }
}
