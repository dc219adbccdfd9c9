//! Numbers for the terms of segments, which the dataflow counts.
//!
//! Concepts are a pack's own and few; answers may be anything, so a term is forgotten with the last segment that has it.
//! Invariant: a number stands for one term as long as a segment has it.

use std::collections::{BTreeSet, HashMap};

use crate::stats::Term;

/// The terms that segments have, by number.
#[derive(Default)]
pub(super) struct TermNumbers {
    numbers: HashMap<Term, u32>,
    /// By number: the term, and how many segments have it.
    terms: Vec<(Option<Term>, u64)>,
    free: Vec<u32>,
}

impl TermNumbers {
    /// Adds the terms of a segment, and returns the number of each.
    pub(super) fn add(&mut self, tags: &str, answers: &[(String, String)]) -> BTreeSet<u32> {
        let concepts =
            atom_models::confident_tags(tags).map(|concept| Term::Concept(concept.to_owned()));
        let answers = answers.iter().map(|(ask, text)| Term::Answer {
            ask: ask.clone(),
            text: text.clone(),
        });
        let all: BTreeSet<Term> = concepts.chain(answers).collect();
        all.into_iter().map(|term| self.add_term(term)).collect()
    }

    fn add_term(&mut self, term: Term) -> u32 {
        if let Some(known) = self.numbers.get(&term) {
            self.terms[*known as usize].1 += 1;
            return *known;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.terms.push((None, 0));
            (self.terms.len() - 1) as u32
        });
        self.terms[number as usize] = (Some(term.clone()), 1);
        self.numbers.insert(term, number);
        number
    }

    /// Removes a term from one segment.
    pub(super) fn remove(&mut self, number: u32) {
        let (term, segments) = &mut self.terms[number as usize];
        *segments -= 1;
        if *segments == 0
            && let Some(term) = term.take()
        {
            self.numbers.remove(&term);
            self.free.push(number);
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Term> {
        self.terms[number as usize].0.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_keeps_its_number_until_the_last_segment_with_it_is_removed() {
        let mut terms = TermNumbers::default();
        let answers = [("Is it day?".to_owned(), "Yes".to_owned())];
        let first = terms.add("dog, beach; maybe sea", &answers);
        let second = terms.add("dog", &[]);
        assert_eq!((first.len(), second.len()), (3, 1));
        assert!(first.is_superset(&second));
        first.into_iter().for_each(|number| terms.remove(number));
        let dog = *second.first().unwrap();
        assert_eq!(terms.get(dog), Some(&Term::Concept("dog".to_owned())));
        terms.remove(dog);
        assert_eq!((terms.get(dog), terms.numbers.len()), (None, 0));
        assert!(
            terms
                .add("cat", &[])
                .first()
                .is_some_and(|number| *number < 3)
        );
    }
}
