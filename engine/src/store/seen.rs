//! What is seen in segments, as words with numbers, and how the counts of it are told.
//!
//! Concepts are a pack's own and few; answers may be anything, so a word is forgotten with the last segment that has it.
//! Invariant: a number stands for one word as long as a segment has it.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

/// In how many segments of a source something was seen in an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The source.
    pub source: String,
    /// The hour.
    pub hour: Hour,
    /// What was seen.
    pub what: What,
    /// In so many segments that began in that hour.
    pub segments: u64,
}

/// An hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hour {
    /// Hours since 1970 (UTC).
    Wall(i64),
    /// Hours of media time, of a source whose start is not known.
    Media(u64),
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum What {
    /// A concept of the pack, of which its vision encoder was sure.
    Concept {
        /// Its word.
        concept: String,
    },
    /// An answer to a question that was asked of the segment.
    Answer {
        /// The question.
        ask: String,
        /// The answer.
        answer: String,
    },
}

/// An hour of a source by its number.
pub(super) fn hour(start_utc_ms: Option<i64>, number: i64) -> Hour {
    match start_utc_ms {
        Some(_) => Hour::Wall(number),
        None => Hour::Media(number.unsigned_abs()),
    }
}

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
        let concepts = atom_models::sure(tags).map(|word| What::Concept {
            concept: word.to_owned(),
        });
        let answers = answers.iter().map(|(ask, answer)| What::Answer {
            ask: ask.clone(),
            answer: answer.clone(),
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
        assert_eq!(
            words.word(dog),
            Some(&What::Concept {
                concept: "dog".to_owned()
            })
        );
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
