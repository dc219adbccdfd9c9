//! A video as encoded frames in memory, so that playing it in a loop costs almost nothing.
//!
//! An encoded video is H.264 without B-frames, with a key frame at least once a second. Its first frame is a key frame with the
//! parameter sets, so a video can follow itself or any other video seamlessly. A copied video is H.264 or H.265 as it is in a
//! file, with any distance of key frames; it can only follow itself.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

/// The longest video that is encoded; the rest of a longer file is ignored.
const MAX_SECONDS: usize = 60;
/// The time without a decoded frame after which encoding fails.
const FRAME_TIMEOUT: Duration = Duration::from_secs(20);
/// The time to wait for a sample before looking for errors.
const PULL_TIMEOUT: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// The size and the frame rate of an encoded video. The source is scaled, with borders if its aspect ratio differs, and its
/// frame rate is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
}

impl Default for VideoFormat {
    fn default() -> Self {
        Self {
            width: 640,
            height: 360,
            fps: 15,
        }
    }
}

/// The codec of a copied video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264.
    H264,
    /// H.265.
    H265,
}

/// An encoded video in memory. Clones share the frames.
#[derive(Clone, Debug)]
pub struct EncodedVideo {
    frames: Arc<[AccessUnit]>,
    format: VideoFormat,
    /// The codec and the GStreamer format of a copied video.
    copied: Option<(VideoCodec, gst::Caps)>,
}

/// One encoded frame.
#[derive(Debug)]
pub(crate) struct AccessUnit {
    /// One access unit without timestamps: H.264 in byte-stream format, or as it was copied.
    pub data: gst::Buffer,
    /// Its GStreamer format.
    pub caps: Option<gst::Caps>,
    /// True for a key frame, from which decoding can start.
    pub key: bool,
}

impl EncodedVideo {
    /// Encodes the first minute of a video file.
    ///
    /// # Errors
    /// The file cannot be decoded or has no video.
    pub fn from_file(path: &Path, format: VideoFormat) -> Result<Self> {
        let name = path.display().to_string();
        gst::init().context("cannot start GStreamer")?;
        let absolute = path
            .canonicalize()
            .with_context(|| format!("cannot open {name:?}"))?;
        let uri = gst::glib::filename_to_uri(&absolute, None)?;
        // Without (ANY) the caps filter excludes every decoder.
        let source = "uridecodebin name=source expose-all-streams=false caps=video/x-raw(ANY)";
        let pipeline = encoder_pipeline(source, format)?;
        let decoder = pipeline.by_name("source").context("no decoder was built")?;
        decoder.set_property("uri", uri.as_str());
        Self::encode(&pipeline, format).with_context(|| format!("cannot encode the video {name:?}"))
    }

    /// Encodes a pattern of GStreamer's `videotestsrc`, such as `ball`, `smpte` or `snow`.
    ///
    /// # Errors
    /// The pattern does not exist.
    pub fn from_test_pattern(pattern: &str, seconds: u32, format: VideoFormat) -> Result<Self> {
        gst::init().context("cannot start GStreamer")?;
        // Other characters could add elements to the pipeline.
        let plain = pattern
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
        ensure!(plain, "{pattern:?} is no pattern of videotestsrc");
        let fps = format.fps;
        let count = seconds * fps;
        let source = format!(
            "videotestsrc pattern={pattern} num-buffers={count} ! video/x-raw,framerate={fps}/1"
        );
        let pipeline = encoder_pipeline(&source, format)?;
        Self::encode(&pipeline, format)
            .with_context(|| format!("cannot encode the test pattern {pattern:?}"))
    }

    /// Copies the frames of a Matroska file as they are, without B-frames, to be played at this frame rate.
    ///
    /// # Errors
    /// The file cannot be read or has no video of this codec.
    pub fn copied_from(path: &Path, codec: VideoCodec, fps: u32) -> Result<Self> {
        gst::init().context("cannot start GStreamer")?;
        let launch = match codec {
            VideoCodec::H264 => "h264parse ! video/x-h264,stream-format=avc,alignment=au",
            VideoCodec::H265 => "h265parse ! video/x-h265,stream-format=hvc1,alignment=au",
        };
        let launch = format!(
            "filesrc name=source ! matroskademux ! {launch} ! appsink name=frames sync=false max-buffers=64"
        );
        let pipeline = built(&launch)?;
        let source = pipeline.by_name("source").context("there is no source")?;
        source.set_property("location", path);
        let format = VideoFormat {
            fps,
            ..VideoFormat::default()
        };
        let mut video = Self::encode(&pipeline, format)
            .with_context(|| format!("cannot copy {:?}", path.display()))?;
        let caps = video.frames.first().and_then(|frame| frame.caps.clone());
        video.copied = Some((codec, caps.context("the frames have no format")?));
        Ok(video)
    }

    /// Returns the codec and the GStreamer format of a copied video; none for an encoded one.
    pub(crate) fn copied(&self) -> Option<(VideoCodec, &gst::Caps)> {
        self.copied.as_ref().map(|(codec, caps)| (*codec, caps))
    }

    /// Returns the size and the frame rate.
    pub fn format(&self) -> VideoFormat {
        self.format
    }

    /// Returns the number of frames before the video repeats.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Returns a frame; indexes past the end start again at the beginning.
    pub(crate) fn frame(&self, index: usize) -> &AccessUnit {
        &self.frames[index % self.frames.len()]
    }

    fn encode(pipeline: &gst::Pipeline, format: VideoFormat) -> Result<Self> {
        let frames = collect_frames(pipeline, MAX_SECONDS * format.fps as usize);
        let _ = pipeline.set_state(gst::State::Null);
        let mut frames = frames?;
        // Frames before the first key frame cannot be decoded.
        let first_key = frames.iter().position(|frame| frame.key);
        frames.drain(..first_key.context("it gave no pictures")?);
        Ok(Self {
            frames: frames.into(),
            format,
            copied: None,
        })
    }
}

/// Builds a pipeline that encodes the video of the given source elements into the appsink `frames`.
fn encoder_pipeline(source: &str, format: VideoFormat) -> Result<gst::Pipeline> {
    let VideoFormat { width, height, fps } = format;
    let even = width > 0 && height > 0 && width.is_multiple_of(2) && height.is_multiple_of(2);
    ensure!(even, "the size {width}x{height} is not of even numbers");
    ensure!(fps > 0, "a video needs at least one frame per second");
    let launch = format!(
        "{source} ! videorate ! queue ! videoconvertscale \
         ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1,pixel-aspect-ratio=1/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} ! h264parse config-interval=-1 \
         ! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=frames sync=false max-buffers=64"
    );
    built(&launch)
}

fn built(launch: &str) -> Result<gst::Pipeline> {
    let bin = gst::parse::launch(launch).context("cannot build the encoder")?;
    bin.downcast()
        .map_err(|_| anyhow::anyhow!("cannot build the encoder"))
}

fn collect_frames(pipeline: &gst::Pipeline, max_frames: usize) -> Result<Vec<AccessUnit>> {
    let sink = pipeline
        .by_name("frames")
        .and_then(|sink| sink.downcast::<AppSink>().ok())
        .context("the encoder has no appsink")?;
    if pipeline.set_state(gst::State::Playing).is_err() {
        bail!(pipeline_error(pipeline).unwrap_or_else(|| "GStreamer cannot play it".into()));
    }
    let mut frames = Vec::new();
    let mut last_frame = Instant::now();
    while frames.len() < max_frames {
        if let Some(sample) = sink.try_pull_sample(PULL_TIMEOUT) {
            frames.extend(access_unit(&sample));
            last_frame = Instant::now();
        } else if let Some(reason) = pipeline_error(pipeline) {
            bail!(reason);
        } else if sink.is_eos() {
            break;
        } else {
            ensure!(
                last_frame.elapsed() < FRAME_TIMEOUT,
                "it gave no picture for 20 s"
            );
        }
    }
    Ok(frames)
}

/// Copies a frame out of the encoder's buffer pool.
fn access_unit(sample: &gst::Sample) -> Option<AccessUnit> {
    let buffer = sample.buffer()?;
    let bytes = buffer.map_readable().ok()?.to_vec();
    Some(AccessUnit {
        data: gst::Buffer::from_slice(bytes),
        caps: sample.caps_owned(),
        key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
    })
}

/// Returns the first error on the pipeline's bus.
fn pipeline_error(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: VideoFormat = VideoFormat {
        width: 160,
        height: 120,
        fps: 10,
    };

    #[test]
    fn a_test_pattern_has_a_key_frame_each_second_and_starts_with_one() {
        let video = EncodedVideo::from_test_pattern("ball", 3, SMALL).unwrap();
        assert_eq!(video.frame_count(), 30);
        let keys = (0..30).filter(|&index| video.frame(index).key);
        assert_eq!(keys.collect::<Vec<_>>(), [0, 10, 20]);
        assert!(video.frame(30).key, "it starts again");
    }

    #[test]
    fn an_encoding_error_names_the_file_and_the_cause() {
        let error = |video: Result<EncodedVideo>| format!("{:#}", video.unwrap_err());
        let absent = error(EncodedVideo::from_file(Path::new("/absent.mp4"), SMALL));
        assert!(absent.contains("/absent.mp4"), "{absent}");
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.mp4");
        std::fs::write(&text, "no video").unwrap();
        let no_video = error(EncodedVideo::from_file(&text, SMALL));
        assert!(no_video.contains("text.mp4"), "{no_video}");
        let unknown = error(EncodedVideo::from_test_pattern("nonsense", 1, SMALL));
        assert!(unknown.contains("encoder"), "{unknown}");
        assert!(EncodedVideo::from_test_pattern("ball ! fakesink", 1, SMALL).is_err());
    }
}
