//! The choice of the frames that a prompt shows to a decoder that sees images.
//!
//! It depends on the frames alone, so all prompts about a scene show the same ones and share the work on them.

use std::sync::Arc;

use atom_models::ShownFrame;

use crate::{segment::Segment, signature::Signature};

/// Smallest difference of brightness between two frames that are shown: below it, the second tells nothing new.
const LEAST_DIFFERENCE: f64 = 0.01;

/// Returns at most `count` frames of a segment, in order of time; none if they were not encoded for a decoder that sees images.
pub fn shown_frames(segment: &Segment, count: usize) -> Vec<ShownFrame> {
    let signatures: Vec<_> = segment
        .frames
        .iter()
        .map(|frame| &frame.signature)
        .collect();
    let chosen = choose_frames(&signatures, count).into_iter();
    let shown = chosen.filter_map(|at| {
        let frame = &segment.frames[at];
        Some(ShownFrame {
            at_ms: frame.at.millis().saturating_sub(segment.key.start.millis()),
            embeddings: Arc::clone(frame.features.image.as_ref()?),
        })
    });
    shown.collect()
}

/// Chooses at most `count` frames of a scene: the first one, then those that differ most from the ones chosen before. Returns
/// their positions in order.
pub fn choose_frames(signatures: &[&Signature], count: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < count {
        let difference = |at: &usize| {
            let others = chosen.iter().map(|other| signatures[*other]);
            let each = others.map(|other| other.difference(signatures[*at]));
            each.fold(f64::INFINITY, f64::min)
        };
        // In reverse, because `max_by` returns the last of equals.
        let positions = (0..signatures.len()).rev();
        let next = positions.max_by(|a, b| difference(a).total_cmp(&difference(b)));
        match next {
            Some(next) if difference(&next) >= LEAST_DIFFERENCE => chosen.push(next),
            _ => break,
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use atom_models::Image;

    use super::*;

    #[test]
    fn chooses_the_first_frame_and_those_that_differ_most() {
        let grey = |level: u8| Signature::new(&Image::filled(16, 16, [level; 3]));
        let choose = |levels: &[u8], count| {
            let signatures: Vec<_> = levels.iter().copied().map(grey).collect();
            choose_frames(&signatures.iter().collect::<Vec<_>>(), count)
        };
        assert_eq!(choose(&[100, 110, 200, 120], 2), [0, 2]);
        assert_eq!(choose(&[100, 110, 200, 150], 3), [0, 2, 3]);
        assert_eq!(
            choose(&[100, 101, 100], 3),
            [0],
            "a still scene is shown once"
        );
        assert!(choose(&[9, 9], 0).is_empty());
        assert!(choose(&[], 3).is_empty());
    }
}
