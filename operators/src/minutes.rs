//! Has every minute put into words once it is whole, and every longer span once its minutes are.
//!
//! A minute is over when a segment begins after it, or the source ends; then nothing can be added to it, so it is put into words once
//! and never again. Only the captions are kept until then, never segments: their places in the flow must come back.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::PromptBuilder;
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        StreamVec,
        channels::pact::Pipeline,
        operators::{CapabilitySet, Operator},
    },
    order::Product,
};

use crate::{
    caption,
    data::{MediaTime, NodeId, SegmentKey, SourceId},
    decode::{About, Decoded, Request},
    segment::Cut,
    summary::{Stretch, SummarySpec},
    tally::Task,
    tick::Tick,
};

/// Parts of one stretch that is not whole.
#[derive(Debug, Default)]
struct Open {
    /// By their place: of a segment where it begins, of a minute where one like it would.
    parts: BTreeMap<MediaTime, Part>,
    over: bool,
}

/// What a stretch is made of.
#[derive(Debug)]
struct Part {
    /// Where it begins and ends.
    bounds: Bounds,
    /// Once it is known, what was said; nothing if that failed.
    said: Option<Option<String>>,
}

/// Begin and end.
type Bounds = (MediaTime, MediaTime);

/// The core: the stretches of one length, of all sources.
#[derive(Debug)]
pub struct Stretches {
    length_ms: u64,
    span: bool,
    open: BTreeMap<(SourceId, u64), Open>,
}

impl Stretches {
    /// Nothing open yet.
    pub fn new(length_ms: u64, span: bool) -> Self {
        Self {
            length_ms,
            span,
            open: BTreeMap::new(),
        }
    }

    fn number(&self, at: MediaTime) -> u64 {
        at.millis() / self.length_ms
    }

    /// A part that will be put into words. Gives the stretches that are over with it.
    pub fn begin(&mut self, source: SourceId, bounds: Bounds) -> Vec<u64> {
        let number = self.number(bounds.0);
        let over = self.close(source, number);
        let parts = &mut self.open.entry((source, number)).or_default().parts;
        // What is said of a part may have come before it: two ways lead here.
        parts.entry(bounds.0).or_insert(Part { bounds, said: None });
        over
    }

    /// Nothing of a source before this stretch can come. Gives the stretches that are over with it.
    pub fn close(&mut self, source: SourceId, before: u64) -> Vec<u64> {
        let open = self.open.range_mut((source, 0)..(source, before));
        let newly = open.filter_map(|((_, number), open)| {
            let before = std::mem::replace(&mut open.over, true);
            (!before).then_some(*number)
        });
        newly.collect()
    }

    /// What was said of the part at a place, and where that turned out to begin and end. Gives the stretch that is whole with it.
    pub fn say(
        &mut self,
        source: SourceId,
        (place, bounds): (MediaTime, Bounds),
        text: Option<String>,
    ) -> Option<(u64, Stretch)> {
        let number = self.number(place);
        let parts = &mut self.open.entry((source, number)).or_default().parts;
        let said = Some(text);
        parts.insert(place, Part { bounds, said });
        self.take(source, number).map(|stretch| (number, stretch))
    }

    /// Takes a stretch that is over and of which everything is said.
    pub fn take(&mut self, source: SourceId, number: u64) -> Option<Stretch> {
        let open = self.open.get(&(source, number))?;
        if !open.over || open.parts.values().any(|part| part.said.is_none()) {
            return None;
        }
        let parts = self.open.remove(&(source, number))?.parts;
        let start = parts.values().map(|part| part.bounds.0).min()?;
        let end = parts.values().map(|part| part.bounds.1).max()?;
        let count = parts.len();
        let texts = parts.into_values().filter_map(|part| part.said.flatten());
        Some(Stretch::new(
            source,
            (start, end),
            count,
            self.span,
            texts.collect(),
        ))
    }
}

/// What the operator takes.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A segment closed, or the source is over.
    Cut(Cut),
    /// What the decoder said: about a segment or about a stretch.
    Said(Decoded),
}

/// A time of the graph's loop.
type Pass = Product<Tick, u64>;

/// A summary node: its name in the graph, what it reads, its settings.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The summary node.
    pub node: NodeId,
    /// The caption nodes that it reads, each about sources of its own.
    pub reads: Vec<NodeId>,
    /// Its settings.
    pub spec: SummarySpec,
    /// Makes the prompts.
    pub prompts: PromptBuilder,
}

/// The shell's state: stretches, and the right to speak when they are whole.
struct Ledger {
    asker: Asker,
    minutes: Stretches,
    spans: Option<Stretches>,
    /// By span or not, source and number: the time at which a stretch was over.
    owed: BTreeMap<(bool, SourceId, u64), CapabilitySet<Pass>>,
}

impl Ledger {
    fn new(asker: Asker) -> Self {
        let SummarySpec {
            length_ms, span_ms, ..
        } = asker.spec;
        Self {
            asker,
            minutes: Stretches::new(length_ms, false),
            spans: (span_ms > 0).then(|| Stretches::new(span_ms, true)),
            owed: BTreeMap::new(),
        }
    }

    /// Takes what came; gives what is to be asked now.
    fn take(
        &mut self,
        heard: Heard,
        at: &CapabilitySet<Pass>,
    ) -> Vec<(CapabilitySet<Pass>, Request)> {
        match heard {
            Heard::Cut(Cut::Closed(closed)) => {
                // A segment that could not be seen gets no caption.
                if closed.result.is_err() {
                    return Vec::new();
                }
                let SegmentKey { source, start } = closed.key;
                let over = self.minutes.begin(source, (start, closed.end));
                self.over(source, over, Some(start), at)
            }
            // Time goes by without pictures too.
            Heard::Cut(Cut::Quiet(source, until)) => {
                let over = self.minutes.close(source, self.minutes.number(until));
                self.over(source, over, Some(until), at)
            }
            Heard::Cut(Cut::End(end)) => {
                let over = self.minutes.close(end.source, u64::MAX);
                self.over(end.source, over, None, at)
            }
            Heard::Said(decoded) => self.said(&decoded),
        }
    }

    /// Minutes of a source are over, since its time has come to `now`, or to its end.
    fn over(
        &mut self,
        source: SourceId,
        minutes: Vec<u64>,
        now: Option<MediaTime>,
        at: &CapabilitySet<Pass>,
    ) -> Vec<(CapabilitySet<Pass>, Request)> {
        for number in &minutes {
            self.owed.insert((false, source, *number), at.clone());
        }
        if let Some(spans) = &mut self.spans {
            for number in &minutes {
                let start = MediaTime::from_millis(number * self.asker.spec.length_ms);
                let end = MediaTime::from_millis((number + 1) * self.asker.spec.length_ms);
                for over in spans.begin(source, (start, end)) {
                    self.owed.insert((true, source, over), at.clone());
                }
            }
            let number = now.map_or(u64::MAX, |now| spans.number(now));
            for over in spans.close(source, number) {
                self.owed.insert((true, source, over), at.clone());
            }
        }
        let whole: Vec<_> = minutes
            .into_iter()
            .filter_map(|number| Some((number, self.minutes.take(source, number)?)))
            .collect();
        whole
            .into_iter()
            .filter_map(|(number, stretch)| self.request(number, stretch))
            .collect()
    }

    fn said(&mut self, decoded: &Decoded) -> Vec<(CapabilitySet<Pass>, Request)> {
        let whole = match &decoded.item.about {
            About::Segment(node, segment) if self.asker.reads.contains(node) => {
                let SegmentKey { source, start } = segment.key;
                let bounds = (start, segment.end);
                let said = caption::finish(decoded).and_then(Result::ok);
                let text = said.map(|caption| caption.text);
                self.minutes.say(source, (start, bounds), text)
            }
            About::Stretch(node, stretch) if *node == self.asker.node && !stretch.span => {
                let length = self.asker.spec.length_ms;
                let place = MediaTime::from_millis(stretch.start.millis() / length * length);
                let bounds = (stretch.start, stretch.end);
                let text = decoded.sentence().ok();
                let spans = self.spans.as_mut();
                spans.and_then(|spans| spans.say(stretch.source, (place, bounds), text))
            }
            _ => None,
        };
        whole
            .and_then(|(number, stretch)| self.request(number, stretch))
            .into_iter()
            .collect()
    }

    /// What to ask about a stretch that is whole, at the time at which it was over.
    fn request(&mut self, number: u64, stretch: Stretch) -> Option<(CapabilitySet<Pass>, Request)> {
        let owed = self.owed.remove(&(stretch.span, stretch.source, number))?;
        // A span of one minute is that minute.
        if stretch.span && stretch.parts == 1 {
            return None;
        }
        let Asker {
            node,
            prompts,
            spec,
            ..
        } = &self.asker;
        let request = Request {
            prompt: stretch.prompt(prompts),
            about: About::Stretch(*node, Arc::new(stretch)),
            task: Task::Summary,
            question: None,
            remembered: Arc::default(),
            draft: None,
            judged: false,
            max_tokens: spec.max_tokens.unwrap_or(prompts.summary_tokens()),
        };
        Some((owed, request))
    }
}

/// Asks for a summary of every stretch that is whole, in the next pass.
pub fn minutes<'s>(
    heard: StreamVec<'s, Pass, Heard>,
    asker: Asker,
) -> StreamVec<'s, Pass, Request> {
    let mut ledger = Ledger::new(asker);
    heard.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Minutes",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let now = capability.retain_stamp(0);
                    for heard in batches.flat_map(|batch| batch.drain(..)) {
                        for (then, request) in ledger.take(heard, &now) {
                            output.session(&then).give(request);
                        }
                    }
                });
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: SourceId = SourceId::of(0);

    fn at(seconds: u64) -> MediaTime {
        MediaTime::from_millis(seconds * 1000)
    }

    #[test]
    fn what_is_said_of_a_segment_may_come_before_the_segment() {
        let mut minutes = Stretches::new(60_000, false);
        let part = |from, to| (at(from), at(to));
        let early = minutes.say(SOURCE, (at(0), part(0, 4)), Some("a.".to_owned()));
        assert_eq!(early, None);
        assert!(minutes.begin(SOURCE, part(0, 4)).is_empty());
        assert_eq!(minutes.close(SOURCE, u64::MAX), [0]);
        assert_eq!(minutes.take(SOURCE, 0).unwrap().told(), "a.");
    }

    #[test]
    fn a_minute_is_whole_when_it_is_over_and_everything_in_it_is_said() {
        let mut minutes = Stretches::new(60_000, false);
        let part = |from, to| (at(from), at(to));
        assert!(minutes.begin(SOURCE, part(0, 30)).is_empty());
        assert!(minutes.begin(SOURCE, part(30, 60)).is_empty());
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(
            minutes.say(SOURCE, (at(30), part(30, 60)), said("b.")),
            None
        );
        assert_eq!(minutes.begin(SOURCE, part(60, 64)), [0]);
        assert_eq!(minutes.take(SOURCE, 0), None);
        let whole = minutes.say(SOURCE, (at(0), part(0, 30)), said("a."));
        let (number, whole) = whole.unwrap();
        assert_eq!((number, whole.told()), (0, "a. b.".to_owned()));
        assert_eq!((whole.start, whole.end, whole.parts), (at(0), at(60), 2));
        assert_eq!(minutes.say(SOURCE, (at(60), part(61, 63)), None), None);
        assert_eq!(minutes.close(SOURCE, u64::MAX), [1]);
        let silent = minutes.take(SOURCE, 1).unwrap();
        assert_eq!(
            (silent.told(), silent.start, silent.end),
            (String::new(), at(61), at(63))
        );
        assert!(minutes.open.is_empty());
    }
}
