//! Segmentation: groups encoded frames into segments.
//!
//! A segment closes on data: on a later frame of its source that belongs to the next segment, or on the source's end. It
//! leaves at the time of the record that closed it, and the operator holds no capability for the open one. Segments are
//! cut into tumbling windows: one ends at every multiple of the length, and a scene change only divides a window further.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use atom_models::{Fault, Reason, VisualFeatures};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};
use tracing::{Span, debug_span};

use crate::{
    credits::Permit,
    event::{EncodedEvent, IdleHeartbeat, SourceEnd},
    failure::{Failure, Outcome, Stage},
    frame::EncodedFrame,
    ids::SourceId,
    media_time::{MediaTime, ROUNDING_NANOS},
    spec::{SpecError, require},
};

#[cfg(test)]
mod tests;

/// Groups encoded frames into segments: the unit of captions, search and answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentSpec {
    /// A segment ends at each multiple of this media time, in milliseconds. Shorter segments give earlier captions and
    /// need more decoder runs.
    pub length_ms: u64,
    /// A segment also ends where the scene changes by more than this share of the colour histogram, 0 to 1. With 1, no
    /// scene change ends a segment.
    pub scene_change: f64,
    /// A scene change never makes a segment shorter than this media time, in milliseconds.
    pub shortest_ms: u64,
}

impl Default for SegmentSpec {
    fn default() -> Self {
        Self {
            length_ms: 4000,
            scene_change: 0.35,
            shortest_ms: 1000,
        }
    }
}

impl SegmentSpec {
    /// Smallest useful settings of this node in a pipeline file.
    pub const EXAMPLE: &str = "kind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 4000\n";

    /// Rejects lengths and thresholds outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        require(
            (100..=3_600_000).contains(&self.length_ms),
            "length_ms",
            self.length_ms,
            "100 to 3600000 (a tenth of a second to an hour)",
        )?;
        require(
            (0.0..=1.0).contains(&self.scene_change),
            "scene_change",
            self.scene_change,
            "0 to 1",
        )
    }
}

/// Identifies a segment: no two segments of one segment node start at the same media time of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The source of the frames.
    pub source: SourceId,
    /// Start of the segment.
    pub start: MediaTime,
}

/// Consecutive encoded frames of one source that belong together.
#[derive(Debug)]
pub struct Segment {
    /// Source and start.
    pub key: SegmentKey,
    /// End of the segment; the next one starts here or later.
    pub end: MediaTime,
    /// The frames in order, at least one of a real segment.
    pub frames: Vec<Arc<EncodedFrame>>,
    /// The features of the frames, pooled.
    pub features: VisualFeatures,
    /// The segment's credit.
    pub(crate) permit: Option<Permit>,
    /// Wall-clock time at which the segment was known to be over: the arrival of the frame after it.
    pub closed_at: Instant,
    /// The tracing span of the segment, open until the last reference to the segment is dropped.
    pub span: Span,
}

impl Segment {
    /// Creates a segment without frames and without a credit, for tests and examples.
    pub fn synthetic(key: SegmentKey, end: MediaTime, features: VisualFeatures) -> Self {
        Self {
            key,
            end,
            frames: Vec::new(),
            features,
            permit: None,
            closed_at: Instant::now(),
            span: Span::none(),
        }
    }

    /// Reports overload of the source: a result about this segment came too late.
    pub(crate) fn report_overload(&self) {
        if let Some(permit) = &self.permit {
            permit.credits().report_overload();
        }
    }

    /// Returns the time after which results about this segment are useless; `None` for a recording.
    pub fn deadline(&self) -> Option<Instant> {
        let late_after = self.permit.as_ref()?.credits().late_after()?;
        Some(self.closed_at + late_after)
    }
}

/// A segment that closed, or a window in which no frame could be used.
#[derive(Clone, Debug)]
pub struct ClosedSegment {
    /// Source and start.
    pub key: SegmentKey,
    /// End of the segment.
    pub end: MediaTime,
    /// The segment, or the reason why there is none.
    pub result: Outcome<Arc<Segment>>,
}

/// A record from a segment node.
#[derive(Clone, Debug)]
pub enum SegmentEvent {
    /// A segment closed.
    Closed(ClosedSegment),
    /// No frame of the source before this time will come; a segment that was open before it has closed.
    Idle(SourceId, MediaTime),
    /// The source ended; its last segment has closed.
    End(SourceEnd),
}

/// The core: the open segment of one source.
#[derive(Debug)]
struct Segmenter {
    source: SourceId,
    spec: SegmentSpec,
    open: Option<OpenSegment>,
}

#[derive(Debug)]
struct OpenSegment {
    window: u64,
    start: MediaTime,
    frames: Vec<Arc<EncodedFrame>>,
    lost: Option<Failure>,
}

impl OpenSegment {
    fn new(window: u64, start: MediaTime) -> Self {
        Self {
            window,
            start,
            frames: Vec::new(),
            lost: None,
        }
    }

    /// Returns the media time of the last frame, or the start if there is none.
    fn last_at(&self) -> MediaTime {
        self.frames.last().map_or(self.start, |frame| frame.at)
    }
}

/// Longest delay of a window's first frame with which the segment still starts at the window; after a longer delay it
/// starts at the frame.
pub const START_TOLERANCE: MediaTime = MediaTime::from_millis(500);

impl Segmenter {
    /// Creates a segmenter without an open segment.
    fn new(source: SourceId, spec: SegmentSpec) -> Self {
        Self {
            source,
            spec,
            open: None,
        }
    }

    /// Adds the next record; returns the segment that it closed.
    fn push(&mut self, event: EncodedEvent) -> Option<ClosedSegment> {
        match event {
            EncodedEvent::Frame(frame) => {
                let closed = self.close_before(frame.at, frame.received_at);
                let closed = closed.or_else(|| self.cut_scene(&frame));
                self.open_at(frame.at).frames.push(frame);
                closed
            }
            EncodedEvent::Lost(failure) => {
                let at = failure.at;
                let closed = self.close_before(at, Instant::now());
                self.open_at(at).lost = Some(failure);
                closed
            }
            EncodedEvent::Idle(idle) => self.close_if_idle(&idle),
            EncodedEvent::End(end) => {
                let open = self.open.as_ref()?;
                let boundary = self.boundary(open.window);
                let until = end.at.min(boundary).max(open.last_at()).max(open.start);
                self.close(until, Instant::now())
            }
        }
    }

    /// Closes the open segment if a record at this time is beyond its window.
    fn close_before(&mut self, at: MediaTime, now: Instant) -> Option<ClosedSegment> {
        let window = self.open.as_ref()?.window;
        if window == self.window(at) {
            None
        } else {
            self.close(self.boundary(window), now)
        }
    }

    /// Closes the open segment if no frame of its window can come any more; it ends where the frames ended.
    fn close_if_idle(&mut self, idle: &IdleHeartbeat) -> Option<ClosedSegment> {
        let open = self.open.as_ref()?;
        if open.window >= self.window(idle.until) {
            return None;
        }
        let end = idle
            .from
            .max(open.last_at())
            .min(self.boundary(open.window));
        self.close(end, Instant::now())
    }

    /// Closes the open segment if the scene changes with this frame, and opens the next one in the same window.
    fn cut_scene(&mut self, frame: &EncodedFrame) -> Option<ClosedSegment> {
        let open = self.open.as_ref()?;
        let last = open.frames.last()?;
        let long = frame.at.millis().saturating_sub(open.start.millis()) >= self.spec.shortest_ms;
        let changed = last.signature.colour_change(&frame.signature) > self.spec.scene_change;
        if !(long && changed) {
            return None;
        }
        let window = open.window;
        let closed = self.close(frame.at, frame.received_at);
        self.open = Some(OpenSegment::new(window, frame.at));
        closed
    }

    fn open_at(&mut self, at: MediaTime) -> &mut OpenSegment {
        let window = self.window(at);
        let window_start = MediaTime::from_millis(window * self.spec.length_ms);
        let late = at.nanos().saturating_sub(window_start.nanos()) > START_TOLERANCE.nanos();
        let start = if late { at } else { window_start };
        self.open.get_or_insert(OpenSegment::new(window, start))
    }

    fn close(&mut self, end: MediaTime, now: Instant) -> Option<ClosedSegment> {
        let open = self.open.take()?;
        let key = SegmentKey {
            source: self.source,
            start: open.start,
        };
        let result = match VisualFeatures::pool(open.frames.iter().map(|frame| &frame.features)) {
            Some(features) => {
                let mut credits = open
                    .frames
                    .iter()
                    .filter_map(|frame| frame.credits.as_ref());
                Ok(Arc::new(Segment {
                    key,
                    end,
                    permit: credits.next().map(|credits| credits.segment_permit()),
                    frames: open.frames,
                    features,
                    closed_at: now,
                    span: segment_span(key, end),
                }))
            }
            None => Err(all_frames_lost(key, open.lost)),
        };
        Some(ClosedSegment { key, end, result })
    }

    fn window(&self, at: MediaTime) -> u64 {
        (at.nanos() + ROUNDING_NANOS) / MediaTime::from_millis(self.spec.length_ms).nanos()
    }

    /// Returns the end of a window.
    fn boundary(&self, window: u64) -> MediaTime {
        MediaTime::from_millis((window + 1) * self.spec.length_ms)
    }
}

/// Opens the tracing span of a segment. It names the source by number; the engine knows its name.
fn segment_span(key: SegmentKey, end: MediaTime) -> Span {
    let SegmentKey { source, start } = key;
    debug_span!("segment", %source, %start, %end)
}

fn all_frames_lost(key: SegmentKey, lost: Option<Failure>) -> Failure {
    let last = lost.map_or_else(String::new, |failure| {
        format!(", the last one because of {}", failure.fault)
    });
    let fault = Fault::new(
        Reason::Missing,
        format!("no frame of the segment could be used{last}"),
    );
    Failure {
        stage: Stage::Encode,
        source: key.source,
        at: key.start,
        fault,
    }
}

/// Cuts the frames of each source into segments.
///
/// ```
/// use std::sync::{Arc, mpsc};
///
/// use atom_models::{Image, fake::FakeVisionEncoder};
/// use atom_operators::{
///     circuit_breaker::CircuitBreaker, encode::encode, event::{IntakeEvent, SourceEnd},
///     frame::Frame, ids::{NodeId, SourceId}, media_time::MediaTime, offload::ThreadGroup,
///     segment::{SegmentEvent, SegmentSpec, segment},
/// };
/// use timely::dataflow::operators::{Inspect, vec::{Map, ToStream}};
///
/// let (source, at) = (SourceId::new(0), MediaTime::from_millis);
/// let frame = |ms| Frame::new(source, at(ms), Image::filled(4, 4, [255, 0, 0]));
/// let mut events: Vec<_> =
///     [0, 2000, 4000].map(|ms| IntakeEvent::Frame(Arc::new(frame(ms)))).into();
/// events.push(IntakeEvent::End(SourceEnd { source, at: at(5000), complete: true }));
///
/// let (output, segments) = mpsc::channel();
/// timely::example(move |scope| {
///     let events = events.to_stream(scope).map(|event| (NodeId(0), event));
///     let (vision, threads) = (FakeVisionEncoder::new(Arc::default()), ThreadGroup::default());
///     let (encoded, _failures) =
///         encode(events, Box::new(vision), CircuitBreaker::default(), &threads);
///     let spec = SegmentSpec { length_ms: 4000, ..SegmentSpec::default() };
///     segment(encoded.map(|(_, event)| event), &spec).inspect(move |event| {
///         if let SegmentEvent::Closed(closed) = event {
///             output.send((closed.key.start.millis(), closed.end.millis())).unwrap();
///         }
///     });
/// });
/// assert_eq!(segments.iter().collect::<Vec<_>>(), [(0, 4000), (4000, 5000)]);
/// ```
pub fn segment<'s, T: Timestamp>(
    events: StreamVec<'s, T, EncodedEvent>,
    spec: &SegmentSpec,
) -> StreamVec<'s, T, SegmentEvent> {
    let spec = spec.clone();
    events.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Segment",
        move |_initial, _info| {
            let mut sources: BTreeMap<SourceId, Segmenter> = BTreeMap::new();
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let mut session = output.session(&capability);
                    for event in batches.flat_map(|batch| batch.drain(..)) {
                        let (source, end) = (event.source(), event.end());
                        let idle = match &event {
                            EncodedEvent::Idle(idle) => {
                                Some(SegmentEvent::Idle(source, idle.until))
                            }
                            _ => None,
                        };
                        let segmenter = sources
                            .entry(source)
                            .or_insert_with(|| Segmenter::new(source, spec.clone()));
                        let closed = segmenter.push(event).map(SegmentEvent::Closed);
                        session.give_iterator(closed.into_iter().chain(idle));
                        if let Some(end) = end {
                            sources.remove(&source);
                            session.give(SegmentEvent::End(end));
                        }
                    }
                });
            }
        },
    )
}
