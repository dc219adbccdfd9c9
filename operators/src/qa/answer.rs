//! The answer to a question of a user: composed by code from all segments, or the decoder's answers about some, with the segments it
//! rests on and how complete they are.

use atom_models::{Fault, english::capitalized};
use serde::Serialize;

use crate::{
    counted::counted,
    qa::{
        archive::{Coverage, StoredSegment},
        citation::{Citation, rounded},
        evidence::Evidence,
        question_form::QuestionForm,
    },
    stretch::stretch_text,
};

/// Maximum number of segments that an answer cites.
const MAX_CITATIONS: usize = 5;
/// Maximum number of different answers that are joined.
const MAX_ANSWERS: usize = 3;

/// Returns the answer from the evidence and the decoder's answers about its segments, one for each.
///
/// # Errors
/// Fails if the decoder failed at some segments and nothing was found in the others.
pub(crate) fn compose_answer(
    evidence: &Evidence,
    answers: Vec<Result<String, Fault>>,
) -> Result<QuestionAnswer, Fault> {
    if evidence.examined == 0 {
        return Ok(evidence.no_video());
    }
    match (&evidence.composed, evidence.form) {
        (Some(composed), _) => Ok(QuestionAnswer {
            count: composed.count,
            ..evidence.answer(composed.text.clone(), None, composed.citations.clone())
        }),
        (None, QuestionForm::Open) => joined_answer(evidence, answers),
        (None, _) => Ok(counted_answer(evidence)),
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
    /// For "how many", the most in one frame, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The segments it rests on, strongest evidence first. Adjacent segments that were counted are cited as one.
    pub segments: Vec<Citation>,
    /// The completeness of the segments.
    #[serde(flatten)]
    pub coverage: Coverage,
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
            count: None,
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

fn first_fault(answers: &[Result<String, Fault>]) -> Option<Fault> {
    answers
        .iter()
        .find_map(|answer| answer.as_ref().err().cloned())
}

/// Returns the decoder's answers, each once, ordered by the total probability of the segments that give them.
fn joined_answer(
    evidence: &Evidence,
    answers: Vec<Result<String, Fault>>,
) -> Result<QuestionAnswer, Fault> {
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

/// Returns true if an answer names something that was seen.
fn is_informative(answer: &str) -> bool {
    let lower = answer.to_lowercase();
    let plain = lower.trim_end_matches('.').trim();
    !plain.is_empty() && !["not seen", "none", "unknown", "maybe", "no", "not"].contains(&plain)
}

/// Returns the answer of a count over all segments.
fn counted_answer(evidence: &Evidence) -> QuestionAnswer {
    let Evidence {
        segments,
        max_probability,
        ..
    } = evidence;
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
    let all = counted(*examined, "segment");
    let share = format!("{count} of {examined}, {seconds:.1} s in all");
    match (evidence.form, segments.is_empty()) {
        (QuestionForm::YesNo, true) => format!("No: in none of {all}."),
        (_, true) => format!("Never: in none of {all}."),
        (QuestionForm::When, false) => format!("{}.", capitalized(&format_times(citations))),
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
    let stretches: Vec<_> = citations.iter().map(Citation::stretch).collect();
    format!("from {}", stretch_text(&stretches, MAX_CITATIONS))
}
