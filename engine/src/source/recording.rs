//! Plays a recording, a file or a test pattern, from its beginning to its end.
//!
//! The pipeline decodes video only (audio is never decoded) and turns pictures upright. Media time is GStreamer's stream
//! time: the position in the video, whatever the container's own numbers are. Where the graph has no room, the recording
//! waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use atom_operators::data::MediaTime;
use gstreamer as gst;

use super::{
    Ended, Location, Outlet, Stopped, Thinner, Wanted,
    convert::{Converting, duration, parts},
    deliver,
    gst::{Manner, Pipe, Trouble},
};
use crate::error::EngineError;

/// How long a pull waits before it looks for errors and for the end of the run.
const PULL: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// A file that gives no frame for so long is given up: local files answer at once.
const SILENCE: Duration = Duration::from_secs(30);

/// Plays the source to its end.
///
/// # Errors
/// If not one frame could be used.
pub fn play(wanted: Wanted, outlet: &Outlet) -> Result<Ended, EngineError> {
    let what = wanted.location.shown();
    let no_video = |reason| EngineError::NoVideo {
        what: what.clone(),
        reason,
    };
    let opened = Pipe::open(&wanted.location, Manner::default());
    let mut player = Player {
        pipe: opened.map_err(|broken| no_video(broken.said))?,
    };
    let resumed = wanted.from > MediaTime::default();
    let mut playing = Playing::new(wanted, Arc::clone(&player.pipe.clocked));
    let outcome = player.run(&mut playing, outlet);
    drop(player);
    let ended = Ended {
        at: playing.end,
        whole: matches!(outcome, Ok(())) && playing.frames > 0,
        frames: playing.frames,
    };
    let nothing = match outcome {
        Err(Cause::Stopped) => None,
        Err(Cause::Fault(reason)) => Some(reason),
        // A run that resumes at the very end finds nothing left.
        Ok(()) if playing.frames == 0 && resumed => None,
        Ok(()) if playing.frames == 0 => Some("it holds no pictures".into()),
        Ok(()) => playing.trouble.take(),
    };
    match nothing {
        Some(reason) if playing.delivered == 0 => {
            Err(no_video(playing.location.unreachable().unwrap_or(reason)))
        }
        _ => Ok(ended),
    }
}

/// Why playing ended early.
enum Cause {
    Stopped,
    Fault(String),
}

impl From<Stopped> for Cause {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

struct Player {
    pipe: Pipe,
}

impl Player {
    fn run(&mut self, playing: &mut Playing, outlet: &Outlet) -> Result<(), Cause> {
        let mut quiet = std::time::Instant::now();
        loop {
            if outlet.stopped() {
                return Err(Cause::Stopped);
            }
            match self.pipe.pull(PULL) {
                Some(sample) => {
                    if playing.frames == 0 {
                        self.tell_length(outlet);
                    }
                    playing.take(&sample, outlet)?;
                    quiet = std::time::Instant::now();
                }
                None if self.pipe.is_over() => return self.at_end(playing, outlet),
                None if quiet.elapsed() > SILENCE => {
                    return self.broken("it gave no picture for 30 s".into(), playing, outlet);
                }
                None => {}
            }
            match self.pipe.trouble() {
                Some(Trouble::Picture(why)) => outlet.told(playing.at, &why)?,
                Some(Trouble::End(broken)) => return self.broken(broken.said, playing, outlet),
                None => {}
            }
        }
    }

    fn tell_length(&self, outlet: &Outlet) {
        if let Some(length) = self.pipe.length() {
            outlet.length_ms.store(length.mseconds(), Relaxed);
        }
    }

    /// A file that says it is longer than what could be decoded was cut short: what there is counts, with a warning.
    fn at_end(&mut self, playing: &Playing, outlet: &Outlet) -> Result<(), Cause> {
        if let Some(broken) = self.pipe.fault().filter(|_| playing.frames == 0) {
            return Err(Cause::Fault(broken.said));
        }
        let length = self.pipe.length().map_or(0, gst::ClockTime::mseconds);
        let end = playing.end.millis();
        if playing.frames > 0 && length > end + 1000 {
            let said = MediaTime::from_millis(length);
            let why = format!(
                "the video says it lasts {said}, its pictures end at {}: it was cut short",
                playing.end
            );
            outlet.told(playing.at, &why)?;
        }
        Ok(())
    }

    /// An error after the first frame ends the source with what it gave.
    fn broken(&self, reason: String, playing: &mut Playing, outlet: &Outlet) -> Result<(), Cause> {
        // What is decoded already waits in the sink.
        while let Some(sample) = self.pipe.pull(gst::ClockTime::ZERO) {
            playing.take(&sample, outlet)?;
        }
        if playing.frames > 0 {
            outlet.told(playing.at, &reason)?;
        }
        Err(Cause::Fault(reason))
    }
}

/// What has been played so far.
struct Playing {
    location: Location,
    thinner: Thinner,
    converting: Converting,
    /// When the last frame is shown.
    at: MediaTime,
    /// Until when.
    end: MediaTime,
    frames: u64,
    delivered: u64,
    /// Why the last unusable frame was unusable.
    trouble: Option<String>,
    /// Whether the container's clock says nothing of where the video begins.
    clocked: Arc<AtomicBool>,
    /// Where it began by that clock.
    origin: Option<u64>,
}

impl Playing {
    fn new(wanted: Wanted, clocked: Arc<AtomicBool>) -> Self {
        Self {
            location: wanted.location,
            thinner: Thinner::new(wanted.choice, wanted.from),
            converting: Converting::to(wanted.size),
            at: MediaTime::default(),
            end: MediaTime::default(),
            frames: 0,
            delivered: 0,
            trouble: None,
            clocked,
            origin: None,
        }
    }

    fn take(&mut self, sample: &gst::Sample, outlet: &Outlet) -> Result<(), Stopped> {
        let Some((info, buffer)) = parts(sample) else {
            return outlet.told(self.at, "a picture without a format");
        };
        let Some(at) = self.time(sample, &buffer) else {
            return Ok(());
        };
        // Time never runs backwards, whatever a broken file says.
        let at = at.max(self.at);
        self.at = at;
        self.end = MediaTime::from_nanos(at.nanos() + duration(&info, &buffer));
        self.frames += 1;
        if !self.thinner.wants(at, outlet) {
            return Ok(());
        }
        match self.converting.image(&info, buffer) {
            Ok(image) => {
                self.delivered += 1;
                deliver(outlet, at, image)
            }
            Err(why) => {
                self.trouble = Some(why.clone());
                outlet.unusable(at, &why)
            }
        }
    }

    /// The position in the video; none for pictures that the container hides before its beginning. MPEG streams begin
    /// with their first picture.
    fn time(&mut self, sample: &gst::Sample, buffer: &gst::Buffer) -> Option<MediaTime> {
        let Some(pts) = buffer.pts() else {
            return Some(self.end);
        };
        let segment = sample
            .segment()
            .and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
        let time = segment
            .map_or(Some(pts), |segment| segment.to_stream_time(pts))?
            .nseconds();
        let origin = match self.clocked.load(Relaxed) {
            true => *self.origin.get_or_insert(time),
            false => 0,
        };
        Some(MediaTime::from_nanos(time.saturating_sub(origin)))
    }
}
