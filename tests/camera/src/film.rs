//! A video as encoded pictures in memory, so that playing it again and again costs almost nothing.
//!
//! The film is H.264 without pictures that look ahead, with a key frame at least once a second; its first picture is a
//! key frame with the parameter sets, so a film can follow itself or any other film without a seam.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

/// Longest film that is kept; what follows in the file is left out.
const LONGEST_SECONDS: usize = 60;
/// A file that gives no picture for so long is given up.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a pull waits before it looks for errors.
const PULL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Size and rate of a film; the video is scaled (with borders where the shape differs) and its rate changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilmOptions {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
}

impl Default for FilmOptions {
    fn default() -> Self {
        Self {
            width: 640,
            height: 360,
            fps: 15,
        }
    }
}

/// An encoded video in memory. Clones share the pictures.
#[derive(Clone, Debug)]
pub struct Film {
    pictures: Arc<[Picture]>,
    options: FilmOptions,
}

/// One encoded picture.
#[derive(Debug)]
pub(crate) struct Picture {
    /// H.264 in byte-stream format, one access unit, without times.
    pub data: gst::Buffer,
    /// Whether decoding can begin here.
    pub key: bool,
}

impl Film {
    /// Encodes the first minute of a video file.
    ///
    /// # Errors
    /// If the file cannot be decoded, or holds no pictures.
    pub fn of(path: &Path, options: FilmOptions) -> Result<Self> {
        let what = path.display().to_string();
        gst::init().context("cannot start GStreamer")?;
        let whole = path
            .canonicalize()
            .with_context(|| format!("cannot open {what:?}"))?;
        let uri = gst::glib::filename_to_uri(&whole, None)?;
        // Without (ANY) the decoders are filtered too strictly, and none is found.
        let start = "uridecodebin name=start expose-all-streams=false caps=video/x-raw(ANY)";
        let pipeline = encoder(start, options)?;
        let start = pipeline.by_name("start").context("no decoder was built")?;
        start.set_property("uri", uri.as_str());
        Self::run(&pipeline, options).with_context(|| format!("cannot make a film of {what:?}"))
    }

    /// Draws a film of so many seconds: a pattern of GStreamer's test source, such as `ball`, `smpte` or `snow`.
    ///
    /// # Errors
    /// If there is no such pattern.
    pub fn drawn(pattern: &str, seconds: u32, options: FilmOptions) -> Result<Self> {
        gst::init().context("cannot start GStreamer")?;
        let known = pattern
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
        ensure!(known, "{pattern:?} is no pattern of videotestsrc");
        let count = seconds * options.fps;
        let rate = options.fps;
        let start = format!(
            "videotestsrc pattern={pattern} num-buffers={count} ! video/x-raw,framerate={rate}/1"
        );
        let pipeline = encoder(&start, options)?;
        Self::run(&pipeline, options).with_context(|| format!("cannot draw the film {pattern:?}"))
    }

    /// Size and rate, as asked for.
    pub fn options(&self) -> FilmOptions {
        self.options
    }

    /// How many pictures the film has before it begins again.
    pub fn length(&self) -> usize {
        self.pictures.len()
    }

    pub(crate) fn picture(&self, at: usize) -> &Picture {
        &self.pictures[at % self.pictures.len()]
    }

    fn run(pipeline: &gst::Pipeline, options: FilmOptions) -> Result<Self> {
        let pictures = collect(pipeline, LONGEST_SECONDS * options.fps as usize);
        let _ = pipeline.set_state(gst::State::Null);
        // A stream that does not begin with a key frame cannot be shown from its beginning.
        let mut pictures = pictures?;
        let begin = pictures.iter().position(|picture| picture.key);
        pictures.drain(..begin.context("it gave no pictures")?);
        Ok(Self {
            pictures: pictures.into(),
            options,
        })
    }
}

/// A pipeline from the elements given to encoded pictures in the sink `end`.
fn encoder(start: &str, options: FilmOptions) -> Result<gst::Pipeline> {
    let FilmOptions { width, height, fps } = options;
    let even = width > 0 && height > 0 && width.is_multiple_of(2) && height.is_multiple_of(2);
    ensure!(even, "the size {width}x{height} is not of even numbers");
    ensure!(fps > 0, "a film needs at least one picture a second");
    let launch = format!(
        "{start} ! videorate ! queue ! videoconvertscale \
         ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1,pixel-aspect-ratio=1/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} ! h264parse config-interval=-1 \
         ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=end sync=false max-buffers=64"
    );
    let bin = gst::parse::launch(&launch).context("cannot build the encoder")?;
    bin.downcast()
        .map_err(|_| anyhow::anyhow!("cannot build the encoder"))
}

fn collect(pipeline: &gst::Pipeline, most: usize) -> Result<Vec<Picture>> {
    let end = pipeline.by_name("end").context("the encoder has no end")?;
    let sink = end
        .downcast::<AppSink>()
        .map_err(|_| anyhow::anyhow!("the end is no appsink"))?;
    if pipeline.set_state(gst::State::Playing).is_err() {
        bail!(fault(pipeline).unwrap_or_else(|| "GStreamer cannot play it".into()));
    }
    let mut pictures = Vec::new();
    let mut heard = Instant::now();
    while pictures.len() < most {
        if let Some(sample) = sink.try_pull_sample(PULL) {
            pictures.extend(picture(&sample));
            heard = Instant::now();
        } else if let Some(reason) = fault(pipeline) {
            bail!(reason);
        } else if sink.is_eos() {
            break;
        } else {
            ensure!(heard.elapsed() < SILENCE, "it gave no picture for 20 s");
        }
    }
    Ok(pictures)
}

/// Copies the bytes: the encoder's own buffers belong to its pool.
fn picture(sample: &gst::Sample) -> Option<Picture> {
    let buffer = sample.buffer()?;
    let bytes = buffer.map_readable().ok()?.to_vec();
    Some(Picture {
        data: gst::Buffer::from_slice(bytes),
        key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
    })
}

/// The error that ended the pipeline, if there is one.
fn fault(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: FilmOptions = FilmOptions {
        width: 160,
        height: 120,
        fps: 10,
    };

    #[test]
    fn a_drawn_film_has_a_key_frame_each_second_and_begins_with_one() {
        let film = Film::drawn("ball", 3, SMALL).unwrap();
        assert_eq!(film.length(), 30);
        let keys = (0..30).filter(|&at| film.picture(at).key);
        assert_eq!(keys.collect::<Vec<_>>(), [0, 10, 20]);
        assert!(film.picture(30).key, "it begins again");
    }

    #[test]
    fn a_film_that_cannot_be_made_says_why() {
        let told = |film: Result<Film>| format!("{:#}", film.unwrap_err());
        let absent = told(Film::of(Path::new("/absent.mp4"), SMALL));
        assert!(absent.contains("/absent.mp4"), "{absent}");
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.mp4");
        std::fs::write(&text, "no video").unwrap();
        let no_video = told(Film::of(&text, SMALL));
        assert!(no_video.contains("text.mp4"), "{no_video}");
        let unknown = told(Film::drawn("nonsense", 1, SMALL));
        assert!(unknown.contains("encoder"), "{unknown}");
        assert!(Film::drawn("ball ! fakesink", 1, SMALL).is_err());
    }
}
