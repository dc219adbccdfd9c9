//! What is seen in segments, as words with numbers, by which it is counted.
//!
//! Concepts are a pack's own and few; answers may be anything, so a word is forgotten with the last segment that has it.
//! Invariant: a number stands for one word as long as a segment has it.

use std::collections::{BTreeSet, HashMap};

use crate::stats::What;

/// The words that segments have, by numbers.
#[derive(Default)]
pub(super) struct Words {
    numbers: HashMap<What, u32>,
    /// By number: the word, and in how many segments it is.
    words: Vec<(Option<What>, u64)>,
    free: Vec<u32>,
}

impl Words {
    /// The words of a segment, each once.
    pub(super) fn of(&mut self, tags: &str, answers: &[(String, String)]) -> BTreeSet<u32> {
        let concepts = atom_models::sure(tags).map(|word| What::Concept(word.to_owned()));
        let answers = answers.iter().map(|(ask, text)| What::Answer {
            ask: ask.clone(),
            text: text.clone(),
        });
        let all: BTreeSet<What> = concepts.chain(answers).collect();
        all.into_iter().map(|what| self.enter(what)).collect()
    }

    fn enter(&mut self, what: What) -> u32 {
        if let Some(known) = self.numbers.get(&what) {
            self.words[*known as usize].1 += 1;
            return *known;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.words.push((None, 0));
            (self.words.len() - 1) as u32
        });
        self.words[number as usize] = (Some(what.clone()), 1);
        self.numbers.insert(what, number);
        number
    }

    /// One segment less has this word.
    pub(super) fn leave(&mut self, number: u32) {
        let (word, segments) = &mut self.words[number as usize];
        *segments -= 1;
        if *segments == 0
            && let Some(word) = word.take()
        {
            self.numbers.remove(&word);
            self.free.push(number);
        }
    }

    pub(super) fn word(&self, number: u32) -> Option<&What> {
        self.words[number as usize].0.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_its_number_until_the_last_segment_with_it_is_gone() {
        let mut words = Words::default();
        let answers = [("Is it day?".to_owned(), "Yes".to_owned())];
        let first = words.of("dog, beach; maybe sea", &answers);
        let second = words.of("dog", &[]);
        assert_eq!((first.len(), second.len()), (3, 1));
        assert!(first.is_superset(&second));
        first.into_iter().for_each(|number| words.leave(number));
        let dog = *second.first().unwrap();
        assert_eq!(words.word(dog), Some(&What::Concept("dog".to_owned())));
        words.leave(dog);
        assert_eq!((words.word(dog), words.numbers.len()), (None, 0));
        assert!(
            words
                .of("cat", &[])
                .first()
                .is_some_and(|number| *number < 3)
        );
    }
}
