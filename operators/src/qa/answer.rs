//! The answer to a person's question: a count, or the decoder's answers, with the segments it rests on and how complete
//! they are.

use atom_models::Fault;
use serde::Serialize;

use crate::{
    counted::counted,
    qa::{
        archive::{Coverage, StoredSegment},
        evidence::Evidence,
        question_form::QuestionForm,
    },
};

/// Highest number of segments that an answer cites.
const MAX_CITATIONS: usize = 5;
/// Highest number of different answers that are joined.
const MAX_ANSWERS: usize = 3;

/// Returns the answer from the evidence and the decoder's answers about its segments, one for each.
///
/// # Errors
/// Fails if the decoder failed at some segments and nothing was found in the others.
pub(crate) fn compose_answer(
    evidence: &Evidence,
    answers: Vec<Result<String, Fault>>,
) -> Result<QuestionAnswer, Fault> {
    match evidence.form {
        QuestionForm::Open if evidence.overview.is_some() => overview_answer(evidence, answers),
        QuestionForm::Open => joined_answer(evidence, answers),
        _ => Ok(counted_answer(evidence)),
    }
}

/// An answer with the segments it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuestionAnswer {
    /// The answer.
    pub text: String,
    /// For yes or no, the probability of the answer, 0 to 1, by the segment that is the strongest evidence for yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// The segments it rests on, strongest evidence first. Adjacent segments that were counted are cited as one.
    pub segments: Vec<Citation>,
    /// The completeness of the segments.
    #[serde(flatten)]
    pub coverage: Coverage,
}

/// A stretch of a source that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Citation {
    /// Name of its source.
    pub source: String,
    /// The present path of its file, if it has one and the one who prints the answer has looked it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Start in milliseconds of media time.
    pub start_ms: u64,
    /// End in milliseconds of media time.
    pub end_ms: u64,
    /// The wall time at which it begins, if it is known and was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_utc: Option<String>,
    /// Its caption, or its content in words.
    pub text: String,
    /// The decoder's answer about it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The probability that it meets the condition or is related to the question; `None` where the question is about
    /// everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
}

impl Citation {
    fn new((segment, probability): &(StoredSegment, f32), answer: Option<String>) -> Self {
        let text = segment.caption.as_ref().unwrap_or(&segment.tags);
        Self {
            source: segment.source.clone(),
            path: None,
            start_ms: segment.start_ms,
            end_ms: segment.end_ms,
            start_utc: None,
            text: text.clone(),
            probability: Some(rounded(*probability)),
            answer,
        }
    }
}

impl Evidence {
    fn answer(
        &self,
        text: String,
        probability: Option<f32>,
        mut segments: Vec<Citation>,
    ) -> QuestionAnswer {
        segments.truncate(MAX_CITATIONS);
        QuestionAnswer {
            text,
            probability: probability.map(rounded),
            segments,
            coverage: self.coverage.clone(),
        }
    }

    fn no_video(&self) -> QuestionAnswer {
        self.answer(
            "There is no video in that span.".to_owned(),
            None,
            Vec::new(),
        )
    }
}

/// Rounds to thousandths; probabilities are not known more exactly.
fn rounded(probability: f32) -> f32 {
    (probability * 1000.0).round() / 1000.0
}

fn first_fault(answers: &[Result<String, Fault>]) -> Option<Fault> {
    answers
        .iter()
        .find_map(|answer| answer.as_ref().err().cloned())
}

/// Returns the decoder's summary of everything.
fn overview_answer(
    evidence: &Evidence,
    answers: Vec<Result<String, Fault>>,
) -> Result<QuestionAnswer, Fault> {
    if evidence.examined == 0 {
        return Ok(evidence.no_video());
    }
    if let Some(fault) = first_fault(&answers) {
        return Err(fault);
    }
    let text = answers.into_iter().flatten().next().unwrap_or_default();
    let citations = evidence.segments.iter().map(|segment| Citation {
        probability: None,
        ..Citation::new(segment, None)
    });
    Ok(evidence.answer(text, None, citations.collect()))
}

/// Returns the decoder's answers, each once, ordered by the total probability of the segments that give them.
fn joined_answer(
    evidence: &Evidence,
    answers: Vec<Result<String, Fault>>,
) -> Result<QuestionAnswer, Fault> {
    if evidence.examined == 0 {
        return Ok(evidence.no_video());
    }
    let failed = first_fault(&answers);
    let mut groups: Vec<(String, f32)> = Vec::new();
    let mut citations = Vec::new();
    for (segment, answer) in evidence.segments.iter().zip(answers) {
        let Some(answer) = answer.ok().filter(|answer| is_informative(answer)) else {
            continue;
        };
        citations.push(Citation::new(segment, Some(answer.clone())));
        let same = |(other, _): &&mut (String, f32)| other.eq_ignore_ascii_case(&answer);
        match groups.iter_mut().find(same) {
            Some((_, weight)) => *weight += segment.1,
            None => groups.push((answer, segment.1)),
        }
    }
    groups.sort_by(|a, b| b.1.total_cmp(&a.1));
    let texts: Vec<_> = groups
        .into_iter()
        .take(MAX_ANSWERS)
        .map(|(text, _)| text)
        .collect();
    match (texts.is_empty(), failed) {
        // The failed segments might have held an answer.
        (true, Some(fault)) => Err(fault),
        (true, None) => Ok(evidence.answer("Not seen.".to_owned(), None, citations)),
        (false, _) => Ok(evidence.answer(texts.join(" "), None, citations)),
    }
}

/// Returns true if an answer says more than that nothing was seen.
fn is_informative(answer: &str) -> bool {
    let lower = answer.to_lowercase();
    let plain = lower.trim_end_matches('.').trim();
    !plain.is_empty() && !["not seen", "none", "unknown", "maybe", "no", "not"].contains(&plain)
}

/// Returns the answer of a count over all segments.
fn counted_answer(evidence: &Evidence) -> QuestionAnswer {
    let Evidence {
        segments,
        examined,
        max_probability,
        ..
    } = evidence;
    if *examined == 0 {
        return evidence.no_video();
    }
    let mut citations = merge_adjacent(segments);
    let text = counted_text(evidence, &citations);
    let probability = (evidence.form == QuestionForm::YesNo).then(|| match segments.is_empty() {
        true => 1.0 - max_probability,
        false => *max_probability,
    });
    let strength = |citation: &Citation| citation.probability.unwrap_or(0.0);
    citations.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    evidence.answer(text, probability, citations)
}

fn counted_text(evidence: &Evidence, citations: &[Citation]) -> String {
    let Evidence {
        segments, examined, ..
    } = evidence;
    let seconds = segments
        .iter()
        .map(|(segment, _)| segment.end_ms.saturating_sub(segment.start_ms))
        .sum::<u64>() as f64
        / 1000.0;
    let count = counted(segments.len(), "segment");
    let share = format!("{count} of {examined}, {seconds:.1} s in all");
    match (evidence.form, segments.is_empty()) {
        (QuestionForm::YesNo, true) => format!("No: in none of {}.", counted(*examined, "segment")),
        (_, true) => format!("Never: in none of {}.", counted(*examined, "segment")),
        (QuestionForm::When, false) => format!("{}.", capitalised(&format_times(citations))),
        (QuestionForm::HowLong, false) => format!("{seconds:.1} s, in {count} of {examined}."),
        (QuestionForm::HowOften, false) => match citations.len() {
            1 => format!("Once: {share}."),
            times => format!("{times} times: {share}."),
        },
        (_, false) => format!("Yes: in {share}; {}.", format_times(citations)),
    }
}

/// Merges adjacent segments of a source, in order of time; the text is that of the most probable one.
fn merge_adjacent(segments: &[(StoredSegment, f32)]) -> Vec<Citation> {
    let mut merged: Vec<Citation> = Vec::new();
    for segment in segments {
        let next = Citation::new(segment, None);
        match merged.last_mut() {
            Some(last) if last.source == next.source && next.start_ms <= last.end_ms => {
                last.end_ms = last.end_ms.max(next.end_ms);
                if next.probability > last.probability {
                    (last.text, last.probability) = (next.text, next.probability);
                }
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// Formats the first few stretches as times, with the source where there are several.
fn format_times(citations: &[Citation]) -> String {
    let several = citations
        .iter()
        .any(|citation| citation.source != citations[0].source);
    let times = citations.iter().take(MAX_CITATIONS).map(|citation| {
        let start = format_clock(citation.start_ms);
        let span = format!("{start} to {}", format_clock(citation.end_ms));
        match several {
            true => format!("{span} of {}", citation.source),
            false => span,
        }
    });
    let times = times.collect::<Vec<_>>().join(", ");
    match citations.len().saturating_sub(MAX_CITATIONS) {
        0 => format!("from {times}"),
        more => format!("from {times} and {more} more"),
    }
}

/// Formats a time as minutes and seconds, with hours if there are any.
fn format_clock(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// Returns the text with its first letter in upper case.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
