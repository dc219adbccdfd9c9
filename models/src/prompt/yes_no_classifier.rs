//! A zero-shot yes/no classifier: the probability that the answer to a question about images is yes, without the decoder.
//!
//! Questions and images have their embeddings in one space. Their similarity, less the similarity of these images with an
//! average question, becomes a probability by a logistic function whose constants belong to the pack. The scores of concepts
//! that the question names count too: "a person" is present if a man or a woman is. A question costs one run of the text
//! encoder, however many segments it is asked about.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    ModelError, TextEncoder, VisualFeatures,
    vision::{
        concept_vocabulary::{Concept, ConceptVocabulary, base_forms, words},
        features::dot,
    },
};

/// Maximum number of questions in the average question.
const BASELINE_QUESTIONS: usize = 40;
/// Bounds of a concept's score, so that one certain concept does not outweigh everything else.
const SCORE_BOUNDS: (f32, f32) = (0.003, 0.99);

/// The probability of a yes: the section `[yes_no]` of a manifest.
///
/// The probability is 1 / (1 + e^-odds) with odds = scale × similarity + shift. The similarity is the cosine of the question's
/// and the images' embeddings, less the mean cosine of these images and questions about concepts if the pack scores any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct YesNoRule {
    /// Weight of the similarity.
    pub(crate) scale: f32,
    /// Constant term: how common a yes is.
    pub(crate) shift: f32,
    /// The rule for questions that name concepts.
    #[serde(default)]
    pub(crate) named: Option<NamedConceptRule>,
}

/// The odds of a question that names concepts: scale × similarity + weight × log-odds of the least likely concept + shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedConceptRule {
    /// Weight of the similarity.
    pub(crate) scale: f32,
    /// Weight of the concept.
    pub(crate) weight: f32,
    /// Constant term.
    pub(crate) shift: f32,
    /// Concepts that belong to the wording of a question rather than to its subject.
    #[serde(default)]
    pub(crate) ignored: Vec<String>,
    /// Words that stand for several concepts.
    #[serde(default)]
    pub(crate) kinds: Vec<ConceptGroup>,
}

/// Words that stand for any of several concepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConceptGroup {
    /// The words.
    pub(crate) words: Vec<String>,
    /// The concepts; those that the encoder does not score are ignored.
    pub(crate) concepts: Vec<String>,
}

/// A classifier that answers questions with the probability of a yes.
#[derive(Clone, Debug)]
pub struct YesNoClassifier {
    rule: YesNoRule,
    concepts: Arc<[Concept]>,
    index: ConceptVocabulary,
    baseline: Option<Vec<f32>>,
}

impl YesNoClassifier {
    pub(crate) fn new(rule: YesNoRule, concepts: Arc<[Concept]>) -> Self {
        Self {
            rule,
            index: ConceptVocabulary::new(&concepts),
            concepts,
            baseline: None,
        }
    }

    /// Returns the probability, 0 to 1, that the answer is yes.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn probability(
        &mut self,
        question: &str,
        features: &VisualFeatures,
        text: &mut dyn TextEncoder,
    ) -> Result<f32, ModelError> {
        let scorer = self.scorer(question, text)?;
        Ok(scorer.probability(&features.embedding, &features.concepts))
    }

    /// Prepares a question for any number of images, which then need no text encoder.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn scorer(
        &mut self,
        question: &str,
        text: &mut dyn TextEncoder,
    ) -> Result<YesNoScorer, ModelError> {
        let vector = text.embed(question)?;
        let baseline = self.baseline(text)?;
        let direction = match baseline.is_empty() {
            true => vector,
            false => vector
                .iter()
                .zip(baseline)
                .map(|(x, mean)| x - mean)
                .collect(),
        };
        let named = self.rule.named.as_ref();
        let named = named.map(|rule| (rule, self.named_columns(question, rule)));
        Ok(match named.filter(|(_, columns)| !columns.is_empty()) {
            Some((rule, columns)) => YesNoScorer {
                direction,
                scale: rule.scale,
                weight: rule.weight,
                shift: rule.shift,
                columns,
            },
            None => YesNoScorer {
                direction,
                scale: self.rule.scale,
                weight: 0.0,
                shift: self.rule.shift,
                columns: Vec::new(),
            },
        })
    }

    /// Returns the columns of each word of a question that names concepts.
    fn named_columns(&self, question: &str, rule: &NamedConceptRule) -> Vec<Vec<usize>> {
        let named = words(question)
            .into_iter()
            .filter(|word| !rule.ignored.contains(word));
        let columns = named.map(|word| self.word_columns(&word, rule));
        columns.filter(|columns| !columns.is_empty()).collect()
    }

    /// Returns the columns of a word's group, or of the word itself.
    fn word_columns(&self, word: &str, rule: &NamedConceptRule) -> Vec<usize> {
        let forms = base_forms(word);
        let group = rule
            .kinds
            .iter()
            .find(|group| forms.iter().any(|form| group.words.contains(form)));
        match group {
            Some(group) => {
                let concepts = group.concepts.iter();
                concepts
                    .filter_map(|concept| self.index.exact(concept))
                    .collect()
            }
            None => self.index.column(word).into_iter().collect(),
        }
    }

    /// Returns the mean vector of questions about concepts, evenly sampled from the list; an empty one if the pack scores no concepts.
    fn baseline(&mut self, text: &mut dyn TextEncoder) -> Result<&[f32], ModelError> {
        if self.baseline.is_none() {
            let step = self.concepts.len().div_ceil(BASELINE_QUESTIONS).max(1);
            let words = self
                .concepts
                .iter()
                .step_by(step)
                .map(|concept| &concept.word);
            let (mut sum, mut count) = (Vec::new(), 0.0);
            for word in words {
                let vector = text.embed(&format!("Is there a {word}?"))?;
                sum.resize(vector.len(), 0.0);
                sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
                count += 1.0;
            }
            sum.iter_mut().for_each(|sum| *sum /= count);
            self.baseline = Some(sum);
        }
        Ok(self.baseline.as_deref().unwrap_or_default())
    }
}

/// A question as numbers: its direction in the embedding space, and the concepts that it names.
#[derive(Clone, Debug)]
pub struct YesNoScorer {
    /// The question's vector, less the average question's if the pack scores concepts, `[D]`.
    direction: Vec<f32>,
    scale: f32,
    weight: f32,
    shift: f32,
    /// The columns of each word that names concepts: the likeliest of a word counts, the least likely of several words.
    columns: Vec<Vec<usize>>,
}

impl YesNoScorer {
    /// Returns the probability, 0 to 1, that the answer is yes, given the embedding `[D]` and the concept scores of images.
    pub fn probability(&self, embedding: &[f32], concepts: &[f32]) -> f32 {
        let odds = self.scale * dot(&self.direction, embedding) + self.shift;
        let odds = odds + self.weight * self.concept_odds(concepts).unwrap_or(0.0);
        1.0 / (1.0 + (-odds).exp())
    }

    /// Returns the log-odds of the least likely of the concepts that the question names.
    fn concept_odds(&self, scores: &[f32]) -> Option<f32> {
        let score = |column: &usize| scores.get(*column).copied();
        let likeliest = |columns: &Vec<usize>| columns.iter().filter_map(score).reduce(f32::max);
        let least = self.columns.iter().filter_map(likeliest).reduce(f32::min)?;
        let least = least.clamp(SCORE_BOUNDS.0, SCORE_BOUNDS.1);
        Some((least / (1.0 - least)).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{self, FakeTextEncoder};

    fn features(concepts: [f32; 5]) -> VisualFeatures {
        VisualFeatures {
            embedding: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
            concepts: concepts.into(),
            ..VisualFeatures::default()
        }
    }

    #[test]
    fn a_question_similar_to_the_images_is_likely() {
        let mut classifier = fake::prompt_builder().yes_no_classifier().unwrap();
        let mut text = FakeTextEncoder::new(Arc::default());
        let red = features([1.0, 0.0, 0.0, 0.0, 0.0]);
        let mut yes = |question: &str| classifier.probability(question, &red, &mut text).unwrap();
        assert!(yes("Is it red?") > 0.9 && yes("Is it blue?") < 0.1 && yes("Is it far?") < 0.1);
        assert_eq!(yes("Is it red?"), yes("Is it red?"));
    }

    #[test]
    fn without_concepts_the_probability_follows_from_the_cosine_alone() {
        let rule = YesNoRule {
            scale: 2.0,
            shift: -1.0,
            named: None,
        };
        let mut classifier = YesNoClassifier::new(rule, [].into());
        let mut text = FakeTextEncoder::new(Arc::default());
        let red = features([0.0; 5]);
        let mut yes = |question: &str| classifier.probability(question, &red, &mut text).unwrap();
        let expected = |cosine: f32| 1.0 / (1.0 + (-(2.0 * cosine - 1.0)).exp());
        assert!((yes("Is it red?") - expected(1.0)).abs() < 1e-6);
        assert!((yes("Is it blue?") - expected(0.0)).abs() < 1e-6);
    }

    #[test]
    fn a_group_counts_as_its_likeliest_concept_and_several_words_as_the_least_likely() {
        let warm = ConceptGroup {
            words: vec!["warm".to_owned()],
            concepts: vec!["red".to_owned(), "white".to_owned()],
        };
        let rule = NamedConceptRule {
            scale: 0.0,
            weight: 1.0,
            shift: 0.0,
            ignored: vec!["dark".to_owned()],
            kinds: vec![warm],
        };
        let rule = YesNoRule {
            scale: 0.0,
            shift: 9.0,
            named: Some(rule),
        };
        let mut classifier = YesNoClassifier::new(rule, fake::concepts().into());
        let mut text = FakeTextEncoder::new(Arc::default());
        let images = features([0.1, 0.3, 0.6, 0.8, 0.05]);
        let mut yes = |question: &str| {
            classifier
                .probability(question, &images, &mut text)
                .unwrap()
        };
        let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
        assert!(near(yes("Is it warm?"), 0.8) && near(yes("Is it red?"), 0.1));
        assert!(near(yes("Is it warm and green in the dark?"), 0.3));
        assert!(
            yes("Is it far?") > 0.99,
            "no concept is named: the other rule"
        );
    }
}
