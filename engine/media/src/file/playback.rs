//! Plays a recording, a file or a test pattern, from its beginning to its end.
//!
//! The pipeline decodes video only (audio is never decoded) and turns pictures upright. Media time is GStreamer's stream
//! time: the position in the video, whatever the container's own numbers are. Where the graph has no room, the recording
//! waits. What lies before the first wanted picture, and between two that are far from each other, is read but not decoded:
//! the wanted pictures and their times are the same.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use atom_operators::data::MediaTime;
use gstreamer as gst;

use crate::{
    error::MediaError,
    frame_filter::FrameFilter,
    frame_sender::{Cancelled, FrameSender, PlaybackSummary},
    gst::{
        frame_converter::{Converting, duration, parts},
        pipeline::{Manner, Pipe, Trouble},
        selective_decoding::Gate,
    },
    location::Location,
    request::PlaybackRequest,
};

/// How long a pull waits before it looks for errors and for the end of the run.
const PULL: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// A file that gives no frame for so long is given up: local files answer at once.
const SILENCE: Duration = Duration::from_secs(30);
/// No codec lets more pictures wait for one that is shown before them.
const REORDERED: usize = 32;

/// Plays the source to its end. A recording that grows is played as far as it is whole, which may be nowhere.
///
/// # Errors
/// If not one frame could be used.
pub fn play_recording(
    wanted: PlaybackRequest,
    outlet: &FrameSender,
) -> Result<PlaybackSummary, MediaError> {
    let what = wanted.location.shown();
    let no_video = |reason| MediaError::NoVideo {
        what: what.clone(),
        reason,
    };
    let (resumed, growing) = (wanted.from > MediaTime::default(), wanted.growing);
    let mut playing = Playing::new(wanted);
    let outcome = match play_on(&mut playing, outlet) {
        Err(Cause::Misled) => {
            playing.again();
            play_on(&mut playing, outlet)
        }
        outcome => outcome,
    };
    let ended = PlaybackSummary {
        end: playing.end,
        complete: matches!(outcome, Ok(())) && playing.frames > 0 && !growing,
        frames: playing.frames,
    };
    let nothing = match outcome {
        Err(Cause::Stopped) => None,
        Err(_) if growing => None,
        Err(Cause::Fault(reason)) => Some(reason),
        Err(Cause::Misled) => Some("its pictures need others that are not there".into()),
        // A run that resumes at the very end finds nothing left.
        Ok(()) if playing.frames == 0 && (resumed || growing) => None,
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

fn play_on(playing: &mut Playing, outlet: &FrameSender) -> Result<(), Cause> {
    let manner = Manner {
        growing: playing.growing,
        ..Manner::default()
    };
    let opened = Pipe::open(&playing.location, manner);
    let pipe = opened.map_err(|broken| Cause::Fault(broken.said))?;
    playing.gate = pipe.gate.clone();
    playing.clocked = Arc::clone(&pipe.clocked);
    let played = Player { pipe }.run(playing, outlet);
    playing
        .thinner
        .count_undecoded(playing.gate.passed_over(), outlet);
    played
}

/// Why playing ended early.
enum Cause {
    Stopped,
    Fault(String),
    /// A picture was not decoded as it would have been with all that comes before it.
    Misled,
}

impl From<Cancelled> for Cause {
    fn from(_: Cancelled) -> Self {
        Self::Stopped
    }
}

struct Player {
    pipe: Pipe,
}

impl Player {
    fn run(&mut self, playing: &mut Playing, outlet: &FrameSender) -> Result<(), Cause> {
        let mut quiet = std::time::Instant::now();
        loop {
            if outlet.cancelled() {
                return Err(Cause::Stopped);
            }
            match self.pipe.pull(PULL) {
                Some(sample) => {
                    if playing.frames == 0 {
                        self.tell_length(outlet);
                    }
                    playing.take(sample, outlet)?;
                    quiet = std::time::Instant::now();
                }
                None if self.pipe.is_over() => return self.at_end(playing, outlet),
                None if quiet.elapsed() > SILENCE => {
                    return self.broken("it gave no picture for 30 s".into(), playing, outlet);
                }
                None => {}
            }
            match self.pipe.trouble() {
                Some(Trouble::Picture(why)) => playing.tell(&why, outlet)?,
                Some(Trouble::End(broken)) => return self.broken(broken.said, playing, outlet),
                None => {}
            }
        }
    }

    fn tell_length(&self, outlet: &FrameSender) {
        if let Some(length) = self.pipe.length() {
            outlet.length_ms.store(length.mseconds(), Relaxed);
        }
    }

    /// A file that says it is longer than what could be decoded was cut short: what there is counts, with a warning.
    fn at_end(&mut self, playing: &mut Playing, outlet: &FrameSender) -> Result<(), Cause> {
        playing.take_what_is_final(outlet)?;
        if let Some(broken) = self.pipe.fault().filter(|_| playing.frames == 0) {
            return Err(Cause::Fault(broken.said));
        }
        let length = self.pipe.length().map_or(0, gst::ClockTime::mseconds);
        let end = playing.end.millis();
        if playing.frames > 0 && length > end + 1000 && !playing.growing {
            let said = MediaTime::from_millis(length);
            let why = format!(
                "the video says it lasts {said}, its pictures end at {}: it was cut short",
                playing.end
            );
            outlet.report_fault(playing.at, &why)?;
        }
        Ok(())
    }

    /// An error after the first frame ends the source with what it gave.
    fn broken(
        &self,
        reason: String,
        playing: &mut Playing,
        outlet: &FrameSender,
    ) -> Result<(), Cause> {
        // What is decoded already waits in the sink.
        while let Some(sample) = self.pipe.pull(gst::ClockTime::ZERO) {
            playing.take(sample, outlet)?;
        }
        if playing.frames > 0 {
            playing.tell(&reason, outlet)?;
        }
        Err(Cause::Fault(reason))
    }
}

/// What has been played so far.
struct Playing {
    location: Location,
    thinner: FrameFilter,
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
    /// Whether the recording is still being written.
    growing: bool,
    /// Of such a recording: pictures before which others may still come.
    waiting: VecDeque<gst::Sample>,
    gate: Gate,
    /// Whether what is not wanted may be left undecoded.
    skips: bool,
    /// The next picture that is wanted is not shown before.
    next: MediaTime,
}

impl Playing {
    fn new(wanted: PlaybackRequest) -> Self {
        Self {
            location: wanted.location,
            thinner: FrameFilter::new(wanted.selection, wanted.from),
            converting: Converting::to(wanted.size),
            at: MediaTime::default(),
            end: MediaTime::default(),
            frames: 0,
            delivered: 0,
            trouble: None,
            clocked: Arc::default(),
            origin: None,
            growing: wanted.growing,
            waiting: VecDeque::new(),
            gate: Gate::new(false),
            skips: true,
            next: wanted.from,
        }
    }

    /// Begins anew, to decode everything; what was given already is left out.
    fn again(&mut self) {
        self.thinner.restart_from(self.next);
        self.skips = false;
        (self.at, self.end) = (MediaTime::default(), MediaTime::default());
        (self.frames, self.origin) = (0, None);
        self.waiting.clear();
    }

    /// Tells of a fault. What lies before the first wanted picture is none of this run's, and what is still being written
    /// may well be broken at its end.
    fn tell(&self, why: &str, outlet: &FrameSender) -> Result<(), Cancelled> {
        match self.growing || !self.at.reaches(self.thinner.from()) {
            true => Ok(()),
            false => outlet.report_fault(self.at, why),
        }
    }

    fn take(&mut self, sample: gst::Sample, outlet: &FrameSender) -> Result<(), Cause> {
        self.waiting.push_back(sample);
        self.take_what_is_final(outlet)
    }

    /// Takes the pictures before which no other can come any more.
    fn take_what_is_final(&mut self, outlet: &FrameSender) -> Result<(), Cause> {
        while let Some(sample) = self.waiting.pop_front() {
            if self.growing && !self.is_final(&sample) {
                self.waiting.push_front(sample);
                break;
            }
            self.take_final(&sample, outlet)?;
        }
        Ok(())
    }

    fn is_final(&self, sample: &gst::Sample) -> bool {
        if self.waiting.len() > REORDERED {
            return true;
        }
        let pts = sample.buffer().and_then(gst::BufferRef::pts);
        let shown = pts.and_then(|pts| stream_time(sample, pts));
        shown.is_some_and(|shown| shown < self.gate.horizon())
    }

    fn take_final(&mut self, sample: &gst::Sample, outlet: &FrameSender) -> Result<(), Cause> {
        let Some((info, buffer)) = parts(sample) else {
            return Ok(outlet.report_fault(self.at, "a picture without a format")?);
        };
        let Some(at) = self.time(sample, &buffer) else {
            return Ok(());
        };
        // Time never runs backwards, whatever a broken file says.
        let at = at.max(self.at);
        let broken = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
        if broken && at.reaches(self.next) && self.gate.skipped() {
            return Err(Cause::Misled);
        }
        self.at = at;
        self.end = MediaTime::from_nanos(at.nanos() + duration(&info, &buffer));
        self.frames += 1;
        let wanted = self.thinner.accept(at, outlet);
        self.look_ahead(at);
        if !wanted {
            return Ok(());
        }
        match self.converting.image(&info, buffer) {
            Ok(image) => {
                self.delivered += 1;
                Ok(outlet.send_frame(at, image)?)
            }
            Err(why) => {
                self.trouble = Some(why.clone());
                Ok(outlet.report_unusable_frame(at, &why)?)
            }
        }
    }

    /// Says from when on pictures are wanted after this one.
    fn look_ahead(&mut self, at: MediaTime) {
        if let Some(next) = self.thinner.next_wanted(at).filter(|_| self.skips) {
            self.next = next;
            let origin = self.origin.unwrap_or_default();
            let in_stream =
                |at: MediaTime| MediaTime::from_nanos(at.nanos().saturating_add(origin));
            self.gate.count_from(in_stream(self.thinner.from()));
            self.gate.want(in_stream(next));
        }
    }

    /// The position in the video; none for pictures that the container hides before its beginning. MPEG streams begin
    /// with their first picture.
    fn time(&mut self, sample: &gst::Sample, buffer: &gst::Buffer) -> Option<MediaTime> {
        let Some(pts) = buffer.pts() else {
            return Some(self.end);
        };
        let time = stream_time(sample, pts)?;
        let origin = match self.clocked.load(Relaxed) {
            true => *self.origin.get_or_insert(time),
            false => 0,
        };
        Some(MediaTime::from_nanos(time.saturating_sub(origin)))
    }
}

/// The position in the stream, in nanoseconds; none for what the container hides.
fn stream_time(sample: &gst::Sample, pts: gst::ClockTime) -> Option<u64> {
    let segment = sample
        .segment()
        .and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let time = segment.map_or(Some(pts), |segment| segment.to_stream_time(pts))?;
    Some(time.nseconds())
}
