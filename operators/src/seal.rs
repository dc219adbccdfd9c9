//! Gives results out in order, and says from when on everything of a span is known.
//!
//! Results wait until the frontier has passed their tick: then no branch and no pass still works on it. What is sealed of
//! a source is in the order of its ticks, and with it comes how far the source is complete: the end of the last segment
//! that every one of its segment nodes has closed.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::Reason;

use timely::dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator};

use crate::{
    change::Changes,
    data::{Answer, Caption, End, Failure, MediaTime, NodeId, Row, SourceId, Stage},
    summary::Summary,
    tick::Tick,
};

/// A result on its way out.
#[derive(Clone, Debug)]
pub enum Event {
    /// A caption.
    Caption(Caption),
    /// An answer.
    Answer(Answer),
    /// A summary.
    Summary(Summary),
    /// A row of an index.
    Row(Row),
    /// Something went wrong.
    Failure(Failure),
    /// A segment closed, with or without a result.
    Closed {
        /// The source.
        source: SourceId,
        /// The segment node.
        node: NodeId,
        /// Where the segment begins.
        start: MediaTime,
        /// Where the segment ends.
        end: MediaTime,
        /// Whether there is a segment: not if every frame of it was lost.
        seen: bool,
    },
    /// The source is over.
    End(End),
}

impl Event {
    /// The source that it is about.
    pub fn source(&self) -> SourceId {
        match self {
            Self::Caption(caption) => caption.segment.key.source,
            Self::Answer(answer) => answer.segment.key.source,
            Self::Summary(summary) => summary.stretch.source,
            Self::Row(row) => row.segment.key.source,
            Self::Failure(failure) => failure.source,
            Self::Closed { source, .. } => *source,
            Self::End(end) => end.source,
        }
    }
}

/// Everything of one tick, now that nothing can be added to it.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The source.
    pub source: SourceId,
    /// Its results; captions and answers in the order of their start and node.
    pub events: Vec<Event>,
    /// How far the source is complete with this; `None` before its first segment.
    pub complete_through: Option<MediaTime>,
}

/// The core: what waits, and how far each source is.
#[derive(Debug, Default)]
pub struct Waiting {
    events: BTreeMap<Tick, Vec<Event>>,
    /// The segment nodes that each planned source reaches.
    expected: BTreeMap<u32, Vec<NodeId>>,
    /// How far each of them is with each source that is not over.
    nodes: BTreeMap<SourceId, BTreeMap<NodeId, Option<MediaTime>>>,
    changes: BTreeMap<NodeId, Changes>,
}

impl Waiting {
    /// Expects segments of each planned source from these segment nodes.
    pub fn new(expected: impl IntoIterator<Item = (u32, Vec<NodeId>)>) -> Self {
        Self {
            expected: expected.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Tells only the changes of what these nodes answer.
    pub fn with_changes(self, changes: BTreeMap<NodeId, Changes>) -> Self {
        Self { changes, ..self }
    }

    /// Keeps a result until its tick is passed.
    pub fn push(&mut self, tick: Tick, event: Event) {
        self.events.entry(tick).or_default().push(event);
    }

    /// Gives what was kept for ticks of which `passed` is true, in order.
    pub fn release(&mut self, passed: impl Fn(&Tick) -> bool) -> Vec<Sealed> {
        let released: Vec<_> = self.events.extract_if(.., |tick, _| passed(tick)).collect();
        released
            .into_iter()
            .filter_map(|(_, events)| self.seal(events))
            .collect()
    }

    /// An event as it is told, if it is.
    fn changed(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Answer(answer) => match self.changes.get_mut(&answer.node) {
                Some(changes) => changes.push(answer).map(Event::Answer),
                None => Some(Event::Answer(answer)),
            },
            event => Some(event),
        }
    }

    /// All that comes of one record is of the source of that record.
    fn seal(&mut self, mut events: Vec<Event>) -> Option<Sealed> {
        let source = events.first()?.source();
        let expected = self.expected.get(&source.planned);
        let nodes = self.nodes.entry(source).or_insert_with(|| {
            let nodes = expected.into_iter().flatten();
            nodes.map(|node| (*node, None)).collect()
        });
        for event in &events {
            if let Event::Closed { node, end, .. } = event {
                nodes.insert(*node, Some(*end));
            }
        }
        let slowest = nodes.values().copied().collect::<Option<Vec<_>>>();
        let complete_through = slowest.and_then(|ends| ends.into_iter().min());
        events.sort_by_key(place);
        let over = events.iter().any(|event| matches!(event, Event::End(_)));
        let changed = events.into_iter().filter_map(|event| self.changed(event));
        let events = changed.collect();
        if over {
            self.nodes.remove(&source);
            let changes = self.changes.values_mut();
            changes.for_each(|changes| changes.forget(source));
        }
        Some(Sealed {
            source,
            events,
            complete_through,
        })
    }
}

/// What is told first: results by start and node, then failures, then the rest. No two events of a tick are alike in it, so
/// the order does not depend on which came first.
type Place = (u8, MediaTime, NodeId, Option<(Stage, Reason, Arc<str>)>);

fn place(event: &Event) -> Place {
    match event {
        Event::Caption(caption) => (0, caption.segment.key.start, caption.node, None),
        Event::Answer(answer) => (1, answer.segment.key.start, answer.node, None),
        Event::Summary(summary) => {
            let rank = 2 + u8::from(summary.stretch.span);
            (rank, summary.stretch.start, summary.node, None)
        }
        Event::Failure(Failure {
            stage, at, fault, ..
        }) => (
            4,
            *at,
            NodeId(0),
            Some((*stage, fault.reason, Arc::clone(&fault.detail))),
        ),
        Event::Row(row) => (5, row.segment.key.start, row.node, None),
        Event::Closed { node, end, .. } => (6, *end, *node, None),
        Event::End(end) => (7, end.at, NodeId(0), None),
    }
}

/// Hands everything over to `out` as soon as its tick is passed. `out` must not block.
pub fn seal(
    events: StreamVec<'_, Tick, Event>,
    mut waiting: Waiting,
    mut out: impl FnMut(Sealed) + 'static,
) {
    events.sink(Pipeline, "Seal", move |(input, frontier)| {
        input.for_each_stamp(|capability, batches| {
            let tick = *capability.stamp().expect_singleton();
            for event in batches.flat_map(|batch| batch.drain(..)) {
                waiting.push(tick, event);
            }
        });
        for sealed in waiting.release(|tick| !frontier.less_equal(tick)) {
            out(sealed);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Lane;

    const SOURCE: SourceId = SourceId::of(0);

    fn closed(node: usize, end: u64) -> Event {
        Event::Closed {
            source: SOURCE,
            node: NodeId(node),
            start: MediaTime::default(),
            end: MediaTime::from_millis(end),
            seen: true,
        }
    }

    #[test]
    fn gives_nothing_before_its_tick_is_passed_and_then_in_order() {
        let mut waiting = Waiting::new([(0, vec![NodeId(0)])]);
        for n in [7, 3, 5] {
            waiting.push(Tick::at(Lane(0), n), closed(0, n));
        }
        assert!(waiting.release(|_| false).is_empty());
        let ends = |sealed: Vec<Sealed>| -> Vec<_> {
            sealed
                .iter()
                .filter_map(|s| s.complete_through)
                .map(MediaTime::millis)
                .collect()
        };
        assert_eq!(
            ends(waiting.release(|tick| *tick < Tick::at(Lane(0), 6))),
            [3, 5]
        );
        assert_eq!(ends(waiting.release(|_| true)), [7]);
    }

    #[test]
    fn a_source_is_complete_as_far_as_its_slowest_segment_node() {
        let mut waiting = Waiting::new([(0, vec![NodeId(0), NodeId(1)])]);
        let mut complete = |n, event| {
            waiting.push(Tick::at(Lane(0), n), event);
            waiting.release(|_| true)[0]
                .complete_through
                .map(MediaTime::millis)
        };
        assert_eq!(complete(0, closed(0, 4000)), None);
        assert_eq!(complete(1, closed(1, 2000)), Some(2000));
        assert_eq!(complete(2, closed(1, 6000)), Some(4000));
    }
}
