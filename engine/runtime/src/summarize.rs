//! Says what happened in a span of what is stored: a sentence for every minute, and one for all of it.
//!
//! The summary of a whole minute is kept in the store; a finished minute is put into words once.

use std::{collections::BTreeMap, time::Instant};

use atom_models::{Job, PromptBuilder, Scheduler, Urgency, first_sentence};
use atom_operators::{
    archive::Extent,
    data::{MediaTime, SourceId},
    summary::Stretch,
};
use serde::Serialize;
use tracing::warn;

use crate::{archive::extent, error::RuntimeError};
use atom_index::{Chosen, Filter, SourceState, Store};

/// Length of a minute.
const MINUTE_MS: u64 = 60_000;
/// So many sentences are put into one at a time: more than a small decoder keeps apart are not worth giving it.
const TOGETHER: usize = 5;

/// What happened, by source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summaries {
    /// One for each source that has segments in the span.
    pub summaries: Vec<SourceSummary>,
    /// How far that is complete.
    #[serde(flatten)]
    pub extent: Extent,
}

/// What happened in one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceSummary {
    /// Name of the source.
    pub source: String,
    /// Where the first segment begins, in milliseconds of media time.
    pub start_ms: u64,
    /// Where the last one ends.
    pub end_ms: u64,
    /// What happened in all of it.
    pub text: String,
    /// What happened in each minute.
    pub minutes: Vec<Minute>,
}

/// What happened in a minute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Minute {
    /// Where its first segment begins, in milliseconds of media time.
    pub start_ms: u64,
    /// Where its last one ends.
    pub end_ms: u64,
    /// What happened.
    pub text: String,
}

/// A minute that may have to be put into words.
struct Draft {
    number: u64,
    start_ms: u64,
    end_ms: u64,
    captions: Vec<String>,
    /// Whether all of the minute is there and within the span: only then its summary is kept.
    whole: bool,
}

/// Puts captions into sentences.
pub struct Summarizer {
    /// The decoder.
    pub scheduler: Scheduler,
    /// Makes the prompts.
    pub prompts: PromptBuilder,
}

impl Summarizer {
    /// Sums up a span, minute by minute.
    ///
    /// # Errors
    /// When the source is not there, the store cannot be used, or the decoder fails.
    pub fn summarize(
        &mut self,
        store: &mut Store,
        filter: &Filter,
    ) -> Result<Summaries, RuntimeError> {
        let chosen = store.choose(filter)?.sources;
        let mut summaries = Vec::new();
        for chosen in &chosen {
            let minutes = self.minutes(store, chosen)?;
            let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else {
                continue;
            };
            summaries.push(SourceSummary {
                source: chosen.state.source.clone(),
                start_ms: first.start_ms,
                end_ms: last.end_ms,
                text: self.all(minutes.iter().map(|minute| minute.text.clone()).collect())?,
                minutes,
            });
        }
        Ok(Summaries {
            summaries,
            extent: extent(store, &chosen)?,
        })
    }

    /// The minutes of one source, those put into words now that were not before.
    fn minutes(&mut self, store: &mut Store, chosen: &Chosen) -> Result<Vec<Minute>, RuntimeError> {
        let SourceState { source, pack, .. } = &chosen.state;
        let (mut told, mut open) = (BTreeMap::new(), Vec::new());
        for draft in drafts(store, chosen)? {
            let bounds = bounds(draft.number);
            let known = match draft.whole {
                true => store.summary(source, pack, bounds.0, bounds.1)?,
                false => None,
            };
            match known {
                Some(text) => drop(told.insert(draft.number, minute(&draft, text))),
                None => open.push(draft),
            }
        }
        let groups = open.iter().map(|draft| draft.captions.clone()).collect();
        let texts = self.say(groups, &mut |at, text| {
            let draft = &open[at];
            // Kept at once: what ends the program now costs no minute that is done. What a store that cannot be written holds
            // can be summed up all the same.
            if draft.whole
                && let Err(error) = store.keep_summary(source, pack, bounds(draft.number), text)
            {
                warn!(%error, "the summary of a minute is not kept");
            }
        })?;
        for (draft, text) in open.iter().zip(texts) {
            told.insert(draft.number, minute(draft, text));
        }
        Ok(told.into_values().collect())
    }

    /// Many sentences as one, a few at a time.
    fn all(&mut self, mut texts: Vec<String>) -> Result<String, RuntimeError> {
        while texts.len() > 1 {
            let groups = texts.chunks(TOGETHER).map(<[String]>::to_vec);
            texts = self.say(groups.collect(), &mut |_, _| {})?;
        }
        Ok(texts.pop().unwrap_or_default())
    }

    /// One sentence for each of several groups of sentences, all at a time; `done` hears of each as soon as it is there. One sentence
    /// stays as it is.
    fn say(
        &mut self,
        groups: Vec<Vec<String>>,
        done: &mut dyn FnMut(usize, &str),
    ) -> Result<Vec<String>, RuntimeError> {
        let first = |group: &Vec<String>| group.first().cloned().unwrap_or_default();
        let mut said: Vec<String> = groups.iter().map(first).collect();
        for (at, group) in groups.into_iter().enumerate() {
            if group
                .iter()
                .all(|text| text.eq_ignore_ascii_case(&said[at]))
            {
                done(at, &said[at]);
                continue;
            }
            let nowhere = (MediaTime::default(), MediaTime::default());
            let stretch = Stretch::new(SourceId::default(), nowhere, group.len(), false, group);
            let job = Job {
                prompt: self.prompts.summary_prompt(&stretch.told()),
                max_tokens: self.prompts.summary_tokens(),
                urgency: Urgency::Person,
                deadline: None,
            };
            self.scheduler.submit(at as u64, job);
        }
        let mut failed = None;
        while !self.scheduler.idle() {
            for finished in self.scheduler.advance(Instant::now()) {
                let at = finished.id as usize;
                match finished
                    .result
                    .map(|generation| first_sentence(generation.text()))
                {
                    Ok(text) => {
                        // What a decoder leaves unsaid, the first sentence says.
                        if !text.is_empty() {
                            said[at] = text;
                        }
                        done(at, &said[at]);
                    }
                    Err(fault) => failed = failed.or(Some(fault)),
                }
            }
        }
        failed.map_or(Ok(said), |fault| Err(RuntimeError::Decoder(fault)))
    }
}

fn bounds(number: u64) -> (u64, u64) {
    (number * MINUTE_MS, (number + 1) * MINUTE_MS)
}

fn minute(draft: &Draft, text: String) -> Minute {
    Minute {
        start_ms: draft.start_ms,
        end_ms: draft.end_ms,
        text,
    }
}

/// The captions of a span by minute; of segments without a caption, what they show.
fn drafts(store: &Store, chosen: &Chosen) -> Result<Vec<Draft>, RuntimeError> {
    let state = &chosen.state;
    let mut drafts: BTreeMap<u64, Draft> = BTreeMap::new();
    store.visit(
        Some(&state.source),
        Some(chosen.from_ms),
        chosen.to_ms,
        &mut |stored| {
            let row = stored.row;
            let number = row.start_ms / MINUTE_MS;
            let (start, end) = bounds(number);
            let inside = chosen.from_ms <= start && chosen.to_ms.is_none_or(|to| to >= end);
            let draft = drafts.entry(number).or_insert(Draft {
                number,
                start_ms: row.start_ms,
                end_ms: row.end_ms,
                captions: Vec::new(),
                whole: inside && (state.ended || state.sealed_ms >= end),
            });
            draft.end_ms = row.end_ms;
            draft.captions.push(row.caption.unwrap_or(row.tags));
            true
        },
    )?;
    Ok(drafts.into_values().collect())
}
