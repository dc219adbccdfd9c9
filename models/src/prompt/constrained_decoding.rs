//! Constrained decoding of captions: banned words, and the visual support for the words that a caption uses.
//!
//! The decoder invents some details, such as colours, more often than others. Both rules use the concept scores; a word
//! that is not a concept has no effect.

use serde::{Deserialize, Serialize};

use crate::vision::concept_vocabulary::{Concept, ConceptVocabulary};

/// The `[constrained_decoding]` section of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaptionConstraints {
    /// Concepts that a caption may name only if they are likely enough, such as colours. A word that is not a single token
    /// of the decoder is never banned.
    #[serde(alias = "doubted")]
    pub(crate) restricted_words: Vec<String>,
    /// Score from which a restricted word is allowed.
    #[serde(alias = "likely")]
    pub(crate) min_score: f32,
    /// Weight, among several captions, of the scores of the concepts that each of them names.
    pub(crate) support: f32,
    /// Score that counts as neutral; lower scores count against the caption.
    #[serde(alias = "even")]
    pub(crate) neutral: f32,
}

/// The caption constraints of a pack with its concepts by word.
#[derive(Clone, Debug)]
pub(crate) struct ConstrainedDecoding {
    constraints: CaptionConstraints,
    concepts: ConceptVocabulary,
}

impl ConstrainedDecoding {
    pub(crate) fn new(constraints: CaptionConstraints, concepts: &[Concept]) -> Self {
        Self {
            constraints,
            concepts: ConceptVocabulary::new(concepts),
        }
    }

    /// Returns the words that a caption must not use, given the concept scores.
    pub(crate) fn banned_words(&self, scores: &[f32]) -> Vec<String> {
        let allowed = |word: &String| {
            let column = self.concepts.exact(word);
            column.is_some_and(|column| scores[column] >= self.constraints.min_score)
        };
        let restricted = self.constraints.restricted_words.iter();
        restricted.filter(|word| !allowed(word)).cloned().collect()
    }

    /// Returns the weighted support of the concept scores for a text: above 0 if it names visible concepts, below 0 if it
    /// names others.
    pub(crate) fn support(&self, text: &str, scores: &[f32]) -> f32 {
        let CaptionConstraints {
            support, neutral, ..
        } = self.constraints;
        support * self.concepts.support(text, scores, neutral)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoding() -> ConstrainedDecoding {
        let concept = |word: &str| Concept {
            word: word.to_owned(),
            mean: 0.0,
            deviation: 1.0,
        };
        let constraints = CaptionConstraints {
            restricted_words: vec!["red".to_owned(), "mauve".to_owned()],
            min_score: 0.2,
            support: 2.0,
            neutral: 0.1,
        };
        let concepts = ["run", "woman", "ride", "red", "city"].map(concept);
        ConstrainedDecoding::new(constraints, &concepts)
    }

    #[test]
    fn bans_restricted_words_that_are_unlikely_or_no_concept() {
        let banned = |scores: &[f32]| decoding().banned_words(scores);
        assert_eq!(banned(&[0.0, 0.0, 0.0, 0.3, 0.0]), ["mauve"]);
        assert_eq!(banned(&[0.9, 0.9, 0.9, 0.1, 0.9]), ["red", "mauve"]);
    }

    #[test]
    fn counts_each_named_concept_once() {
        let support = |text| decoding().support(text, &[0.6, 0.3, -0.5, 0.1, 0.2]);
        assert!((support("Women running, a woman runs.") - 2.0 * (0.5 + 0.2)).abs() < 1e-6);
        assert!((support("Riding through cities in red") - 2.0 * (-0.1 + 0.0 + 0.1)).abs() < 1e-6);
        assert_eq!(support("nothing of the kind"), 0.0);
    }
}
