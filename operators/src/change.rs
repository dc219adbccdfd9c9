//! Tells answers only when they change: an alert, with the segments that it rests on.
//!
//! A change counts when several segments in a row agree on it, so that one odd picture raises no alarm. Answers must come in
//! order of time; those of one source are compared with each other only.

use std::collections::BTreeMap;

use crate::{
    data::{Answer, MediaTime, SourceId},
    reason::{ReasonSpec, Telling},
};

/// What was told of each source, and what may be told next.
#[derive(Debug)]
pub struct Changes {
    agree: usize,
    sources: BTreeMap<SourceId, State>,
}

#[derive(Debug, Default)]
struct State {
    told: Option<String>,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    text: String,
    segments: Vec<(MediaTime, MediaTime)>,
    probability: f32,
}

impl Changes {
    /// What a node with these settings needs; nothing if it tells everything.
    pub fn of(spec: &ReasonSpec) -> Option<Self> {
        (spec.tell == Telling::Changes).then(|| Self {
            agree: spec.agree.max(1) as usize,
            sources: BTreeMap::new(),
        })
    }

    /// Nothing of this source comes any more.
    pub fn forget(&mut self, source: SourceId) {
        self.sources.remove(&source);
    }

    /// Takes the next answer; gives what is to be told of it. Its probability is the mean of those that agree.
    pub fn push(&mut self, answer: Answer) -> Option<Answer> {
        let state = self.sources.entry(answer.segment.key.source).or_default();
        if state.told.as_ref() == Some(&answer.text) {
            state.pending = None;
            return None;
        }
        let pending = state
            .pending
            .take()
            .filter(|pending| pending.text == answer.text);
        let mut pending = pending.unwrap_or_else(|| Pending {
            text: answer.text.clone(),
            segments: Vec::new(),
            probability: 0.0,
        });
        pending
            .segments
            .push((answer.segment.key.start, answer.segment.end));
        pending.probability += answer.probability.unwrap_or(0.0);
        if pending.segments.len() < self.agree {
            state.pending = Some(pending);
            return None;
        }
        state.told = Some(pending.text);
        Some(Answer {
            probability: answer
                .probability
                .map(|_| pending.probability / pending.segments.len() as f32),
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
    use crate::data::{NodeId, Segment, SegmentKey};

    fn answer(source: u32, n: u64, text: &str, probability: f32) -> Answer {
        let at = |n: u64| MediaTime::from_millis(n * 4000);
        Answer {
            segment: Arc::new(Segment {
                key: SegmentKey {
                    source: SourceId::of(source),
                    start: at(n),
                },
                end: at(n + 1),
                frames: vec![],
                features: VisualFeatures::default(),
                slot: None,
                closed: std::time::Instant::now(),
                span: tracing::Span::none(),
            }),
            node: NodeId(0),
            ask: "Is it red?".into(),
            text: text.into(),
            probability: Some(probability),
            rests_on: vec![],
        }
    }

    #[test]
    fn a_change_is_told_when_enough_in_a_row_agree_with_the_segments_it_rests_on() {
        let spec = ReasonSpec {
            tell: Telling::Changes,
            agree: 2,
            ..ReasonSpec::default()
        };
        let mut changes = Changes::of(&spec).unwrap();
        let said = ["No", "No", "No", "Yes", "No", "Yes", "Yes", "Yes", "No"];
        let mut told = Vec::new();
        for (n, text) in said.into_iter().enumerate() {
            let probability = 0.5 + n as f32 / 20.0;
            told.extend(changes.push(answer(0, n as u64, text, probability)));
            // Another source that never changes its mind.
            assert_eq!(
                changes.push(answer(1, n as u64, "No", 0.9)).is_some(),
                n == 1
            );
        }
        let told: Vec<_> = told
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
        for ((text, rests_on, probability), (want, on, likely)) in told.iter().zip(&expected) {
            assert_eq!((text.as_str(), rests_on), (*want, on));
            assert!((probability.unwrap() - likely).abs() < 1e-6);
        }
        assert_eq!(told.len(), 2);
    }
}
