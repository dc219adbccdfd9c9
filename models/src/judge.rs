//! Yes or no: how well a question fits the pictures, without the decoder.
//!
//! Question and pictures have their vectors in one space. The likeness of the two, less the usual likeness of these pictures with
//! questions, is brought to a probability by a logistic function whose constants belong to the pack. Where the question names
//! concepts, their scores count too: "a person" is there if a man or a woman is. A question costs one run of the text
//! encoder, however many segments it is asked of.

use std::sync::Arc;

use crate::{
    ModelError,
    concept::{Concept, Lexicon, forms, words},
    manifest::{Named, YesNo},
    text::TextEncoder,
    vision::Impression,
};

/// So many questions about concepts tell what is usual.
const USUAL: usize = 40;
/// Scores are held between these, so that one sure concept does not outweigh everything.
const SCORES: (f32, f32) = (0.003, 0.99);

/// Answers questions with yes or no.
#[derive(Clone, Debug)]
pub struct Judge {
    rule: YesNo,
    concepts: Arc<[Concept]>,
    lexicon: Lexicon,
    usual: Option<Vec<f32>>,
}

impl Judge {
    pub(crate) fn new(rule: YesNo, concepts: Arc<[Concept]>) -> Self {
        Self {
            rule,
            lexicon: Lexicon::new(&concepts),
            concepts,
            usual: None,
        }
    }

    /// How likely it is, 0 to 1, that the answer is yes.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn yes(
        &mut self,
        question: &str,
        impression: &Impression,
        text: &mut dyn TextEncoder,
    ) -> Result<f32, ModelError> {
        let likeness = impression.likeness(&text.embed(question)?);
        let apart = likeness - impression.likeness(self.usual(text)?);
        let named = self.rule.named.as_ref();
        let borne_out =
            named.and_then(|named| self.borne_out(question, named, &impression.concepts));
        let odds = match (named, borne_out) {
            (Some(rule), Some(odds)) => rule.scale * apart + rule.weight * odds + rule.shift,
            _ => self.rule.scale * apart + self.rule.shift,
        };
        Ok(1.0 / (1.0 + (-odds).exp()))
    }

    /// The log-odds of the least likely of the concepts that a question names; `None` if it names none.
    fn borne_out(&self, question: &str, rule: &Named, scores: &[f32]) -> Option<f32> {
        let named = words(question)
            .into_iter()
            .filter(|word| !rule.ignored.contains(word));
        let least = named
            .filter_map(|word| self.score(&word, rule, scores))
            .reduce(f32::min)?
            .clamp(SCORES.0, SCORES.1);
        Some((least / (1.0 - least)).ln())
    }

    /// The score of the concept of a word, or the best of its kinds.
    fn score(&self, word: &str, rule: &Named, scores: &[f32]) -> Option<f32> {
        let forms = forms(word);
        let kinds = rule
            .kinds
            .iter()
            .find(|kinds| forms.iter().any(|form| kinds.words.contains(form)));
        let score = |column: usize| scores.get(column).copied();
        match kinds {
            Some(kinds) => {
                let columns = kinds
                    .concepts
                    .iter()
                    .filter_map(|concept| self.lexicon.exact(concept));
                columns.filter_map(score).reduce(f32::max)
            }
            None => self.lexicon.column(word).and_then(score),
        }
    }

    /// The mean vector of questions about concepts, evenly taken from the list.
    fn usual(&mut self, text: &mut dyn TextEncoder) -> Result<&[f32], ModelError> {
        if self.usual.is_none() {
            let step = self.concepts.len().div_ceil(USUAL).max(1);
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
            self.usual = Some(sum);
        }
        Ok(self.usual.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fake::{self, FakeText},
        manifest::Kinds,
    };

    fn seen(concepts: [f32; 5]) -> Impression {
        Impression {
            embedding: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
            concepts: concepts.into(),
        }
    }

    #[test]
    fn what_is_like_the_pictures_is_likely() {
        let mut judge = fake::manifest()
            .connector(fake::concepts())
            .judge()
            .unwrap();
        let mut text = FakeText::new(Arc::default());
        let red = seen([1.0, 0.0, 0.0, 0.0, 0.0]);
        let mut yes = |question: &str| judge.yes(question, &red, &mut text).unwrap();
        assert!(yes("Is it red?") > 0.9 && yes("Is it blue?") < 0.1 && yes("Is it far?") < 0.1);
        assert_eq!(yes("Is it red?"), yes("Is it red?"));
    }

    #[test]
    fn a_named_concept_counts_as_the_likeliest_of_its_kinds_and_several_as_the_least_likely() {
        let warm = Kinds {
            words: vec!["warm".to_owned()],
            concepts: vec!["red".to_owned(), "white".to_owned()],
        };
        let rule = Named {
            scale: 0.0,
            weight: 1.0,
            shift: 0.0,
            ignored: vec!["dark".to_owned()],
            kinds: vec![warm],
        };
        let rule = YesNo {
            scale: 0.0,
            shift: 9.0,
            named: Some(rule),
        };
        let mut judge = Judge::new(rule, fake::concepts().into());
        let mut text = FakeText::new(Arc::default());
        let pictures = seen([0.1, 0.3, 0.6, 0.8, 0.05]);
        let mut yes = |question: &str| judge.yes(question, &pictures, &mut text).unwrap();
        let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
        assert!(near(yes("Is it warm?"), 0.8) && near(yes("Is it red?"), 0.1));
        assert!(near(yes("Is it warm and green in the dark?"), 0.3));
        assert!(yes("Is it far?") > 0.99, "nothing is named: the other rule");
    }
}
