//! Puts the captions of a minute into one sentence, and those of many minutes into one again.
//!
//! A minute is over when a segment begins after it, or the source ends; then nothing can be added to it, so it is put into words once
//! and never again. Only the captions are kept until then, never segments: their places in the flow must come back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use atom_models::{Connector, Fault, Prompt, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
    data::{Failure, MediaTime, NodeId, Outcome, SegmentKey, SourceId, Stage},
    decode::{About, Decoded, Request},
    node::{SpecError, require},
    segment::Cut,
    tally::Task,
    tick::Tick,
};

/// Says what happened in every minute, and in every longer span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SummarySpec {
    /// Length of the shorter stretches, 1,000 to 3,600,000 ms; they begin at its multiples.
    pub length_ms: u64,
    /// Length of the longer stretches, which are summed up from the shorter ones: a multiple of `length_ms`, at most a day; 0 for
    /// none.
    pub span_ms: u64,
    /// At most so many new tokens for each summary, 1 to 256; the pack's own bound if absent.
    pub max_tokens: Option<usize>,
}

impl Default for SummarySpec {
    fn default() -> Self {
        Self {
            length_ms: 60_000,
            span_ms: 600_000,
            max_tokens: None,
        }
    }
}

impl SummarySpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"summary\"\ninputs = [\"captions\"]\n";

    /// Rejects lengths outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        let range = (1000..=3_600_000).contains(&self.length_ms);
        require(range, "length_ms", self.length_ms, "1000 to 3600000")?;
        let multiple = self.span_ms.is_multiple_of(self.length_ms)
            && self.span_ms != self.length_ms
            && self.span_ms <= 86_400_000;
        require(
            multiple,
            "span_ms",
            self.span_ms,
            "0, or at least twice length_ms, a multiple of it, and at most 86400000",
        )?;
        let tokens = self.max_tokens.unwrap_or(1);
        require(
            (1..=256).contains(&tokens),
            "max_tokens",
            tokens,
            "1 to 256",
        )
    }
}

/// A stretch of a source with what was said in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The source.
    pub source: SourceId,
    /// Where its first segment begins.
    pub start: MediaTime,
    /// Where its last one ends.
    pub end: MediaTime,
    /// How many stretches it was made of: segments for a minute, minutes for a span.
    pub parts: usize,
    /// Whether it is a span of shorter stretches.
    pub span: bool,
    /// What was said, in order.
    texts: Vec<String>,
}

impl Stretch {
    /// A stretch in which this was said, in order.
    pub fn new(
        source: SourceId,
        (start, end): (MediaTime, MediaTime),
        parts: usize,
        span: bool,
        texts: Vec<String>,
    ) -> Self {
        Self {
            source,
            start,
            end,
            parts,
            span,
            texts,
        }
    }

    /// What was said most often, in the order of its first time, and how often.
    pub fn told(&self) -> String {
        listed(&frequent(&self.texts))
    }

    /// The decoder's input, or why there can be none.
    pub fn prompt(&self, connector: &Connector) -> Result<Prompt, Fault> {
        match self.texts.is_empty() {
            true => Err(Fault::new(
                Reason::Missing,
                "nothing was said in this stretch",
            )),
            false => Ok(connector.summary_prompt(&self.told())),
        }
    }
}

/// So many different sentences are put into one.
const SENTENCES: usize = 5;

/// The sentences that were said most often, each once and with its count, in the order of their first time; of equally frequent
/// ones some from all over.
pub(crate) fn frequent(texts: &[String]) -> Vec<(&str, usize)> {
    let (mut counts, mut places) = (Vec::<(&str, usize)>::new(), HashMap::new());
    for text in texts {
        let place = *places.entry(text.to_lowercase()).or_insert(counts.len());
        match counts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    let mut sorted: Vec<usize> = counts.iter().map(|(_, count)| *count).collect();
    sorted.sort_by_key(|count| std::cmp::Reverse(*count));
    let least = sorted.get(SENTENCES - 1).copied().unwrap_or(0);
    let mut kept: Vec<bool> = counts.iter().map(|(_, count)| *count > least).collect();
    let room = SENTENCES.saturating_sub(kept.iter().filter(|kept| **kept).count());
    let equal: Vec<_> = (0..counts.len())
        .filter(|at| counts[*at].1 == least)
        .collect();
    for n in 0..room.min(equal.len()) {
        // The middle of each of `room` equal parts.
        kept[equal[(2 * n + 1) * equal.len() / (2 * room)]] = true;
    }
    let counts = counts.into_iter().zip(kept);
    counts
        .filter_map(|(count, kept)| kept.then_some(count))
        .collect()
}

/// Sentences with their counts as one line.
pub(crate) fn listed(counts: &[(&str, usize)]) -> String {
    let told = counts.iter().map(|(text, count)| match count {
        1 => (*text).to_owned(),
        count => format!("{} ({count} times).", text.trim_end_matches('.')),
    });
    told.collect::<Vec<_>>().join(" ")
}

/// What happened in a stretch.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The stretch.
    pub stretch: Arc<Stretch>,
    /// The node that asked for it.
    pub node: NodeId,
    /// The sentence.
    pub text: String,
}

/// The summary, or why there is none.
pub fn finish(decoded: &Decoded) -> Option<Outcome<Summary>> {
    let About::Stretch(node, stretch) = &decoded.item.about else {
        return None;
    };
    let failed = |fault| Failure {
        stage: Stage::Summary,
        source: stretch.source,
        at: stretch.start,
        fault,
    };
    let said = decoded.sentence().map_err(failed);
    Some(said.map(|text| Summary {
        stretch: Arc::clone(stretch),
        node: *node,
        text,
    }))
}

/// Parts of one stretch that is not whole.
#[derive(Debug, Default)]
struct Open {
    /// By where they begin: where they end, and once it is known, what was said; nothing of those that failed.
    parts: BTreeMap<MediaTime, (MediaTime, Option<Option<String>>)>,
    over: bool,
}

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
    pub fn begin(&mut self, source: SourceId, start: MediaTime, end: MediaTime) -> Vec<u64> {
        let number = self.number(start);
        let over = self.close(source, number);
        self.open
            .entry((source, number))
            .or_default()
            .parts
            .insert(start, (end, None));
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

    /// What was said of a part. Gives the stretch that is whole with it.
    pub fn say(
        &mut self,
        source: SourceId,
        start: MediaTime,
        text: Option<String>,
    ) -> Option<(u64, Stretch)> {
        let number = self.number(start);
        let part = self
            .open
            .get_mut(&(source, number))?
            .parts
            .get_mut(&start)?;
        part.1 = Some(text);
        self.take(source, number).map(|stretch| (number, stretch))
    }

    /// Takes a stretch that is over and of which everything is said.
    pub fn take(&mut self, source: SourceId, number: u64) -> Option<Stretch> {
        let open = self.open.get(&(source, number))?;
        if !open.over || open.parts.values().any(|(_, said)| said.is_none()) {
            return None;
        }
        let parts = self.open.remove(&(source, number))?.parts;
        let start = *parts.first_key_value()?.0;
        let end = parts.values().map(|(end, _)| *end).max()?;
        let count = parts.len();
        let texts = parts.into_values().filter_map(|(_, said)| said.flatten());
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

/// Who asks for summaries, and of what.
#[derive(Clone, Debug)]
pub struct Summariser {
    /// The summary node.
    pub node: NodeId,
    /// The caption node that it reads.
    pub reads: NodeId,
    /// Its settings.
    pub spec: SummarySpec,
    /// Makes the prompts.
    pub connector: Connector,
}

/// The shell's state: stretches, and the right to speak when they are whole.
struct Desk {
    summariser: Summariser,
    minutes: Stretches,
    spans: Option<Stretches>,
    /// By span or not, source and number: the time at which a stretch was over.
    owed: BTreeMap<(bool, SourceId, u64), CapabilitySet<Pass>>,
}

impl Desk {
    fn new(summariser: Summariser) -> Self {
        let SummarySpec {
            length_ms, span_ms, ..
        } = summariser.spec;
        Self {
            summariser,
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
                let over = self.minutes.begin(source, start, closed.end);
                self.over(source, over, Some(start), at)
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
                let start = MediaTime::from_millis(number * self.summariser.spec.length_ms);
                let end = MediaTime::from_millis((number + 1) * self.summariser.spec.length_ms);
                spans.begin(source, start, end);
            }
            let number = now.map_or(u64::MAX, |now| spans.number(now));
            for number in spans.close(source, number) {
                self.owed.insert((true, source, number), at.clone());
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
            About::Segment(node, segment) if *node == self.summariser.reads => {
                let key = segment.key;
                self.minutes
                    .say(key.source, key.start, decoded.sentence().ok())
            }
            About::Stretch(node, stretch) if *node == self.summariser.node && !stretch.span => {
                let text = decoded.sentence().ok();
                let length = self.summariser.spec.length_ms;
                let start = MediaTime::from_millis(stretch.start.millis() / length * length);
                let spans = self.spans.as_mut();
                spans.and_then(|spans| spans.say(stretch.source, start, text))
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
        let Summariser {
            node,
            connector,
            spec,
            ..
        } = &self.summariser;
        let request = Request {
            prompt: stretch.prompt(connector),
            about: About::Stretch(*node, Arc::new(stretch)),
            task: Task::Summary,
            question: None,
            remembered: Arc::default(),
            judged: false,
            max_tokens: spec.max_tokens.unwrap_or(connector.summary_tokens()),
        };
        Some((owed, request))
    }
}

/// Asks for a summary of every stretch that is whole, in the next pass.
pub fn summarise<'s>(
    heard: StreamVec<'s, Pass, Heard>,
    summariser: Summariser,
) -> StreamVec<'s, Pass, Request> {
    let mut desk = Desk::new(summariser);
    heard.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Summarise",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let now = capability.retain_stamp(0);
                    for heard in batches.flat_map(|batch| batch.drain(..)) {
                        for (then, request) in desk.take(heard, &now) {
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

    const SOURCE: SourceId = SourceId(0);

    fn at(seconds: u64) -> MediaTime {
        MediaTime::from_millis(seconds * 1000)
    }

    #[test]
    fn a_minute_is_whole_when_it_is_over_and_everything_in_it_is_said() {
        let mut minutes = Stretches::new(60_000, false);
        assert!(minutes.begin(SOURCE, at(0), at(30)).is_empty());
        assert!(minutes.begin(SOURCE, at(30), at(60)).is_empty());
        assert_eq!(minutes.say(SOURCE, at(30), Some("b.".into())), None);
        assert_eq!(minutes.begin(SOURCE, at(60), at(64)), [0]);
        assert_eq!(minutes.take(SOURCE, 0), None);
        let (number, whole) = minutes.say(SOURCE, at(0), Some("a.".into())).unwrap();
        assert_eq!((number, whole.told()), (0, "a. b.".to_owned()));
        assert_eq!((whole.start, whole.end, whole.parts), (at(0), at(60), 2));
        assert_eq!(minutes.say(SOURCE, at(60), None), None);
        assert_eq!(minutes.close(SOURCE, u64::MAX), [1]);
        assert!(minutes.take(SOURCE, 1).unwrap().texts.is_empty());
        assert!(minutes.open.is_empty());
    }

    #[test]
    fn tells_each_sentence_once_with_its_count_and_only_the_frequent_ones() {
        let texts = [
            "a dog.", "A dog.", "b.", "c.", "c.", "d.", "e.", "e.", "f.", "f.",
        ];
        let texts = texts.map(str::to_owned).to_vec();
        let stretch = Stretch::new(SOURCE, (at(0), at(60)), 10, false, texts);
        assert_eq!(
            stretch.told(),
            "a dog (2 times). c (2 times). d. e (2 times). f (2 times)."
        );
        let many = (0..15).map(|n| format!("{n}.")).collect();
        let many = Stretch::new(SOURCE, (at(0), at(60)), 15, false, many);
        assert_eq!(many.told(), "1. 4. 7. 10. 13.");
    }

    #[test]
    fn spans_are_longer_than_minutes() {
        let spec = |length_ms, span_ms| {
            SummarySpec {
                length_ms,
                span_ms,
                max_tokens: None,
            }
            .check()
        };
        assert!(spec(60_000, 0).is_ok() && spec(60_000, 120_000).is_ok());
        assert_eq!(spec(0, 0).unwrap_err().key, "length_ms");
        for wrong in [60_000, 90_000, 86_460_000] {
            assert_eq!(spec(60_000, wrong).unwrap_err().key, "span_ms");
        }
    }
}
