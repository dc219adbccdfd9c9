//! What the vision encoder scores: concepts, each with a word, and how the words of a text are led back to them.
//!
//! Words are brought to the form that concepts have by taking off English endings; a word that is no concept stands for none.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Something that a picture may show, and how the vision encoder scores it in general.
#[derive(Clone, Debug, PartialEq)]
pub struct Concept {
    /// The word for it.
    pub word: String,
    /// Its mean score over many pictures.
    pub usual: f32,
    /// The standard deviation of its score, above 0.
    pub deviation: f32,
}

impl Concept {
    /// Reads a line of a pack's list: word, usual score and deviation, with tabs between.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (word, usual, deviation) = (fields.next()?, fields.next()?, fields.next()?);
        let (usual, deviation) = (usual.parse().ok()?, deviation.parse().ok()?);
        let good = f32::is_finite(usual) && f32::is_finite(deviation) && deviation > 0.0;
        (good && !word.is_empty() && fields.next().is_none()).then(|| Self {
            word: word.to_owned(),
            usual,
            deviation,
        })
    }
}

/// The columns of concepts by their words.
#[derive(Clone, Debug)]
pub(crate) struct Lexicon(Arc<HashMap<String, usize>>);

impl Lexicon {
    pub(crate) fn new(concepts: &[Concept]) -> Self {
        let words = concepts.iter().map(|concept| concept.word.clone());
        Self(Arc::new(words.zip(0..).collect()))
    }

    /// The concept with exactly this word.
    pub(crate) fn exact(&self, word: &str) -> Option<usize> {
        self.0.get(word).copied()
    }

    /// The concept of a word in any of its forms.
    pub(crate) fn column(&self, word: &str) -> Option<usize> {
        forms(word).iter().find_map(|form| self.exact(form))
    }

    /// The concepts that a text names, each once.
    pub(crate) fn named(&self, text: &str) -> BTreeSet<usize> {
        words(text)
            .iter()
            .filter_map(|word| self.column(word))
            .collect()
    }
}

/// The words of a text, in small letters.
pub(crate) fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphabetic());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A word, and what may be left of it without its ending; the likelier ones first.
pub(crate) fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    let irregular = [("men", "man"), ("women", "woman"), ("children", "child")];
    let plain = irregular.iter().filter(|(form, _)| *form == word);
    forms.extend(plain.map(|(_, plain)| (*plain).to_owned()));
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
    fn a_line_of_concepts_is_a_word_and_two_numbers() {
        let dog = Concept {
            word: "dog".into(),
            usual: 0.1,
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
            usual: 0.0,
            deviation: 1.0,
        };
        let lexicon = Lexicon::new(&["run", "woman", "ride", "red", "city"].map(concept));
        let named = |text| lexicon.named(text).into_iter().collect::<Vec<_>>();
        assert_eq!(named("Women running, a woman runs."), [0, 1]);
        assert_eq!(named("Riding through cities in red"), [2, 3, 4]);
        assert!(named("nothing of the kind").is_empty());
    }
}
