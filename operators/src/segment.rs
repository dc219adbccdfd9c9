//! Groups encoded frames into segments.
//!
//! A segment closes on data: on a later frame of its source that belongs to the next one, or on the source's end. It
//! leaves at the time of the record that closed it, and nothing is held for the open one. At every multiple of the
//! length a segment ends, whatever was in it; a scene change only divides such a stretch further.

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
    data::{
        Encoded, End, Failure, MediaTime, Outcome, Quiet, ROUNDING, Seen, Segment, SegmentKey,
        SourceId, Stage,
    },
    node::{SpecError, require},
};

/// Groups encoded frames into segments: the unit of captions, search and answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentSpec {
    /// A segment ends at every multiple of this media time, in milliseconds. Shorter gives quicker captions and more decoder runs.
    pub length_ms: u64,
    /// A segment also ends where the picture changes by more than this, from 0 to 1 (share of the colour histogram that moved); 1 never cuts.
    pub scene_change: f64,
    /// No scene change cuts a segment shorter than this media time, in milliseconds.
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
    /// Smallest useful text of this node.
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

/// A segment that closed, or a stretch of which no frame could be used.
#[derive(Clone, Debug)]
pub struct Closed {
    /// Source and start.
    pub key: SegmentKey,
    /// Where it ends.
    pub end: MediaTime,
    /// The segment, or why there is none.
    pub result: Outcome<Arc<Segment>>,
}

/// What a segment node sends.
#[derive(Clone, Debug)]
pub enum Cut {
    /// A segment closed.
    Closed(Closed),
    /// Nothing of a source will come before this; what was open before it closed.
    Quiet(SourceId, MediaTime),
    /// The source is over; its last segment closed before.
    End(End),
}

/// The core: the open segment of one source.
#[derive(Debug)]
pub struct Segments {
    source: SourceId,
    spec: SegmentSpec,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    stretch: u64,
    start: MediaTime,
    frames: Vec<Arc<Encoded>>,
    lost: Option<Failure>,
}

/// A segment begins where its stretch begins, unless its first frame comes later than this: then it begins with it.
pub const SLACK: MediaTime = MediaTime::from_millis(500);

impl Segments {
    /// Nothing open yet.
    pub fn new(source: SourceId, spec: SegmentSpec) -> Self {
        Self {
            source,
            spec,
            open: None,
        }
    }

    /// Takes the next record; gives what it closed.
    pub fn push(&mut self, seen: Seen) -> Option<Closed> {
        match seen {
            Seen::Frame(frame) => {
                let closed = self.make_way(frame.at, frame.taken);
                let closed = closed.or_else(|| self.cut_scene(&frame));
                self.open_at(frame.at).frames.push(frame);
                closed
            }
            Seen::Lost(failure) => {
                let at = failure.at;
                let closed = self.make_way(at, Instant::now());
                self.open_at(at).lost = Some(failure);
                closed
            }
            Seen::Quiet(quiet) => self.pass(&quiet),
            Seen::End(end) => {
                let until = self.open.as_ref().map(|open| {
                    let last = open.frames.last().map_or(open.start, |frame| frame.at);
                    end.at
                        .min(self.boundary(open.stretch))
                        .max(last)
                        .max(open.start)
                });
                until.and_then(|until| self.close(until, Instant::now()))
            }
        }
    }

    /// Closes the open segment if a record at this moment lies beyond its stretch.
    fn make_way(&mut self, at: MediaTime, now: Instant) -> Option<Closed> {
        let stretch = self.open.as_ref()?.stretch;
        if stretch == self.stretch(at) {
            None
        } else {
            self.close(self.boundary(stretch), now)
        }
    }

    /// Closes the open segment if nothing can come to its stretch any more; it ends where the pictures ended.
    fn pass(&mut self, quiet: &Quiet) -> Option<Closed> {
        let open = self.open.as_ref()?;
        if open.stretch >= self.stretch(quiet.until) {
            return None;
        }
        let last = open.frames.last().map_or(open.start, |frame| frame.at);
        let end = quiet.from.max(last).min(self.boundary(open.stretch));
        self.close(end, Instant::now())
    }

    fn cut_scene(&mut self, frame: &Encoded) -> Option<Closed> {
        let open = self.open.as_ref()?;
        let last = open.frames.last()?;
        let long = frame.at.millis().saturating_sub(open.start.millis()) >= self.spec.shortest_ms;
        let changed = last.signature.colour_change(&frame.signature) > self.spec.scene_change;
        if !(long && changed) {
            return None;
        }
        let stretch = open.stretch;
        let closed = self.close(frame.at, frame.taken);
        self.open = Some(Open {
            stretch,
            start: frame.at,
            frames: Vec::new(),
            lost: None,
        });
        closed
    }

    fn open_at(&mut self, at: MediaTime) -> &mut Open {
        let stretch = self.stretch(at);
        let begin = MediaTime::from_millis(stretch * self.spec.length_ms);
        let late = at.nanos().saturating_sub(begin.nanos()) > SLACK.nanos();
        let start = if late { at } else { begin };
        self.open.get_or_insert(Open {
            stretch,
            start,
            frames: Vec::new(),
            lost: None,
        })
    }

    fn close(&mut self, end: MediaTime, now: Instant) -> Option<Closed> {
        let open = self.open.take()?;
        let key = SegmentKey {
            source: self.source,
            start: open.start,
        };
        let result = match VisualFeatures::pool(open.frames.iter().map(|frame| &frame.features)) {
            Some(features) => {
                let slot = open
                    .frames
                    .iter()
                    .find_map(|frame| frame.flow.as_ref())
                    .map(|flow| flow.segment());
                Ok(Arc::new(Segment {
                    key,
                    end,
                    frames: open.frames,
                    features,
                    slot,
                    closed: now,
                    span: life(key, end),
                }))
            }
            None => Err(nothing(key, open.lost)),
        };
        Some(Closed { key, end, result })
    }

    fn stretch(&self, at: MediaTime) -> u64 {
        (at.nanos() + ROUNDING) / MediaTime::from_millis(self.spec.length_ms).nanos()
    }

    fn boundary(&self, stretch: u64) -> MediaTime {
        MediaTime::from_millis((stretch + 1) * self.spec.length_ms)
    }
}

/// A segment's life in the logs, named by its source's number: the engine tells names.
fn life(key: SegmentKey, end: MediaTime) -> Span {
    let SegmentKey { source, start } = key;
    debug_span!("segment", %source, %start, %end)
}

fn nothing(key: SegmentKey, lost: Option<Failure>) -> Failure {
    let last = lost.map_or_else(String::new, |failure| {
        format!(", the last because of {}", failure.fault)
    });
    let fault = Fault::new(
        Reason::Missing,
        format!("every frame of the segment was lost{last}"),
    );
    Failure {
        stage: Stage::Encode,
        source: key.source,
        at: key.start,
        fault,
    }
}

/// Cuts each source's frames into segments.
pub fn segment<'s, T: Timestamp>(
    seen: StreamVec<'s, T, Seen>,
    spec: &SegmentSpec,
) -> StreamVec<'s, T, Cut> {
    let spec = spec.clone();
    seen.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Segment",
        move |_initial, _info| {
            let mut sources: BTreeMap<SourceId, Segments> = BTreeMap::new();
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let mut session = output.session(&capability);
                    for seen in batches.flat_map(|batch| batch.drain(..)) {
                        let (source, end) = (seen.source(), seen.end());
                        let quiet = match &seen {
                            Seen::Quiet(quiet) => Some(Cut::Quiet(source, quiet.until)),
                            _ => None,
                        };
                        let open = sources
                            .entry(source)
                            .or_insert_with(|| Segments::new(source, spec.clone()));
                        let closed = open.push(seen).map(Cut::Closed);
                        session.give_iterator(closed.into_iter().chain(quiet));
                        if let Some(end) = end {
                            sources.remove(&source);
                            session.give(Cut::End(end));
                        }
                    }
                });
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use atom_models::Image;

    use super::*;
    use crate::signature::Signature;

    fn frame(at: u64, grey: u8) -> Seen {
        Seen::Frame(Arc::new(Encoded {
            source: SourceId::of(0),
            at: MediaTime::from_millis(at),
            taken: Instant::now(),
            signature: Signature::of(&Image::filled(16, 16, [grey; 3])),
            thumbnail: Image::filled(1, 1, [grey; 3]),
            features: VisualFeatures {
                embedding: [1.0].into(),
                concepts: [].into(),
            },
            flow: None,
        }))
    }

    fn lost(at: u64) -> Seen {
        let at = MediaTime::from_millis(at);
        Seen::Lost(Failure {
            stage: Stage::Encode,
            source: SourceId::of(0),
            at,
            fault: Fault::new(Reason::Model, "no"),
        })
    }

    fn end(at: u64) -> Seen {
        Seen::End(End {
            source: SourceId::of(0),
            at: MediaTime::from_millis(at),
            whole: true,
        })
    }

    /// Start, end and number of frames of every segment; 0 frames for a stretch that gave none.
    fn cut(records: impl IntoIterator<Item = Seen>) -> Vec<(u64, u64, usize)> {
        let mut segments = Segments::new(SourceId::of(0), SegmentSpec::default());
        let closed = records.into_iter().filter_map(|seen| segments.push(seen));
        closed
            .map(|c| {
                (
                    c.key.start.millis(),
                    c.end.millis(),
                    c.result.map_or(0, |s| s.frames.len()),
                )
            })
            .collect()
    }

    #[test]
    fn closes_at_every_multiple_of_the_length_and_at_the_end() {
        let records = (0..10).map(|n| frame(n * 1000, 0)).chain([end(9900)]);
        assert_eq!(
            cut(records),
            [(0, 4000, 4), (4000, 8000, 4), (8000, 9900, 2)]
        );
    }

    #[test]
    fn a_scene_change_divides_a_stretch() {
        let records = [
            frame(0, 0),
            frame(1500, 0),
            frame(2500, 250),
            frame(3000, 0),
            frame(4000, 0),
            end(5000),
        ];
        assert_eq!(
            cut(records),
            [(0, 2500, 2), (2500, 4000, 2), (4000, 5000, 1)]
        );
    }

    #[test]
    fn a_segment_after_a_gap_begins_with_its_first_frame() {
        assert_eq!(
            cut([frame(0, 0), frame(9500, 0), end(9600)]),
            [(0, 4000, 1), (9500, 9600, 1)]
        );
    }

    #[test]
    fn a_stretch_whose_frames_were_all_lost_is_a_failure_with_its_place() {
        assert_eq!(
            cut([lost(0), lost(500), frame(4000, 0), end(5000)]),
            [(0, 4000, 0), (4000, 5000, 1)]
        );
        assert_eq!(cut([frame(0, 0), lost(500), end(900)]), [(0, 900, 1)]);
    }

    #[test]
    fn a_quiet_stretch_closes_what_was_open_where_the_pictures_ended() {
        let quiet = |from: u64, until: u64| {
            let [from, until] = [from, until].map(MediaTime::from_millis);
            Seen::Quiet(Quiet {
                source: SourceId::of(0),
                from,
                until,
                why: None,
            })
        };
        let records = [
            quiet(0, 500),
            frame(500, 0),
            quiet(1200, 3000),
            frame(3000, 0),
            quiet(3100, 4100),
            quiet(3100, 8100),
            frame(8200, 0),
            end(8300),
        ];
        assert_eq!(cut(records), [(0, 3100, 2), (8000, 8300, 1)]);
    }

    #[test]
    fn an_end_without_frames_closes_nothing() {
        assert_eq!(cut([end(0)]), []);
    }

    #[test]
    fn the_end_never_lies_before_the_last_frame() {
        assert_eq!(cut([frame(0, 0), frame(900, 0), end(800)]), [(0, 900, 2)]);
    }
}
