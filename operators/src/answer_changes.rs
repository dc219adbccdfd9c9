//! Change detection on answers: reports an answer only when it changes, with the segments that it rests on.
//!
//! A change counts when several segments in a row agree on it, so that one odd frame raises no alarm. Answers must come
//! in order of time; each source is compared only with itself.

use std::collections::BTreeMap;

use crate::{
    ids::SourceId,
    media_time::MediaTime,
    reason::{Answer, ReasonSpec, Reporting},
};

/// The reported and pending answers of each source.
#[derive(Debug)]
pub struct AnswerChanges {
    agree: usize,
    sources: BTreeMap<SourceId, ReportState>,
}

#[derive(Debug, Default)]
struct ReportState {
    reported: Option<String>,
    pending: Option<PendingChange>,
}

#[derive(Debug)]
struct PendingChange {
    text: String,
    segments: Vec<(MediaTime, MediaTime)>,
    probability_sum: f32,
}

impl AnswerChanges {
    /// Creates the state of a node that reports only changes; `None` for a node that reports everything.
    pub fn new(spec: &ReasonSpec) -> Option<Self> {
        (spec.tell == Reporting::Changes).then(|| Self {
            agree: spec.agree.max(1) as usize,
            sources: BTreeMap::new(),
        })
    }

    /// Drops the state of a source that ended.
    pub(crate) fn remove_source(&mut self, source: SourceId) {
        self.sources.remove(&source);
    }

    /// Adds the next answer; returns it if it completes a change. Its probability is the mean of those that agree.
    pub(crate) fn push(&mut self, answer: Answer) -> Option<Answer> {
        let state = self.sources.entry(answer.segment.key.source).or_default();
        if state.reported.as_ref() == Some(&answer.text) {
            state.pending = None;
            return None;
        }
        let pending = state
            .pending
            .take()
            .filter(|pending| pending.text == answer.text);
        let mut pending = pending.unwrap_or_else(|| PendingChange {
            text: answer.text.clone(),
            segments: Vec::new(),
            probability_sum: 0.0,
        });
        pending
            .segments
            .push((answer.segment.key.start, answer.segment.end));
        pending.probability_sum += answer.probability.unwrap_or(0.0);
        if pending.segments.len() < self.agree {
            state.pending = Some(pending);
            return None;
        }
        state.reported = Some(pending.text);
        Some(Answer {
            probability: answer
                .probability
                .map(|_| pending.probability_sum / pending.segments.len() as f32),
            rests_on: pending.segments,
            ..answer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atom_models::VisualFeatures;

    use super::*;
    use crate::{
        ids::NodeId,
        segment::{Segment, SegmentKey},
    };

    fn answer(source: u32, n: u64, text: &str, probability: f32) -> Answer {
        let at = |n: u64| MediaTime::from_millis(n * 4000);
        Answer {
            segment: Arc::new(Segment::synthetic(
                SegmentKey {
                    source: SourceId::new(source),
                    start: at(n),
                },
                at(n + 1),
                VisualFeatures::default(),
            )),
            node: NodeId(0),
            ask: "Is it red?".into(),
            text: text.into(),
            probability: Some(probability),
            rests_on: vec![],
        }
    }

    #[test]
    fn a_change_is_reported_when_enough_segments_in_a_row_agree() {
        let spec = ReasonSpec {
            tell: Reporting::Changes,
            agree: 2,
            ..ReasonSpec::default()
        };
        let mut changes = AnswerChanges::new(&spec).unwrap();
        let answers = ["No", "No", "No", "Yes", "No", "Yes", "Yes", "Yes", "No"];
        let mut reported = Vec::new();
        for (n, text) in answers.into_iter().enumerate() {
            let probability = 0.5 + n as f32 / 20.0;
            reported.extend(changes.push(answer(0, n as u64, text, probability)));
            // Another source whose answer never changes.
            assert_eq!(
                changes.push(answer(1, n as u64, "No", 0.9)).is_some(),
                n == 1
            );
        }
        let reported: Vec<_> = reported
            .into_iter()
            .map(|a| {
                (
                    a.text,
                    a.rests_on
                        .iter()
                        .map(|(start, _)| start.millis())
                        .collect::<Vec<_>>(),
                    a.probability,
                )
            })
            .collect();
        let expected = [
            ("No", vec![0, 4000], 0.525),
            ("Yes", vec![20_000, 24_000], 0.775),
        ];
        for ((text, rests_on, probability), (want, on, likely)) in reported.iter().zip(&expected) {
            assert_eq!((text.as_str(), rests_on), (*want, on));
            assert!((probability.unwrap() - likely).abs() < 1e-6);
        }
        assert_eq!(reported.len(), 2);
    }
}
