//! What happened in a minute or a longer span: its settings, what was said in it, and its summary. When a stretch is whole, `minutes`
//! knows.

use std::{collections::HashMap, sync::Arc};

use crate::{
    data::{Failure, MediaTime, NodeId, Outcome, SourceId, Stage},
    decode::{About, Decoded},
    node::{SpecError, check_tokens, require},
};
use atom_models::{Fault, Prompt, PromptBuilder, Reason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Says what happened in every minute, and in every longer span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SummarySpec {
    /// Length of the shorter stretches, 1,000 to 3,600,000 ms; they begin at its multiples.
    pub length_ms: u64,
    /// Length of the longer stretches, which are summed up from the shorter ones: a multiple of `length_ms`, at most a day; 0 for
    /// none. One that holds a single shorter stretch is left out.
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
        check_tokens(self.max_tokens)
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
    pub fn prompt(&self, prompts: &PromptBuilder) -> Result<Prompt, Fault> {
        match self.texts.is_empty() {
            true => Err(Fault::new(
                Reason::Missing,
                "nothing was said in this stretch",
            )),
            false => Ok(prompts.summary_prompt(&self.told())),
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

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: SourceId = SourceId::of(0);

    fn at(seconds: u64) -> MediaTime {
        MediaTime::from_millis(seconds * 1000)
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
