//! Processes the decoded frames of one recording: assigns media times, filters, converts and sends frames, and says which packets
//! need not be decoded.
//!
//! Invariant: media time never decreases, whatever a damaged file's timestamps are.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use atom_operators::media_time::MediaTime;
use gstreamer as gst;

use crate::{
    frame_filter::FrameFilter,
    frame_sender::{Cancelled, FrameSender},
    gst::{
        frame_converter::{FrameConverter, format_and_buffer, frame_duration},
        selective_decoding::SelectiveDecoding,
        video_pipeline::VideoPipeline,
    },
    key_frame_wait::KeyFrameWait,
    playback_request::PlaybackRequest,
    source_location::Location,
};

/// No codec lets more frames wait for one that is shown before them.
const MAX_REORDERED: usize = 32;

/// The reason why playback ended early.
pub(super) enum PlaybackStop {
    Cancelled,
    Failed(String),
    /// Nothing more is read, for no known reason.
    Stuck,
    /// A frame was not decoded as it would have been with everything before it.
    WronglyDecoded,
}

impl From<Cancelled> for PlaybackStop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// The frame processing of one recording, with its progress.
pub(super) struct FrameProcessor {
    pub(super) location: Location,
    /// True if the recording is still being written.
    pub(super) growing: bool,
    /// Media time of the last frame.
    pub(super) at: MediaTime,
    /// Media time of the end of the last frame.
    pub(super) end: MediaTime,
    /// Number of decoded frames.
    pub(super) frames: u64,
    /// Number of frames sent.
    pub(super) delivered: u64,
    /// The problem with the last frame that could not be used.
    pub(super) unusable: Option<String>,
    filter: FrameFilter,
    converter: FrameConverter,
    key_frame_wait: KeyFrameWait,
    /// True if the container's clock starts anywhere.
    mpeg_clock: Arc<AtomicBool>,
    /// Stream time of the first frame, in nanoseconds, if the clock starts anywhere.
    origin: Option<u64>,
    /// Frames of a growing recording before which others may still come.
    reordering: VecDeque<gst::Sample>,
    decoding: SelectiveDecoding,
    /// True if frames that are not wanted need not be decoded.
    skips: bool,
    /// The next wanted frame is not shown before this.
    next_wanted: MediaTime,
}

impl FrameProcessor {
    pub(super) fn new(request: PlaybackRequest) -> Self {
        Self {
            location: request.location,
            growing: request.growing,
            at: MediaTime::default(),
            end: MediaTime::default(),
            frames: 0,
            delivered: 0,
            unusable: None,
            filter: FrameFilter::new(request.selection, request.from),
            converter: FrameConverter::new(request.size),
            key_frame_wait: KeyFrameWait::default(),
            mpeg_clock: Arc::default(),
            origin: None,
            reordering: VecDeque::new(),
            decoding: SelectiveDecoding::new(false),
            skips: true,
            next_wanted: request.from,
        }
    }

    /// Connects the state to the pipeline that plays.
    pub(super) fn attach(&mut self, pipeline: &VideoPipeline) {
        self.decoding = pipeline.decoding.clone();
        self.decoding.count_from(self.filter.from());
        self.key_frame_wait.start_pipeline();
        self.mpeg_clock = Arc::clone(&pipeline.mpeg_clock);
    }

    /// Starts over, to decode everything; frames sent already are left out.
    pub(super) fn restart_without_skipping(&mut self) {
        self.filter.restart_from(self.next_wanted);
        self.skips = false;
        (self.at, self.end) = (MediaTime::default(), MediaTime::default());
        (self.frames, self.origin) = (0, None);
        self.reordering.clear();
    }

    /// Counts the frames that are kept back because data is missing, and reports the wait for a key frame.
    pub(super) fn observe_concealment(&mut self, sender: &FrameSender) {
        let status = &self.decoding.concealment;
        self.key_frame_wait.observe(status, &self.filter, sender);
    }

    /// True if frames came, but each of them depends on data that is missing.
    pub(super) fn all_concealed(&self) -> bool {
        self.frames == 0 && self.decoding.concealment.waiting()
    }

    /// Counts the frames that were not even decoded.
    pub(super) fn count_undecoded(&self, sender: &FrameSender) {
        self.filter
            .count_undecoded(self.decoding.take_skipped(), sender);
    }

    /// Reports a fault; not before the first wanted frame, and not of a growing recording, whose end may well be damaged.
    pub(super) fn report_fault(&self, why: &str, sender: &FrameSender) -> Result<(), Cancelled> {
        match self.growing || !self.at.reaches(self.filter.from()) {
            true => Ok(()),
            false => sender.report_fault(self.at, why),
        }
    }

    /// Takes the next frame.
    pub(super) fn take(
        &mut self,
        sample: gst::Sample,
        sender: &FrameSender,
    ) -> Result<(), PlaybackStop> {
        self.reordering.push_back(sample);
        self.take_final_frames(sender)
    }

    /// Processes the frames before which no other can come any more.
    pub(super) fn take_final_frames(&mut self, sender: &FrameSender) -> Result<(), PlaybackStop> {
        while let Some(sample) = self.reordering.pop_front() {
            if self.growing && !self.is_final(&sample) {
                self.reordering.push_front(sample);
                break;
            }
            self.process(&sample, sender)?;
        }
        Ok(())
    }

    fn is_final(&self, sample: &gst::Sample) -> bool {
        if self.reordering.len() > MAX_REORDERED {
            return true;
        }
        let pts = sample.buffer().and_then(gst::BufferRef::pts);
        let time = pts.and_then(|pts| stream_time(sample, pts));
        time.is_some_and(|time| time < self.decoding.horizon())
    }

    fn process(&mut self, sample: &gst::Sample, sender: &FrameSender) -> Result<(), PlaybackStop> {
        let Some((format, buffer)) = format_and_buffer(sample) else {
            return Ok(sender.report_fault(self.at, "the frame has no format")?);
        };
        let Some(at) = self.media_time(sample, &buffer) else {
            return Ok(());
        };
        let at = at.max(self.at);
        let damaged = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
        if damaged && at.reaches(self.next_wanted) && self.decoding.skipped_any() {
            return Err(PlaybackStop::WronglyDecoded);
        }
        self.at = at;
        self.end = MediaTime::from_nanos(at.nanos() + frame_duration(&format, &buffer));
        self.frames += 1;
        let wanted = self.filter.accept(at, sender);
        self.look_ahead(at);
        if !wanted {
            return Ok(());
        }
        match self.converter.convert(&format, buffer) {
            Ok(image) => {
                self.delivered += 1;
                Ok(sender.send_frame(at, image)?)
            }
            Err(why) => {
                self.unusable = Some(why.clone());
                Ok(sender.report_unusable_frame(at, &why)?)
            }
        }
    }

    /// Sets the time from which packets must be decoded after a frame at `at`.
    fn look_ahead(&mut self, at: MediaTime) {
        if let Some(next) = self.filter.next_wanted(at).filter(|_| self.skips) {
            self.next_wanted = next;
            let origin = self.origin.unwrap_or_default();
            let in_stream =
                |at: MediaTime| MediaTime::from_nanos(at.nanos().saturating_add(origin));
            self.decoding.count_from(in_stream(self.filter.from()));
            self.decoding.want_from(in_stream(next));
        }
    }

    /// Returns the media time of a frame; none for a frame that the container hides before its start. MPEG streams start
    /// with their first frame.
    fn media_time(&mut self, sample: &gst::Sample, buffer: &gst::Buffer) -> Option<MediaTime> {
        let Some(pts) = buffer.pts() else {
            return Some(self.end);
        };
        let time = stream_time(sample, pts)?;
        if self.mpeg_clock.load(Relaxed) {
            self.origin.get_or_insert(time);
        }
        Some(self.since_origin(time))
    }

    /// Returns the media time of a stream time in nanoseconds.
    pub(super) fn since_origin(&self, time: u64) -> MediaTime {
        MediaTime::from_nanos(time.saturating_sub(self.origin.unwrap_or_default()))
    }
}

/// Returns the position in the stream, in nanoseconds; none for what the container hides.
fn stream_time(sample: &gst::Sample, pts: gst::ClockTime) -> Option<u64> {
    let segment = sample
        .segment()
        .and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let time = segment.map_or(Some(pts), |segment| segment.to_stream_time(pts))?;
    Some(time.nseconds())
}
