//! Summarizes a span of an index: a sentence for every minute, and one for all of it.
//!
//! The summary of a whole minute is stored in the index, so a finished minute is summarized once.

use std::{collections::BTreeMap, time::Instant};

use atom_index::{Filter, SelectedSource, SourceState, Store};
use atom_models::{Job, PromptBuilder, Scheduler, Urgency, first_sentence};
use atom_operators::{qa::archive::Coverage, summary::frequent_sentences::condense};
use serde::Serialize;
use tracing::warn;

use crate::{error::RuntimeError, store_archive::coverage_of};

/// Length of a minute.
const MINUTE_MS: u64 = 60_000;
/// The number of sentences that are combined at a time: a small decoder does not tell more of them apart.
const GROUP_SIZE: usize = 5;

/// Summaries of a span, by source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summaries {
    /// One for each source that has segments in the span.
    pub summaries: Vec<SourceSummary>,
    /// The time through which each source is complete, and the gaps.
    #[serde(flatten)]
    pub extent: Coverage,
}

/// The summary of one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceSummary {
    /// Name of the source.
    pub source: String,
    /// Start of the first segment, in milliseconds of media time.
    pub start_ms: u64,
    /// End of the last segment.
    pub end_ms: u64,
    /// The summary of all minutes.
    pub text: String,
    /// The summary of each minute.
    pub minutes: Vec<MinuteSummary>,
}

/// The summary of a minute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MinuteSummary {
    /// Start of its first segment, in milliseconds of media time.
    pub start_ms: u64,
    /// End of its last segment.
    pub end_ms: u64,
    /// The summary.
    pub text: String,
}

/// A minute with its captions.
struct CaptionedMinute {
    number: u64,
    start_ms: u64,
    end_ms: u64,
    captions: Vec<String>,
    /// True if the minute is complete and within the span: only then its summary is stored.
    whole: bool,
}

/// Summarizer of captions.
pub struct Summarizer {
    /// The decoder.
    pub scheduler: Scheduler,
    /// Builds the prompts.
    pub prompts: PromptBuilder,
}

impl Summarizer {
    /// Summarizes a span, minute by minute.
    ///
    /// # Errors
    /// If the source does not exist, the index cannot be used, or the decoder fails.
    pub fn summarize(
        &mut self,
        store: &mut Store,
        filter: &Filter,
    ) -> Result<Summaries, RuntimeError> {
        let chosen = store.select(filter)?.sources;
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
                text: self
                    .combine_all(minutes.iter().map(|minute| minute.text.clone()).collect())?,
                minutes,
            });
        }
        Ok(Summaries {
            summaries,
            extent: coverage_of(store, &chosen)?,
        })
    }

    /// Returns the minutes of one source; those without a stored summary are summarized now.
    fn minutes(
        &mut self,
        store: &mut Store,
        chosen: &SelectedSource,
    ) -> Result<Vec<MinuteSummary>, RuntimeError> {
        let SourceState { source, pack, .. } = &chosen.state;
        let (mut done, mut open) = (BTreeMap::new(), Vec::new());
        for minute in captioned_minutes(store, chosen)? {
            let bounds = bounds(minute.number);
            let known = match minute.whole {
                true => store.summary(source, pack, bounds.0, bounds.1)?,
                false => None,
            };
            match known {
                Some(text) => drop(done.insert(minute.number, minute.with_summary(text))),
                None => open.push(minute),
            }
        }
        let groups = open.iter().map(|minute| minute.captions.clone());
        let texts = self.combine(groups.collect(), &mut |at, text| {
            let minute = &open[at];
            // Stored at once, so that no finished minute is lost if the program ends now. An index that cannot be written can be
            // summarized all the same.
            if minute.whole
                && let Err(error) = store.save_summary(source, pack, bounds(minute.number), text)
            {
                warn!(%error, "the summary of a minute is not stored");
            }
        })?;
        for (minute, text) in open.iter().zip(texts) {
            done.insert(minute.number, minute.with_summary(text));
        }
        Ok(done.into_values().collect())
    }

    /// Combines many sentences into one, a few at a time.
    fn combine_all(&mut self, mut texts: Vec<String>) -> Result<String, RuntimeError> {
        while texts.len() > 1 {
            let groups = texts.chunks(GROUP_SIZE).map(<[String]>::to_vec);
            texts = self.combine(groups.collect(), &mut |_, _| {})?;
        }
        Ok(texts.pop().unwrap_or_default())
    }

    /// Returns one sentence for each of several groups of sentences, all decoded at the same time; `done` is called with each as soon
    /// as it is there. A group of equal sentences needs no decoding.
    fn combine(
        &mut self,
        groups: Vec<Vec<String>>,
        done: &mut dyn FnMut(usize, &str),
    ) -> Result<Vec<String>, RuntimeError> {
        let first = |group: &Vec<String>| group.first().cloned().unwrap_or_default();
        let mut sentences: Vec<String> = groups.iter().map(first).collect();
        for (at, group) in groups.into_iter().enumerate() {
            let sentence = &sentences[at];
            if group.iter().all(|text| text.eq_ignore_ascii_case(sentence)) {
                done(at, sentence);
                continue;
            }
            self.submit(at, &group);
        }
        let mut error = None;
        while !self.scheduler.idle() {
            for finished in self.scheduler.advance(Instant::now()) {
                let at = finished.id as usize;
                match finished
                    .result
                    .map(|generation| first_sentence(generation.text()))
                {
                    Ok(text) => {
                        // If the decoder gives nothing, the first sentence stays.
                        if !text.is_empty() {
                            sentences[at] = text;
                        }
                        done(at, &sentences[at]);
                    }
                    Err(fault) => error = error.or(Some(fault)),
                }
            }
        }
        error.map_or(Ok(sentences), |fault| Err(RuntimeError::Decoder(fault)))
    }

    /// Submits a group of sentences to the decoder.
    fn submit(&mut self, at: usize, group: &[String]) {
        let job = Job {
            prompt: self.prompts.summary_prompt(&condense(group)),
            max_tokens: self.prompts.summary_tokens(),
            urgency: Urgency::Person,
            deadline: None,
        };
        self.scheduler.submit(at as u64, job);
    }
}

/// Returns start and end of a minute, in milliseconds.
fn bounds(number: u64) -> (u64, u64) {
    (number * MINUTE_MS, (number + 1) * MINUTE_MS)
}

impl CaptionedMinute {
    fn with_summary(&self, text: String) -> MinuteSummary {
        MinuteSummary {
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            text,
        }
    }
}

/// Returns the captions of a span by minute; a segment without a caption gives its tags.
fn captioned_minutes(
    store: &Store,
    chosen: &SelectedSource,
) -> Result<Vec<CaptionedMinute>, RuntimeError> {
    let state = &chosen.state;
    let mut minutes: BTreeMap<u64, CaptionedMinute> = BTreeMap::new();
    store.visit(
        Some(&state.source),
        Some(chosen.from_ms),
        chosen.to_ms,
        &mut |stored| {
            let row = stored.row;
            let number = row.start_ms / MINUTE_MS;
            let (start, end) = bounds(number);
            let inside = chosen.from_ms <= start && chosen.to_ms.is_none_or(|to| to >= end);
            let minute = minutes.entry(number).or_insert(CaptionedMinute {
                number,
                start_ms: row.start_ms,
                end_ms: row.end_ms,
                captions: Vec::new(),
                whole: inside && (state.ended || state.sealed_ms >= end),
            });
            minute.end_ms = row.end_ms;
            minute.captions.push(row.caption.unwrap_or(row.tags));
            true
        },
    )?;
    Ok(minutes.into_values().collect())
}
