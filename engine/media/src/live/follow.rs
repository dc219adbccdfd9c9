//! Follows a live source until the run ends: a camera, a stream, or a recording that is played as one.
//!
//! The source is reconnected after an error, after the end of its stream, and when no frame comes for a while. Only an error
//! that no retry cures (a wrong password, a missing plugin, no video) ends a source, and only if it never gave a frame and is
//! the only one. Invariant: while no frames come, the graph gets a heartbeat every second, so that nothing waits for them.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use atom_models::{Fault, Reason};
use atom_operators::{event::IdleHeartbeat, intake::Record, media_time::MediaTime};
use gstreamer as gst;
use jiff::Timestamp;
use tracing::{debug, info, warn};

use super::{
    backoff::Backoff,
    connection_attempt::ConnectionAttempt,
    connection_status::ConnectionState,
    media_clock::{FrameTime, MediaClock},
    rate_adjustment::RateAdjustment,
};
use crate::{
    error::MediaError,
    frame_filter::FrameFilter,
    frame_sender::{Cancelled, FrameSender, PlaybackSummary},
    gst::{
        concealment::ConcealmentStatus,
        error_class::ErrorClass,
        frame_converter::{FrameConverter, format_and_buffer},
        pipeline_error::PipelineError,
        video_pipeline::{BusEvent, VideoPipeline},
    },
    key_frame_wait::{KeyFrameWait, WAITING},
    playback_request::{LiveSettings, PlaybackRequest},
    source_location::Location,
};

/// Time that a pull, or a wait for the next attempt, lasts before everything else is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Interval at which the graph gets a heartbeat while no frames come, and at which damaged frames are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The latest that a frame may arrive, in nanoseconds: no heartbeat covers a more recent time.
const MAX_DELAY: u64 = 500_000_000;

/// Follows the source until the run ends.
///
/// # Errors
/// If it never gave a frame, for a reason that no retry cures, and no other source is there.
pub fn follow_live(
    request: PlaybackRequest,
    settings: LiveSettings,
    sender: &FrameSender,
) -> Result<PlaybackSummary, MediaError> {
    let location = request.location.redacted();
    if request.location.is_insecure() {
        warn!(source = %sender.name, "the server's certificate is not verified, because of tls = \"insecure\"");
    }
    sender.connection.set(ConnectionState::Connecting, None);
    let mut follower = Follower::new(request, settings, sender);
    let failure = follower.run();
    sender
        .connection
        .set(ConnectionState::Over, failure.as_deref());
    match failure {
        Some(reason) => Err(MediaError::Camera {
            name: sender.name.clone(),
            location,
            reason,
        }),
        None => Ok(PlaybackSummary {
            end: follower.clock.last(),
            complete: false,
            frames: follower.frames,
            failure: None,
        }),
    }
}

/// The reason why a connection is over.
enum Disconnect {
    Cancelled,
    Failed(PipelineError),
}

impl From<Cancelled> for Disconnect {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// The state of the source over all connections.
struct Follower<'s> {
    location: Location,
    settings: LiveSettings,
    sender: &'s FrameSender,
    filter: FrameFilter,
    converter: FrameConverter,
    clock: MediaClock,
    rate: RateAdjustment,
    key_frame_wait: KeyFrameWait,
    backoff: Backoff,
    attempt: ConnectionAttempt,
    /// True if a frame ever came.
    ever_connected: bool,
    /// True if a frame came over this connection.
    connected: bool,
    frames: u64,
    /// Time of the last frame, or of the start of the connection.
    last_heard: Instant,
    /// The last frame before the connection was lost, and the reason.
    lost: Option<(MediaTime, String)>,
    /// Time of the last heartbeat.
    last_heartbeat: Instant,
    /// Time at which a damaged frame was last reported.
    damage_reported: Option<Instant>,
}

impl<'s> Follower<'s> {
    fn new(request: PlaybackRequest, settings: LiveSettings, sender: &'s FrameSender) -> Self {
        let now = Instant::now();
        let (first, longest) = settings.retry;
        Self {
            attempt: ConnectionAttempt::first(&request.location),
            location: request.location,
            settings,
            sender,
            filter: FrameFilter::new(request.selection, request.from),
            converter: FrameConverter::new(request.size),
            clock: MediaClock::new(settings.sealed),
            rate: RateAdjustment::new(settings.min_rate_share, now),
            key_frame_wait: KeyFrameWait::default(),
            backoff: Backoff::new(first, longest),
            ever_connected: false,
            connected: false,
            frames: 0,
            last_heard: now,
            lost: None,
            last_heartbeat: now,
            damage_reported: None,
        }
    }

    /// Connects again and again; returns the error if it ends the source before the run ends.
    fn run(&mut self) -> Option<String> {
        loop {
            let Err(end) = self.follow_connection();
            let error = match end {
                Disconnect::Cancelled => return None,
                Disconnect::Failed(error) => error,
            };
            // Beside other sources it may yet be put right.
            let hopeless = error.class == ErrorClass::Permanent
                && !self.ever_connected
                && self.settings.only_source;
            if hopeless {
                return Some(error.message);
            }
            if self.recover(&error) == Err(Cancelled) {
                return None;
            }
        }
    }

    /// Follows one connection until it is over.
    fn follow_connection(&mut self) -> Result<Infallible, Disconnect> {
        (self.connected, self.last_heard) = (false, Instant::now());
        self.clock.start_connection();
        let opened = VideoPipeline::open(&self.location, self.attempt.options());
        let mut pipeline = opened.map_err(Disconnect::Failed)?;
        self.key_frame_wait.start_pipeline();
        let end = self.pull_frames(&mut pipeline);
        self.observe_concealment(&pipeline);
        end
    }

    fn pull_frames(&mut self, pipeline: &mut VideoPipeline) -> Result<Infallible, Disconnect> {
        let timeout = gst::ClockTime::from_mseconds(POLL_INTERVAL.as_millis() as u64);
        loop {
            if self.sender.cancelled() {
                return Err(Disconnect::Cancelled);
            }
            match pipeline.pull(timeout) {
                Some(sample) => self.take(&sample)?,
                None if pipeline.at_end() => {
                    let ended = || PipelineError::transient("the stream ended");
                    let error = pipeline.take_error().unwrap_or_else(ended);
                    return Err(Disconnect::Failed(error));
                }
                None => self.check_stall(&pipeline.decoding.concealment)?,
            }
            match pipeline.poll() {
                Some(BusEvent::DamagedFrame(why)) => self.report_damage(&why)?,
                Some(BusEvent::Failed(error)) => return Err(Disconnect::Failed(error)),
                None => {}
            }
            self.observe_concealment(pipeline);
            self.rate.adjust(self.sender);
        }
    }

    fn observe_concealment(&mut self, pipeline: &VideoPipeline) {
        let status = &pipeline.decoding.concealment;
        self.key_frame_wait
            .observe(status, &self.filter, self.sender);
    }

    fn take(&mut self, sample: &gst::Sample) -> Result<(), Cancelled> {
        let Some((format, buffer)) = format_and_buffer(sample) else {
            return Ok(());
        };
        let now = Instant::now();
        self.last_heard = now;
        if !self.ever_connected && !self.connected {
            self.clock = MediaClock::new(self.first_media_time());
        }
        let pts = buffer.pts().map(gst::ClockTime::nseconds);
        let FrameTime { at, jumped } = self.clock.frame_time(pts, now);
        if jumped {
            info!(source = %self.sender.name, %at, "the camera's clock jumped");
        }
        if !std::mem::replace(&mut self.connected, true) {
            self.on_connected(at);
        } else if self.sender.connection.set(ConnectionState::Live, None) {
            info!(source = %self.sender.name, "frames arrive again");
        }
        self.frames += 1;
        if !self.filter.accept(at, self.sender) {
            return Ok(());
        }
        match self.converter.convert(&format, buffer) {
            Ok(image) => self.sender.send_frame(at, image),
            Err(why) => self.sender.report_unusable_frame(at, &why),
        }
    }

    /// Returns the media time of the first frame: the time since the source started in an earlier run. A system clock that was
    /// set back must not lead into what is stored.
    fn first_media_time(&self) -> MediaTime {
        let since = self.sender.connection.start().map(|start| {
            let millis = Timestamp::now().as_millisecond() - start.as_millisecond();
            MediaTime::from_millis(u64::try_from(millis).unwrap_or(0))
        });
        since.unwrap_or_default().max(self.settings.sealed)
    }

    /// Reports the first frame of a connection, and the gap before it, if there was one.
    fn on_connected(&mut self, at: MediaTime) {
        let FrameSender {
            name, connection, ..
        } = self.sender;
        self.backoff.reset();
        connection.start_now();
        connection.set(ConnectionState::Live, None);
        let gap = self.lost.take().filter(|_| self.ever_connected);
        match &gap {
            Some((from, reason)) => {
                let seconds = (at.millis().saturating_sub(from.millis())) as f64 / 1000.0;
                info!(source = %name, from = %from, to = %at, seconds, reason, "source live again after a gap");
            }
            None => info!(source = %name, %at, "source live"),
        }
        connection.connected(gap.map(|(from, reason)| (from, at, reason)));
        self.ever_connected = true;
    }

    /// Handles the absence of a frame: the connection counts as stalled, and in the end as lost. A camera whose frames are
    /// concealed is still heard.
    fn check_stall(&mut self, concealment: &ConcealmentStatus) -> Result<(), Disconnect> {
        let connection = &self.sender.connection;
        if !self.connected && concealment.waiting() {
            connection.set(ConnectionState::Connecting, Some(WAITING));
        }
        let without_frame = self.last_heard.elapsed();
        let silent = concealment.silence(without_frame);
        let timeout = match self.connected {
            true => self.settings.stall_timeout,
            false => self.settings.stall_timeout * 2,
        };
        if silent >= timeout {
            let what = concealment.missing();
            let message = format!("no {what} for {:.1} s", without_frame.as_secs_f64());
            return Err(Disconnect::Failed(PipelineError::transient(message)));
        }
        if self.connected && without_frame >= timeout / 2 {
            let reason = match concealment.waiting() {
                true => WAITING,
                false => "no frames arrive",
            };
            if connection.set(ConnectionState::Stalled, Some(reason)) {
                warn!(source = %self.sender.name, reason, "source stalled");
            }
        }
        Ok(self.send_heartbeat(None)?)
    }

    /// Reports the loss of a connection, and waits before the next attempt.
    fn recover(&mut self, error: &PipelineError) -> Result<(), Cancelled> {
        if !self.connected && self.attempt.change(error.class) {
            return Ok(());
        }
        let wait = match error.class {
            ErrorClass::Permanent => self.settings.retry.1,
            _ => self.backoff.next_wait(fastrand::f64()),
        };
        let fault = self.report_loss(error, wait);
        self.send_heartbeat(fault)?;
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.sender.stop.wait(left.min(POLL_INTERVAL)) {
                return Err(Cancelled);
            }
            self.send_heartbeat(None)?;
            self.rate.adjust(self.sender);
        }
        Ok(())
    }

    /// Logs a failed attempt; returns a fault if it is the first since the last frame.
    fn report_loss(&mut self, error: &PipelineError, wait: Duration) -> Option<Fault> {
        let FrameSender {
            name, connection, ..
        } = self.sender;
        let retry_ms = wait.as_millis() as u64;
        let reason = self.reason(error);
        if self.lost.is_some() {
            connection.set(ConnectionState::Lost, Some(&reason));
            debug!(source = %name, reason, retry_ms, "still not connected");
            return None;
        }
        let last = self.clock.last();
        match self.ever_connected {
            true => warn!(source = %name, reason, last_frame = %last, retry_ms, "connection lost"),
            false => warn!(source = %name, reason, retry_ms, "cannot connect yet"),
        }
        connection.set(ConnectionState::Lost, Some(&reason));
        let fault = Fault::new(Reason::Lost, &reason);
        self.lost = Some((last, reason));
        Some(fault)
    }

    /// Returns the reason of a failed attempt. GStreamer knows no better than that it could not connect, so each time it is
    /// checked why no server answers.
    fn reason(&self, error: &PipelineError) -> String {
        let explained = self.connected || error.class == ErrorClass::Permanent;
        let unreachable = match explained || self.sender.cancelled() {
            true => None,
            false => self.location.unreachable(),
        };
        unreachable.unwrap_or_else(|| error.message.clone())
    }

    /// Sends a heartbeat while no frames come: at once with a new reason, else once a second.
    fn send_heartbeat(&mut self, why: Option<Fault>) -> Result<(), Cancelled> {
        let now = Instant::now();
        let silent = !self.connected || now.duration_since(self.last_heard) >= REPORT_INTERVAL;
        let due = silent && now.duration_since(self.last_heartbeat) >= REPORT_INTERVAL;
        if why.is_none() && !due {
            return Ok(());
        }
        self.last_heartbeat = now;
        let from = self
            .lost
            .as_ref()
            .map_or(self.clock.last(), |(from, _)| *from);
        let media_now = self.clock.now(now).unwrap_or_default();
        let until = MediaTime::from_nanos(media_now.nanos().saturating_sub(MAX_DELAY)).max(from);
        self.clock.advance_floor(until);
        self.sender.send(Record::Idle(IdleHeartbeat {
            source: self.sender.source,
            from,
            until,
            cause: why,
        }))
    }

    /// Reports a damaged frame: not each, for they come in bursts.
    fn report_damage(&mut self, why: &str) -> Result<(), Cancelled> {
        let now = Instant::now();
        let recent = |last| now.duration_since(last) < REPORT_INTERVAL;
        if !self.ever_connected || self.damage_reported.is_some_and(recent) {
            return Ok(());
        }
        self.damage_reported = Some(now);
        self.sender.report_fault(self.clock.last(), why)
    }
}
