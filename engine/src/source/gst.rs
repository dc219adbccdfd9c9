//! Plays a file or a test pattern through GStreamer.
//!
//! The pipeline decodes video only (audio is never decoded), turns pictures upright, and ends in a sink from which this
//! thread pulls, so that nothing ever blocks inside GStreamer. Media time is GStreamer's stream time: the position in the
//! video, whatever the container's own numbers are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use atom_models::Image;
use atom_operators::data::MediaTime;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

use super::{
    Ended, Location, Outlet, Stopped, Thinner, Wanted, convert::Converter, deliver, elements,
};
use crate::error::EngineError;

/// How long a pull waits before it looks for errors and for the end of the run.
const PULL: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// A file that gives no frame for so long is given up: local files answer at once.
const SILENCE: Duration = Duration::from_secs(30);

/// Starts GStreamer, once in a process.
pub fn init() -> Result<(), EngineError> {
    gst::init().map_err(|e| EngineError::Gstreamer {
        reason: e.to_string(),
    })
}

/// Plays the source to its end.
///
/// # Errors
/// If not one frame could be used.
pub fn play(wanted: Wanted, outlet: &Outlet) -> Result<Ended, EngineError> {
    let mut player = Player::open(&wanted)?;
    let resumed = wanted.from > MediaTime::default();
    let mut playing = Playing::new(wanted, Arc::clone(&player.clocked));
    let outcome = player.run(&mut playing, outlet);
    let _ = player.pipeline.set_state(gst::State::Null);
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
        Some(reason) if playing.delivered == 0 => Err(EngineError::NoVideo {
            what: player.what,
            reason,
        }),
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
    pipeline: gst::Pipeline,
    sink: AppSink,
    bus: gst::Bus,
    what: String,
    /// Set when the container is an MPEG stream, whose clock begins at any moment before the first picture.
    clocked: Arc<AtomicBool>,
}

impl Player {
    fn open(wanted: &Wanted) -> Result<Self, EngineError> {
        let what = match &wanted.location {
            Location::File(path) => path.display().to_string(),
            Location::Test { pattern, .. } => format!("test://{pattern}"),
        };
        let failed = |reason: String| EngineError::NoVideo {
            what: what.clone(),
            reason,
        };
        let pipeline = gst::Pipeline::new();
        let sink = AppSink::builder()
            .caps(&gst_video::VideoCapsBuilder::new().build())
            .sync(false)
            .max_buffers(2)
            .build();
        let built = match &wanted.location {
            Location::File(path) => elements::of_file(&pipeline, path, &sink),
            Location::Test {
                pattern,
                seconds,
                fps,
            } => elements::of_test(&pipeline, pattern, *seconds, *fps, &sink),
        };
        built.map_err(|e| failed(e.to_string()))?;
        let bus = pipeline
            .bus()
            .ok_or_else(|| failed("the pipeline has no bus".into()))?;
        let clocked = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&clocked);
        pipeline.connect_deep_element_added(move |_, _, element| {
            let kind = element.factory().map(|factory| factory.name().to_string());
            if kind.is_some_and(|kind| ["tsdemux", "mpegpsdemux"].contains(&kind.as_str())) {
                flag.store(true, Relaxed);
            }
        });
        let player = Self {
            pipeline,
            sink,
            bus,
            what: what.clone(),
            clocked,
        };
        if player.pipeline.set_state(gst::State::Playing).is_err() {
            let reason = player
                .fault()
                .unwrap_or_else(|| "GStreamer cannot play it".into());
            let _ = player.pipeline.set_state(gst::State::Null);
            return Err(failed(reason));
        }
        Ok(player)
    }

    fn run(&mut self, playing: &mut Playing, outlet: &Outlet) -> Result<(), Cause> {
        let mut quiet = std::time::Instant::now();
        loop {
            if outlet.stopped() {
                return Err(Cause::Stopped);
            }
            match self.sink.try_pull_sample(PULL) {
                Some(sample) => {
                    if playing.frames == 0 {
                        self.tell_length(outlet);
                    }
                    playing.take(&sample, outlet)?;
                    quiet = std::time::Instant::now();
                }
                None if self.sink.is_eos() => return self.at_end(playing, outlet),
                None if quiet.elapsed() > SILENCE => {
                    return self.broken("it gave no picture for 30 s".into(), playing, outlet);
                }
                None => {}
            }
            match self.trouble() {
                Some(Trouble::Picture(why)) => outlet.told(playing.at, &why)?,
                Some(Trouble::End(reason)) => return self.broken(reason, playing, outlet),
                None => {}
            }
        }
    }

    fn tell_length(&self, outlet: &Outlet) {
        if let Some(length) = self.pipeline.query_duration::<gst::ClockTime>() {
            outlet.length_ms.store(length.mseconds(), Relaxed);
        }
    }

    /// A file that says it is longer than what could be decoded was cut short: what there is counts, with a warning.
    fn at_end(&self, playing: &Playing, outlet: &Outlet) -> Result<(), Cause> {
        if let Some(reason) = self.fault().filter(|_| playing.frames == 0) {
            return Err(Cause::Fault(reason));
        }
        let length = self
            .pipeline
            .query_duration::<gst::ClockTime>()
            .map_or(0, gst::ClockTime::mseconds);
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
        while let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::ZERO) {
            playing.take(&sample, outlet)?;
        }
        if playing.frames > 0 {
            outlet.told(playing.at, &reason)?;
        }
        Err(Cause::Fault(reason))
    }

    /// What GStreamer tells of trouble, the oldest first. Both kinds are asked for at once: the bus throws away what it
    /// is not asked for.
    fn trouble(&self) -> Option<Trouble> {
        let message = self
            .bus
            .pop_filtered(&[gst::MessageType::Error, gst::MessageType::Warning])?;
        match message.view() {
            gst::MessageView::Warning(warning) => {
                Some(Trouble::Picture(warning.error().message().to_owned()))
            }
            gst::MessageView::Error(error) => {
                let element = error
                    .src()
                    .map_or_else(|| "GStreamer".into(), |source| source.name().to_string());
                Some(Trouble::End(format!(
                    "{} ({element})",
                    error.error().message()
                )))
            }
            _ => None,
        }
    }

    /// The error that ended the video, if there is one.
    fn fault(&self) -> Option<String> {
        std::iter::from_fn(|| self.trouble()).find_map(|trouble| match trouble {
            Trouble::End(reason) => Some(reason),
            Trouble::Picture(_) => None,
        })
    }
}

/// What GStreamer tells of.
enum Trouble {
    /// A picture that could not be decoded; the video goes on.
    Picture(String),
    /// The video cannot go on.
    End(String),
}

/// What has been played so far.
struct Playing {
    thinner: Thinner,
    converter: Option<Converter>,
    size: (u32, u32),
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
            thinner: Thinner::new(wanted.choice, wanted.from),
            converter: None,
            size: wanted.size,
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
        match self.convert(&info, buffer) {
            Ok(image) => {
                self.delivered += 1;
                deliver(outlet, at, image)
            }
            Err(why) => {
                self.trouble = Some(why.clone());
                outlet.unusable(at, self.thinner.samplers(), &why)
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

    fn convert(
        &mut self,
        info: &gst_video::VideoInfo,
        buffer: gst::Buffer,
    ) -> Result<Image, String> {
        if self
            .converter
            .as_ref()
            .is_none_or(|converter| converter.from != *info)
        {
            self.converter = Some(Converter::new(info, self.size)?);
        }
        let converter = self.converter.as_ref().ok_or("no converter")?;
        converter.convert(buffer)
    }
}

fn parts(sample: &gst::Sample) -> Option<(gst_video::VideoInfo, gst::Buffer)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    Some((info, sample.buffer_owned()?))
}

/// How long a frame is shown: as its buffer says, else by the frame rate, else 40 ms.
fn duration(info: &gst_video::VideoInfo, buffer: &gst::Buffer) -> u64 {
    let rate = (info.fps().numer() > 0)
        .then(|| 1_000_000_000 * info.fps().denom() as u64 / info.fps().numer() as u64);
    buffer
        .duration()
        .map(gst::ClockTime::nseconds)
        .filter(|shown| *shown > 0)
        .or(rate)
        .unwrap_or(40_000_000)
}
