//! Concepts, the words that the vision encoder scores, and the lookup that maps the words of a text to them.
//!
//! Lookup reduces English inflections to the base forms that concepts have; a word that is not a concept maps to none.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// A concept that an image may show, with the distribution of its score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Concept {
    /// The word.
    pub(crate) word: String,
    /// Mean score over many images.
    pub(crate) mean: f32,
    /// Standard deviation of the score, above 0.
    pub(crate) deviation: f32,
}

impl Concept {
    /// Parses a line of a pack's list: word, mean score and deviation, separated by tabs.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (word, mean, deviation) = (fields.next()?, fields.next()?, fields.next()?);
        let (mean, deviation) = (mean.parse().ok()?, deviation.parse().ok()?);
        let valid = f32::is_finite(mean) && f32::is_finite(deviation) && deviation > 0.0;
        (valid && !word.is_empty() && fields.next().is_none()).then(|| Self {
            word: word.to_owned(),
            mean,
            deviation,
        })
    }
}

/// The columns of concepts by word.
#[derive(Clone, Debug)]
pub(crate) struct ConceptVocabulary(Arc<HashMap<String, usize>>);

impl ConceptVocabulary {
    pub(crate) fn new(concepts: &[Concept]) -> Self {
        let words = concepts.iter().map(|concept| concept.word.clone());
        Self(Arc::new(words.zip(0..).collect()))
    }

    /// Returns the column of the concept with exactly this word.
    pub(crate) fn exact(&self, word: &str) -> Option<usize> {
        self.0.get(word).copied()
    }

    /// Returns the column of a word in any inflection.
    pub(crate) fn column(&self, word: &str) -> Option<usize> {
        base_forms(word).iter().find_map(|form| self.exact(form))
    }

    /// Returns the columns of the concepts that a text names, each once.
    pub(crate) fn columns_in(&self, text: &str) -> BTreeSet<usize> {
        words(text)
            .iter()
            .filter_map(|word| self.column(word))
            .collect()
    }

    /// Returns the support of the concept scores for a text, the sum of (score - `neutral`) over the concepts that it names:
    /// above 0 if they are visible, below 0 if they are not.
    pub(crate) fn support(&self, text: &str, scores: &[f32], neutral: f32) -> f32 {
        let named = self.columns_in(text).into_iter();
        let scores = named.filter_map(|column| scores.get(column));
        scores.map(|score| score.max(0.0) - neutral).sum()
    }
}

/// Returns the words of a text, in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphabetic());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns a word and its possible base forms, the likelier ones first.
pub fn base_forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    let irregular = [("men", "man"), ("women", "woman"), ("children", "child")];
    let singular = irregular.iter().filter(|(plural, _)| *plural == word);
    forms.extend(singular.map(|(_, singular)| (*singular).to_owned()));
    if let Some(stem) = word.strip_suffix("ies") {
        forms.push(format!("{stem}y"));
    }
    if let Some(stem) = word.strip_suffix('s') {
        forms.push(stem.to_owned());
        forms.extend(stem.strip_suffix('e').map(str::to_owned));
    }
    for stem in ["ing", "ed"]
        .iter()
        .filter_map(|ending| word.strip_suffix(ending))
    {
        forms.extend([stem.to_owned(), format!("{stem}e")]);
        let mut letters = stem.chars().rev();
        if letters
            .next()
            .is_some_and(|last| letters.next() == Some(last))
        {
            forms.push(stem[..stem.len() - 1].to_owned());
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_word_and_two_numbers() {
        let dog = Concept {
            word: "dog".into(),
            mean: 0.1,
            deviation: 0.2,
        };
        assert_eq!(Concept::parse("dog\t0.1\t0.2"), Some(dog));
        for wrong in [
            "dog",
            "dog\t0.1",
            "dog\t0.1\t0",
            "dog\tx\t1",
            "\t0\t1",
            "dog\t0\t1\t2",
        ] {
            assert_eq!(Concept::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn finds_the_concept_of_a_word_in_any_form_once() {
        let concept = |word: &str| Concept {
            word: word.to_owned(),
            mean: 0.0,
            deviation: 1.0,
        };
        let index = ConceptVocabulary::new(&["run", "woman", "ride", "red", "city"].map(concept));
        let named = |text| index.columns_in(text).into_iter().collect::<Vec<_>>();
        assert_eq!(named("Women running, a woman runs."), [0, 1]);
        assert_eq!(named("Riding through cities in red"), [2, 3, 4]);
        assert!(named("nothing of the kind").is_empty());
    }
}
