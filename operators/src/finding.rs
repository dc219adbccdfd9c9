//! The answer to a person's question, as it is told: what was counted, or what the decoder said about the moments, with what
//! it rests on and how far that is complete.

use atom_models::Fault;
use serde::Serialize;

use crate::{
    archive::{Extent, Moment},
    find::{Evidence, Form},
};

/// So many segments are told that an answer rests on.
const TOLD: usize = 5;
/// So many answers that differ are told.
const ANSWERS: usize = 3;

/// What came of the evidence and of the decoder's answers about its moments, one for each.
///
/// # Errors
/// If nothing was seen, but the decoder failed at some of it.
pub(crate) fn concluded(
    evidence: &Evidence,
    answers: Vec<Result<String, Fault>>,
) -> Result<Finding, Fault> {
    match evidence.form {
        Form::Open => told(evidence, answers),
        _ => Ok(counted(evidence)),
    }
}

/// An answer with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The answer.
    pub text: String,
    /// Of yes or no, how likely it is, 0 to 1, by the segment that speaks most for yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// What it rests on, what speaks most for it first. Neighbours that bear out what was counted are told as one.
    pub segments: Vec<Rest>,
    /// How far that is complete.
    #[serde(flatten)]
    pub extent: Extent,
}

/// A stretch that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rest {
    /// Name of its source.
    pub source: String,
    /// Where it begins, in milliseconds of media time.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// Its caption, or what it shows.
    pub text: String,
    /// What the decoder answered about it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How likely it bears the question out, or has to do with it; nothing where the question is about everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
}

impl Evidence {
    fn finding(&self, text: String, probability: Option<f32>, mut segments: Vec<Rest>) -> Finding {
        segments.truncate(TOLD);
        Finding {
            text,
            probability: probability.map(rounded),
            segments,
            extent: self.extent.clone(),
        }
    }

    fn nothing_there(&self) -> Finding {
        self.finding(
            "There is no video in that span.".to_owned(),
            None,
            Vec::new(),
        )
    }
}

/// A thousandth is more than is known of a probability.
fn rounded(probability: f32) -> f32 {
    (probability * 1000.0).round() / 1000.0
}

fn rest((moment, probability): &(Moment, f32), answer: Option<String>) -> Rest {
    let text = moment.caption.as_ref().unwrap_or(&moment.tags);
    Rest {
        source: moment.source.clone(),
        start_ms: moment.start_ms,
        end_ms: moment.end_ms,
        text: text.clone(),
        probability: Some(rounded(*probability)),
        answer,
    }
}

/// The decoder's answers, each once: first the one that the moments speak for that have most to do with the question.
fn told(evidence: &Evidence, answers: Vec<Result<String, Fault>>) -> Result<Finding, Fault> {
    if evidence.looked == 0 {
        return Ok(evidence.nothing_there());
    }
    let failed = answers
        .iter()
        .find_map(|answer| answer.as_ref().err().cloned());
    if evidence.whole.is_some() {
        let text = answers.into_iter().flatten().next().unwrap_or_default();
        let rests = evidence.moments.iter().map(|moment| Rest {
            probability: None,
            ..rest(moment, None)
        });
        return failed.map_or_else(|| Ok(evidence.finding(text, None, rests.collect())), Err);
    }
    let mut groups: Vec<(String, f32)> = Vec::new();
    let mut rests = Vec::new();
    for (moment, answer) in evidence.moments.iter().zip(answers) {
        let Some(answer) = answer.ok().filter(|answer| seen(answer)) else {
            continue;
        };
        rests.push(rest(moment, Some(answer.clone())));
        let same = |(other, _): &&mut (String, f32)| other.eq_ignore_ascii_case(&answer);
        match groups.iter_mut().find(same) {
            Some((_, weight)) => *weight += moment.1,
            None => groups.push((answer, moment.1)),
        }
    }
    groups.sort_by(|a, b| b.1.total_cmp(&a.1));
    let texts: Vec<_> = groups
        .into_iter()
        .take(ANSWERS)
        .map(|(text, _)| text)
        .collect();
    match (texts.is_empty(), failed) {
        // Nobody knows what would have been seen there.
        (true, Some(fault)) => Err(fault),
        (true, None) => Ok(evidence.finding("Not seen.".to_owned(), None, rests)),
        (false, _) => Ok(evidence.finding(texts.join(" "), None, rests)),
    }
}

/// Whether an answer is more than that nothing was seen.
fn seen(answer: &str) -> bool {
    let lower = answer.to_lowercase();
    let plain = lower.trim_end_matches('.').trim();
    !plain.is_empty() && !["not seen", "none", "unknown", "maybe", "no", "not"].contains(&plain)
}

/// What is counted over all segments.
fn counted(evidence: &Evidence) -> Finding {
    let Evidence {
        moments,
        looked,
        likeliest,
        ..
    } = evidence;
    if *looked == 0 {
        return evidence.nothing_there();
    }
    let stretches = stretches(moments);
    let seconds = moments
        .iter()
        .map(|(moment, _)| moment.end_ms.saturating_sub(moment.start_ms))
        .sum::<u64>() as f64
        / 1000.0;
    let segments = match moments.len() {
        1 => "1 segment".to_owned(),
        count => format!("{count} segments"),
    };
    let share = format!("{segments} of {looked}, {seconds:.1} s in all");
    let text = match (evidence.form, moments.is_empty()) {
        (Form::YesNo, true) => format!("No: in none of {looked} segments."),
        (_, true) => format!("Never: in none of {looked} segments."),
        (Form::When, false) => format!("{}.", capital(&times(&stretches))),
        (Form::HowLong, false) => format!("{seconds:.1} s, in {segments} of {looked}."),
        (Form::HowOften, false) => match stretches.len() {
            1 => format!("Once: {share}."),
            count => format!("{count} times: {share}."),
        },
        (_, false) => format!("Yes: in {share}; {}.", times(&stretches)),
    };
    let probability = (evidence.form == Form::YesNo).then(|| match moments.is_empty() {
        true => 1.0 - likeliest,
        false => *likeliest,
    });
    let mut rests = stretches;
    let likely = |rest: &Rest| rest.probability.unwrap_or(0.0);
    rests.sort_by(|a, b| likely(b).total_cmp(&likely(a)));
    evidence.finding(text, probability, rests)
}

/// Neighbours of one source as one, in order of time, each with what its likeliest segment shows.
fn stretches(moments: &[(Moment, f32)]) -> Vec<Rest> {
    let mut found: Vec<Rest> = Vec::new();
    for moment in moments {
        let next = rest(moment, None);
        match found.last_mut() {
            Some(last) if last.source == next.source && next.start_ms <= last.end_ms => {
                last.end_ms = last.end_ms.max(next.end_ms);
                if next.probability > last.probability {
                    (last.text, last.probability) = (next.text, next.probability);
                }
            }
            _ => found.push(next),
        }
    }
    found
}

/// The first few stretches, as times; with the source where there are several.
fn times(stretches: &[Rest]) -> String {
    let several = stretches
        .iter()
        .any(|rest| rest.source != stretches[0].source);
    let told = stretches.iter().take(TOLD).map(|rest| {
        let span = format!("{} to {}", clock(rest.start_ms), clock(rest.end_ms));
        match several {
            true => format!("{span} of {}", rest.source),
            false => span,
        }
    });
    let told = told.collect::<Vec<_>>().join(", ");
    match stretches.len().saturating_sub(TOLD) {
        0 => format!("from {told}"),
        more => format!("from {told} and {more} more"),
    }
}

/// A time for a sentence: hours, if there are any, minutes, seconds.
fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// The same sentence with a capital.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
