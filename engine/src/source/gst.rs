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
use gstreamer_video::{self as gst_video, prelude::*};

use super::{Location, Outlet, Stopped, Thinner, Wanted, deliver};
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

/// Plays the source to its end and ends it in the graph.
///
/// # Errors
/// If not one frame could be had. The end is handed over in any case.
pub fn play(wanted: Wanted, outlet: &Outlet) -> Result<(), EngineError> {
    let mut player = match Player::open(&wanted) {
        Ok(player) => player,
        Err(error) => {
            outlet.end(MediaTime::default(), false);
            return Err(error);
        }
    };
    let thinner = Thinner::new(wanted.grids, wanted.from);
    let mut playing = Playing {
        thinner,
        converter: None,
        size: wanted.size,
        last: MediaTime::default(),
        frames: 0,
        delivered: 0,
        trouble: None,
        clocked: Arc::default(),
        origin: None,
    };
    playing.clocked = Arc::clone(&player.clocked);
    let outcome = player.run(&mut playing, outlet);
    let _ = player.pipeline.set_state(gst::State::Null);
    let whole = matches!(outcome, Ok(())) && playing.frames > 0;
    outlet.end(playing.last, whole);
    let nothing = match outcome {
        Err(Cause::Stopped) => None,
        Err(Cause::Fault(reason)) => Some(reason),
        // A run that resumes at the very end finds nothing left.
        Ok(()) if playing.frames == 0 && wanted.from > MediaTime::default() => None,
        Ok(()) if playing.frames == 0 => Some("it holds no pictures".into()),
        Ok(()) => playing.trouble.take(),
    };
    match nothing {
        Some(reason) if playing.delivered == 0 => Err(EngineError::NoVideo {
            what: player.what,
            reason,
        }),
        _ => Ok(()),
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
            Location::File(path) => file_elements(&pipeline, path, &sink),
            Location::Test {
                pattern,
                seconds,
                fps,
            } => test_elements(&pipeline, pattern, *seconds, *fps, &sink),
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
            if let Some(reason) = self.fault() {
                return self.broken(reason, playing, outlet);
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
        let end = playing.last.millis();
        if playing.frames > 0 && length > end + 1000 {
            let said = MediaTime::from_millis(length);
            let why = format!(
                "the video says it lasts {said}, its pictures end at {}: it was cut short",
                playing.last
            );
            outlet.told(playing.last, &why)?;
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
            outlet.told(playing.last, &reason)?;
        }
        Err(Cause::Fault(reason))
    }

    /// The error that GStreamer has told of, if any. Its own words come first, then the element's.
    fn fault(&self) -> Option<String> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        let gst::MessageView::Error(error) = message.view() else {
            return None;
        };
        let element = error
            .src()
            .map_or_else(|| "GStreamer".into(), |source| source.name().to_string());
        Some(format!("{} ({element})", error.error().message()))
    }
}

/// Decodes a file's first video stream; audio and subtitles are neither decoded nor linked.
fn file_elements(
    pipeline: &gst::Pipeline,
    path: &std::path::Path,
    sink: &AppSink,
) -> Result<(), gst::glib::BoolError> {
    let no_address = |e: &dyn std::fmt::Display| gst::glib::bool_error!("no address for it: {e}");
    let path = path.canonicalize().map_err(|e| no_address(&e))?;
    let uri = gst::glib::filename_to_uri(path, None).map_err(|e| no_address(&e))?;
    let decode = gst::ElementFactory::make("uridecodebin")
        .property("uri", uri.as_str())
        .property(
            "caps",
            gst::Caps::builder("video/x-raw").any_features().build(),
        )
        .property("expose-all-streams", false)
        .build()?;
    let upright = gst::ElementFactory::make("videoflip")
        .property_from_str("video-direction", "auto")
        .build()?;
    pipeline.add_many([&decode, &upright, sink.upcast_ref()])?;
    gst::Element::link_many([&upright, sink.upcast_ref()])?;
    let target = upright
        .static_pad("sink")
        .ok_or_else(|| gst::glib::bool_error!("videoflip has no sink pad"))?;
    decode.connect_pad_added(move |_, pad| {
        // Only the first video stream is played; what cannot be linked is told on the bus as an error.
        if !target.is_linked() {
            let _ = pad.link(&target);
        }
    });
    Ok(())
}

fn test_elements(
    pipeline: &gst::Pipeline,
    pattern: &str,
    seconds: f64,
    fps: u32,
    sink: &AppSink,
) -> Result<(), gst::glib::BoolError> {
    let frames = (seconds * f64::from(fps)).ceil() as i32;
    let source = gst::ElementFactory::make("videotestsrc")
        .property("num-buffers", frames)
        .build()?;
    let class = source
        .property_type("pattern")
        .and_then(gst::glib::EnumClass::with_type);
    if class.is_none_or(|class| class.value_by_nick(pattern).is_none()) {
        return Err(gst::glib::bool_error!(
            "videotestsrc has no pattern {pattern:?}"
        ));
    }
    source.set_property_from_str("pattern", pattern);
    let size = gst_video::VideoCapsBuilder::new()
        .width(640)
        .height(360)
        .framerate((fps as i32, 1).into())
        .build();
    let format = gst::ElementFactory::make("capsfilter")
        .property("caps", size)
        .build()?;
    pipeline.add_many([&source, &format, sink.upcast_ref()])?;
    gst::Element::link_many([&source, &format, sink.upcast_ref()])
}

/// What has been played so far.
struct Playing {
    thinner: Thinner,
    converter: Option<Converter>,
    size: (u32, u32),
    /// The end of the last frame.
    last: MediaTime,
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
    fn take(&mut self, sample: &gst::Sample, outlet: &Outlet) -> Result<(), Stopped> {
        let Some((info, buffer)) = parts(sample) else {
            return outlet.told(self.last, "a picture without a format");
        };
        let Some(at) = self.time(sample, &buffer) else {
            return Ok(());
        };
        self.last = MediaTime::from_nanos(at.nanos() + duration(&info, &buffer));
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
            return Some(self.last);
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
        .or(rate)
        .unwrap_or(40_000_000)
}

/// Turns decoded pictures of one format into packed RGB of the encoder's size, in one step.
struct Converter {
    from: gst_video::VideoInfo,
    to: gst_video::VideoInfo,
    inner: gst_video::VideoConverter,
}

impl Converter {
    fn new(from: &gst_video::VideoInfo, (width, height): (u32, u32)) -> Result<Self, String> {
        let to = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
            // The converter changes pictures, never their rate.
            .fps(from.fps())
            .build()
            .map_err(|e| e.to_string())?;
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        let inner =
            gst_video::VideoConverter::new(from, &to, Some(config)).map_err(|e| e.to_string())?;
        Ok(Self {
            from: from.clone(),
            to,
            inner,
        })
    }

    fn convert(&self, buffer: gst::Buffer) -> Result<Image, String> {
        let from = gst_video::VideoFrame::from_buffer_readable(buffer, &self.from)
            .map_err(|_| "a picture that cannot be read".to_owned())?;
        let buffer = gst::Buffer::with_size(self.to.size()).map_err(|e| e.to_string())?;
        let mut to = gst_video::VideoFrame::from_buffer_writable(buffer, &self.to)
            .map_err(|_| "no memory for a picture".to_owned())?;
        self.inner.frame(&from, &mut to);
        let (width, height) = (self.to.width(), self.to.height());
        let stride = to.plane_stride()[0] as usize;
        let data = to.plane_data(0).map_err(|e| e.to_string())?;
        let rows = data
            .chunks(stride)
            .take(height as usize)
            .flat_map(|row| &row[..width as usize * 3]);
        Image::new(width, height, rows.copied().collect()).map_err(|e| e.to_string())
    }
}
