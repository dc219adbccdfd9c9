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
    vision::{Impression, dot},
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
        let measure = self.measure(question, text)?;
        Ok(measure.yes(&impression.embedding, &impression.concepts))
    }

    /// A question, ready to be asked of any number of pictures without the text encoder.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn measure(
        &mut self,
        question: &str,
        text: &mut dyn TextEncoder,
    ) -> Result<Measure, ModelError> {
        let vector = text.embed(question)?;
        let usual = self.usual(text)?;
        let apart = vector.iter().zip(usual).map(|(x, usual)| x - usual);
        let apart = apart.collect();
        let named = self.rule.named.as_ref();
        let borne_out = named.map(|rule| (rule, self.named(question, rule)));
        Ok(match borne_out.filter(|(_, columns)| !columns.is_empty()) {
            Some((rule, columns)) => Measure {
                apart,
                scale: rule.scale,
                weight: rule.weight,
                shift: rule.shift,
                columns,
            },
            None => Measure {
                apart,
                scale: self.rule.scale,
                weight: 0.0,
                shift: self.rule.shift,
                columns: Vec::new(),
            },
        })
    }

    /// The columns of each word of a question that stands for concepts: of its own, or of all its kinds.
    fn named(&self, question: &str, rule: &Named) -> Vec<Vec<usize>> {
        let named = words(question)
            .into_iter()
            .filter(|word| !rule.ignored.contains(word));
        let columns = named.map(|word| self.columns(&word, rule));
        columns.filter(|columns| !columns.is_empty()).collect()
    }

    fn columns(&self, word: &str, rule: &Named) -> Vec<usize> {
        let forms = forms(word);
        let kinds = rule
            .kinds
            .iter()
            .find(|kinds| forms.iter().any(|form| kinds.words.contains(form)));
        match kinds {
            Some(kinds) => {
                let concepts = kinds.concepts.iter();
                concepts
                    .filter_map(|concept| self.lexicon.exact(concept))
                    .collect()
            }
            None => self.lexicon.column(word).into_iter().collect(),
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

/// A question as numbers: what its likeness to pictures counts, and which concepts must be there.
#[derive(Clone, Debug)]
pub struct Measure {
    /// The question's vector less the usual one, `[D]`.
    apart: Vec<f32>,
    scale: f32,
    weight: f32,
    shift: f32,
    /// The concepts that it names, by word; of each word the likeliest counts, of several words the least likely.
    columns: Vec<Vec<usize>>,
}

impl Measure {
    /// How likely it is, 0 to 1, that the answer is yes, by the index vector `[D]` of pictures and the scores of concepts in them.
    pub fn yes(&self, embedding: &[f32], concepts: &[f32]) -> f32 {
        let odds = self.scale * dot(&self.apart, embedding) + self.shift;
        let odds = odds + self.weight * self.borne_out(concepts).unwrap_or(0.0);
        1.0 / (1.0 + (-odds).exp())
    }

    /// The log-odds of the least likely of the concepts that the question names.
    fn borne_out(&self, scores: &[f32]) -> Option<f32> {
        let score = |column: &usize| scores.get(*column).copied();
        let likeliest = |columns: &Vec<usize>| columns.iter().filter_map(score).reduce(f32::max);
        let least = self.columns.iter().filter_map(likeliest).reduce(f32::min)?;
        let least = least.clamp(SCORES.0, SCORES.1);
        Some((least / (1.0 - least)).ln())
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
