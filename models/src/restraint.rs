//! Says less rather than inventing: which words a caption must not use, and how well the pictures bear out those it does.
//!
//! Both look at the scores of the concepts. Words are brought to the form that the concepts have by taking off English
//! endings; a word that is no concept counts for nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{connector::Concept, manifest};

/// The rules of a pack, with its concepts by word.
#[derive(Clone, Debug)]
pub(crate) struct Restraint {
    rules: manifest::Restraint,
    columns: Arc<HashMap<String, usize>>,
}

impl Restraint {
    pub(crate) fn new(rules: manifest::Restraint, concepts: &[Concept]) -> Self {
        let words = concepts.iter().map(|concept| concept.word.clone());
        Self {
            rules,
            columns: Arc::new(words.zip(0..).collect()),
        }
    }

    /// The words that a caption of something with these scores must not use.
    pub(crate) fn withheld(&self, scores: &[f32]) -> Vec<String> {
        let likely = |word: &String| {
            let column = self.columns.get(word);
            column.is_some_and(|column| scores[*column] >= self.rules.likely)
        };
        let doubted = self.rules.doubted.iter();
        doubted.filter(|word| !likely(word)).cloned().collect()
    }

    /// How well the scores bear out what a text names: above 0 if it names what is seen, below 0 if what is not.
    pub(crate) fn support(&self, text: &str, scores: &[f32]) -> f32 {
        let lower = text.to_lowercase();
        let words = lower.split(|letter: char| !letter.is_ascii_alphabetic());
        let named: BTreeSet<usize> = words.filter_map(|word| self.column(word)).collect();
        let even = self.rules.even;
        let each = named
            .into_iter()
            .map(|column| scores[column].max(0.0) - even);
        self.rules.support * each.sum::<f32>()
    }

    /// The concept of a word in any of its forms.
    fn column(&self, word: &str) -> Option<usize> {
        let mut forms = vec![word.to_owned()];
        let irregular = [("men", "man"), ("women", "woman"), ("children", "child")];
        forms.extend(
            irregular
                .iter()
                .filter(|(form, _)| *form == word)
                .map(|(_, plain)| (*plain).to_owned()),
        );
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
            .iter()
            .find_map(|form| self.columns.get(form.as_str()).copied())
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
    fn finds_the_concept_of_a_word_in_any_form_once() {
        let found = |text| restraint().support(text, &[0.6, 0.3, -0.5, 0.1, 0.2]);
        assert!((found("Women running, a woman runs.") - 2.0 * (0.5 + 0.2)).abs() < 1e-6);
        assert!((found("Riding through cities in red") - 2.0 * (-0.1 + 0.0 + 0.1)).abs() < 1e-6);
        assert_eq!(found("nothing of the kind"), 0.0);
    }
}
