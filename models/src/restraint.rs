//! Says less rather than inventing: which words a caption must not use, and how well the pictures bear out those it does.
//!
//! Both look at the scores of the concepts; a word that is no concept counts for nothing.

use crate::{
    concept::{Concept, Lexicon},
    manifest,
};

/// The rules of a pack, with its concepts by word.
#[derive(Clone, Debug)]
pub(crate) struct Restraint {
    rules: manifest::Restraint,
    lexicon: Lexicon,
}

impl Restraint {
    pub(crate) fn new(rules: manifest::Restraint, concepts: &[Concept]) -> Self {
        Self {
            rules,
            lexicon: Lexicon::new(concepts),
        }
    }

    /// The words that a caption of something with these scores must not use.
    pub(crate) fn withheld(&self, scores: &[f32]) -> Vec<String> {
        let likely = |word: &String| {
            let column = self.lexicon.exact(word);
            column.is_some_and(|column| scores[column] >= self.rules.likely)
        };
        let doubted = self.rules.doubted.iter();
        doubted.filter(|word| !likely(word)).cloned().collect()
    }

    /// How well the scores bear out what a text names: above 0 if it names what is seen, below 0 if what is not.
    pub(crate) fn support(&self, text: &str, scores: &[f32]) -> f32 {
        let even = self.rules.even;
        let named = self.lexicon.named(text).into_iter();
        let each = named.map(|column| scores[column].max(0.0) - even);
        self.rules.support * each.sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restraint() -> Restraint {
        let concept = |word: &str| Concept {
            word: word.to_owned(),
            usual: 0.0,
            deviation: 1.0,
        };
        let rules = manifest::Restraint {
            doubted: vec!["red".to_owned(), "mauve".to_owned()],
            likely: 0.2,
            support: 2.0,
            even: 0.1,
        };
        Restraint::new(rules, &["run", "woman", "ride", "red", "city"].map(concept))
    }

    #[test]
    fn withholds_doubted_words_that_are_not_likely_or_no_concept() {
        assert_eq!(restraint().withheld(&[0.0, 0.0, 0.0, 0.3, 0.0]), ["mauve"]);
        assert_eq!(
            restraint().withheld(&[0.9, 0.9, 0.9, 0.1, 0.9]),
            ["red", "mauve"]
        );
    }

    #[test]
    fn counts_each_concept_that_is_named_once() {
        let found = |text| restraint().support(text, &[0.6, 0.3, -0.5, 0.1, 0.2]);
        assert!((found("Women running, a woman runs.") - 2.0 * (0.5 + 0.2)).abs() < 1e-6);
        assert!((found("Riding through cities in red") - 2.0 * (-0.1 + 0.0 + 0.1)).abs() < 1e-6);
        assert_eq!(found("nothing of the kind"), 0.0);
    }
}
