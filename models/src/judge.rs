//! Yes or no: how well a question fits the pictures, by the text encoder alone.
//!
//! Question and pictures have their vectors in one space. The likeness of the two, less the usual likeness of these pictures with
//! questions, is brought to a probability by a logistic function whose two constants belong to the pack. A question costs
//! one run of the text encoder, however many segments it is asked of.

use std::{collections::HashMap, sync::Arc};

use crate::{
    ModelError, connector::Concept, manifest::YesNo, text::TextEncoder, vision::Impression,
};

/// So many questions about concepts tell what is usual.
const USUAL: usize = 40;

/// Answers questions with yes or no.
#[derive(Clone, Debug)]
pub struct Judge {
    rule: YesNo,
    concepts: Arc<[Concept]>,
    usual: Option<Vec<f32>>,
    known: HashMap<Arc<str>, Vec<f32>>,
}

impl Judge {
    pub(crate) fn new(rule: YesNo, concepts: Arc<[Concept]>) -> Self {
        Self {
            rule,
            concepts,
            usual: None,
            known: HashMap::new(),
        }
    }

    /// How likely it is, 0 to 1, that the answer is yes.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn yes(
        &mut self,
        question: &Arc<str>,
        impression: &Impression,
        text: &mut dyn TextEncoder,
    ) -> Result<f32, ModelError> {
        let asked = match self.known.get(question) {
            Some(asked) => asked,
            None => {
                let vector = text.embed(question)?;
                self.known.entry(Arc::clone(question)).or_insert(vector)
            }
        };
        let likeness = impression.likeness(asked);
        let usual = impression.likeness(self.usual(text)?);
        let odds = self.rule.scale * (likeness - usual) + self.rule.shift;
        Ok(1.0 / (1.0 + (-odds).exp()))
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
    use crate::fake::{self, FakeText};

    #[test]
    fn what_is_like_the_pictures_is_likely() {
        let mut judge = fake::manifest()
            .connector(fake::concepts())
            .judge()
            .unwrap();
        let mut text = FakeText::new(Arc::default());
        let red = Impression {
            embedding: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
            concepts: [1.0, 0.0, 0.0, 0.0, 0.0].into(),
        };
        let mut yes = |question: &str| judge.yes(&question.into(), &red, &mut text).unwrap();
        assert!(yes("Is it red?") > 0.9 && yes("Is it blue?") < 0.1 && yes("Is it far?") < 0.1);
        assert_eq!(yes("Is it red?"), yes("Is it red?"));
    }
}
