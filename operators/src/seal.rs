//! Sealing: releases results in order, once nothing can be added to them.
//!
//! Results wait until the frontier has passed their tick: then no branch and no decoder pass still works on it. The
//! sealed results of a source are in the order of its ticks. With them comes the media time that the source is *complete
//! through*, its low watermark: the end of the last segment that every one of its segment nodes has closed.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::Reason;

use timely::dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator};

use crate::{
    answer_changes::AnswerChanges,
    caption::Caption,
    event::SourceEnd,
    failure::{Failure, Stage},
    ids::{NodeId, SourceId},
    index::Row,
    media_time::MediaTime,
    reason::Answer,
    summary::summarize::Summary,
    tick::Tick,
};

/// A result that leaves the graph.
#[derive(Clone, Debug)]
pub enum ResultEvent {
    /// A caption.
    Caption(Caption),
    /// An answer.
    Answer(Answer),
    /// A summary.
    Summary(Summary),
    /// A row of an index.
    Row(Row),
    /// A failure.
    Failure(Failure),
    /// A segment closed, with or without a result.
    Closed {
        /// The source.
        source: SourceId,
        /// The segment node.
        node: NodeId,
        /// Start of the segment.
        start: MediaTime,
        /// End of the segment.
        end: MediaTime,
        /// True if there is a segment; false if all its frames were lost.
        has_frames: bool,
    },
    /// The source ended.
    End(SourceEnd),
}

impl ResultEvent {
    /// Returns the source of the result.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Caption(caption) => caption.segment.key.source,
            Self::Answer(answer) => answer.segment.key.source,
            Self::Summary(summary) => summary.window.source,
            Self::Row(row) => row.segment.key.source,
            Self::Failure(failure) => failure.source,
            Self::Closed { source, .. } => *source,
            Self::End(end) => end.source,
        }
    }
}

/// All results of one tick; nothing can be added to them.
#[derive(Clone, Debug)]
pub struct SealedEvents {
    /// The source.
    pub source: SourceId,
    /// Its results; captions and answers in the order of their start and node.
    pub events: Vec<ResultEvent>,
    /// Media time that the source is complete through with this tick; `None` before its first segment.
    pub complete_through: Option<MediaTime>,
}

/// The core: the results that wait, and the progress of each source.
#[derive(Debug, Default)]
pub struct SealBuffer {
    events: BTreeMap<Tick, Vec<ResultEvent>>,
    /// The segment nodes of each planned source.
    expected: BTreeMap<u32, Vec<NodeId>>,
    /// The end of the last closed segment, by open source and segment node.
    closed_through: BTreeMap<SourceId, BTreeMap<NodeId, Option<MediaTime>>>,
    changes: BTreeMap<NodeId, AnswerChanges>,
}

impl SealBuffer {
    /// Creates a buffer that expects segments of each planned source from these segment nodes.
    pub fn new(expected: impl IntoIterator<Item = (u32, Vec<NodeId>)>) -> Self {
        Self {
            expected: expected.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Reports only the changes of these nodes' answers.
    pub fn with_changes(self, changes: BTreeMap<NodeId, AnswerChanges>) -> Self {
        Self { changes, ..self }
    }

    /// Adds a result, which waits until its tick is passed.
    pub fn push(&mut self, tick: Tick, event: ResultEvent) {
        self.events.entry(tick).or_default().push(event);
    }

    /// Removes and returns the results of all ticks for which `passed` is true, in order.
    pub fn release(&mut self, passed: impl Fn(&Tick) -> bool) -> Vec<SealedEvents> {
        let released: Vec<_> = self.events.extract_if(.., |tick, _| passed(tick)).collect();
        released
            .into_iter()
            .filter_map(|(_, events)| self.seal(events))
            .collect()
    }

    /// Returns the event as it is reported; `None` for an answer that does not change.
    fn reported(&mut self, event: ResultEvent) -> Option<ResultEvent> {
        match event {
            ResultEvent::Answer(answer) => match self.changes.get_mut(&answer.node) {
                Some(changes) => changes.push(answer).map(ResultEvent::Answer),
                None => Some(ResultEvent::Answer(answer)),
            },
            event => Some(event),
        }
    }

    /// Seals the results of one tick, all of which belong to the source of that record.
    fn seal(&mut self, mut events: Vec<ResultEvent>) -> Option<SealedEvents> {
        let source = events.first()?.source();
        let complete_through = self.advance(source, &events);
        events.sort_by_key(sort_key);
        let ended = events
            .iter()
            .any(|event| matches!(event, ResultEvent::End(_)));
        let reported = events.into_iter().filter_map(|event| self.reported(event));
        let events = reported.collect();
        if ended {
            self.closed_through.remove(&source);
            let changes = self.changes.values_mut();
            changes.for_each(|changes| changes.remove_source(source));
        }
        Some(SealedEvents {
            source,
            events,
            complete_through,
        })
    }

    /// Notes the segments that closed; returns the time that the source is complete through.
    fn advance(&mut self, source: SourceId, events: &[ResultEvent]) -> Option<MediaTime> {
        let expected = self.expected.get(&source.planned);
        let nodes = self.closed_through.entry(source).or_insert_with(|| {
            let nodes = expected.into_iter().flatten();
            nodes.map(|node| (*node, None)).collect()
        });
        for event in events {
            if let ResultEvent::Closed { node, end, .. } = event {
                nodes.insert(*node, Some(*end));
            }
        }
        let ends = nodes.values().copied().collect::<Option<Vec<_>>>();
        ends.and_then(|ends| ends.into_iter().min())
    }
}

/// The order of results within a tick: results by start and node, then failures, then the rest. No two results of a tick
/// have the same key, so the order does not depend on arrival.
type SortKey = (u8, MediaTime, NodeId, Option<(Stage, Reason, Arc<str>)>);

fn sort_key(event: &ResultEvent) -> SortKey {
    match event {
        ResultEvent::Caption(caption) => (0, caption.segment.key.start, caption.node, None),
        ResultEvent::Answer(answer) => (1, answer.segment.key.start, answer.node, None),
        ResultEvent::Summary(summary) => {
            let rank = 2 + u8::from(summary.window.span);
            (rank, summary.window.start, summary.node, None)
        }
        ResultEvent::Failure(Failure {
            stage, at, fault, ..
        }) => (
            4,
            *at,
            NodeId(0),
            Some((*stage, fault.reason, Arc::clone(&fault.detail))),
        ),
        ResultEvent::Row(row) => (5, row.segment.key.start, row.node, None),
        ResultEvent::Closed { node, end, .. } => (6, *end, *node, None),
        ResultEvent::End(end) => (7, end.at, NodeId(0), None),
    }
}

/// Sends the results of each tick to `out` as soon as the tick is passed. `out` must not block.
///
/// ```
/// use std::sync::mpsc;
///
/// use atom_operators::{
///     ids::{NodeId, SourceId}, media_time::MediaTime, seal::{ResultEvent, SealBuffer, seal},
///     tick::Tick,
/// };
/// use timely::dataflow::operators::vec::ToStream;
///
/// let closed = ResultEvent::Closed {
///     source: SourceId::new(0),
///     node: NodeId(1),
///     start: MediaTime::default(),
///     end: MediaTime::from_millis(4000),
///     has_frames: true,
/// };
/// let (output, sealed) = mpsc::channel();
/// timely::execute_directly(move |worker| {
///     worker.dataflow::<Tick, _, _>(|scope| {
///         let buffer = SealBuffer::new([(0, vec![NodeId(1)])]);
///         seal([closed].to_stream(scope), buffer, move |sealed| output.send(sealed).unwrap());
///     });
/// });
/// assert_eq!(sealed.recv().unwrap().complete_through, Some(MediaTime::from_millis(4000)));
/// ```
pub fn seal(
    events: StreamVec<'_, Tick, ResultEvent>,
    mut buffer: SealBuffer,
    mut out: impl FnMut(SealedEvents) + 'static,
) {
    events.sink(Pipeline, "Seal", move |(input, frontier)| {
        input.for_each_stamp(|capability, batches| {
            let tick = *capability.stamp().expect_singleton();
            for event in batches.flat_map(|batch| batch.drain(..)) {
                buffer.push(tick, event);
            }
        });
        for sealed in buffer.release(|tick| !frontier.less_equal(tick)) {
            out(sealed);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Partition;

    const SOURCE: SourceId = SourceId::new(0);

    fn closed(node: usize, end: u64) -> ResultEvent {
        ResultEvent::Closed {
            source: SOURCE,
            node: NodeId(node),
            start: MediaTime::default(),
            end: MediaTime::from_millis(end),
            has_frames: true,
        }
    }

    #[test]
    fn releases_nothing_before_its_tick_is_passed_and_then_in_order() {
        let mut buffer = SealBuffer::new([(0, vec![NodeId(0)])]);
        for n in [7, 3, 5] {
            buffer.push(Tick::new(Partition(0), n), closed(0, n));
        }
        assert!(buffer.release(|_| false).is_empty());
        let ends = |sealed: Vec<SealedEvents>| -> Vec<_> {
            sealed
                .iter()
                .filter_map(|s| s.complete_through)
                .map(MediaTime::millis)
                .collect()
        };
        assert_eq!(
            ends(buffer.release(|tick| *tick < Tick::new(Partition(0), 6))),
            [3, 5]
        );
        assert_eq!(ends(buffer.release(|_| true)), [7]);
    }

    #[test]
    fn a_source_is_complete_through_its_slowest_segment_node() {
        let mut buffer = SealBuffer::new([(0, vec![NodeId(0), NodeId(1)])]);
        let mut complete = |n, event| {
            buffer.push(Tick::new(Partition(0), n), event);
            buffer.release(|_| true)[0]
                .complete_through
                .map(MediaTime::millis)
        };
        assert_eq!(complete(0, closed(0, 4000)), None);
        assert_eq!(complete(1, closed(1, 2000)), Some(2000));
        assert_eq!(complete(2, closed(1, 6000)), Some(4000));
    }
}
