//! What is seen in segments: words with numbers, by which differential dataflow counts them, and what it counted.
//!
//! Concepts are a pack's own and few; answers may be anything, so a word is forgotten with the last segment that has it.
//! Invariant: a number stands for one word as long as a segment has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atom_operators::standing::dataflow::Sighting;

use super::filter::Filter;
use super::follow::Source;
use crate::stats::{Hour, Seen, What};

/// In how many segments what is seen.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) words: Words,
    counts: BTreeMap<Sighting, u64>,
    /// By source and word.
    totals: BTreeMap<(u32, u32), u64>,
}

impl Counts {
    /// Takes in counts that are others now; 0 and less is none.
    pub(super) fn take(&mut self, changed: Vec<(Sighting, isize)>) {
        for (seen, count) in changed {
            let count = u64::try_from(count).unwrap_or(0);
            let before = match count {
                0 => self.counts.remove(&seen),
                _ => self.counts.insert(seen, count),
            };
            let total = self.totals.entry((seen.source, seen.concept)).or_default();
            *total = (*total + count).saturating_sub(before.unwrap_or(0));
            if *total == 0 {
                self.totals.remove(&(seen.source, seen.concept));
            }
        }
    }

    /// What was seen when, in how many segments: of all hours that a filter touches.
    pub(super) fn seen(&self, sources: &[Source], filter: &Filter) -> Vec<Seen> {
        let counts = self.counts.iter();
        let seen = counts.filter_map(|(sighting, segments)| {
            let source = &sources[sighting.source as usize];
            let hour = touched(sighting.hour, source, filter)?;
            Some(Seen {
                source: source.state.source.clone(),
                hour,
                what: self.words.word(sighting.concept)?.clone(),
                segments: *segments,
            })
        });
        let mut seen: Vec<_> = seen.collect();
        seen.sort();
        seen
    }

    /// In how many segments of each source each concept is seen.
    pub(super) fn totals(&self, sources: &[Source]) -> BTreeMap<(String, String), u64> {
        let totals = self.totals.iter().filter_map(|((source, what), total)| {
            let What::Concept(concept) = self.words.word(*what)? else {
                return None;
            };
            let source = &sources[*source as usize].state.source;
            Some(((source.clone(), concept.clone()), *total))
        });
        totals.collect()
    }
}

/// An hour of a source by its number, if a filter touches it.
fn touched(number: i64, source: &Source, filter: &Filter) -> Option<Hour> {
    let span = filter
        .names(&source.state.source)
        .then(|| filter.span(source.start_utc_ms))??;
    let begins = number * Hour::MS - source.start_utc_ms.unwrap_or(0);
    let media = |ms: i64| u64::try_from(ms).unwrap_or(0);
    let touched = span.admits(media(begins), media(begins + Hour::MS));
    touched.then_some(match source.start_utc_ms {
        Some(_) => Hour::Wall(number),
        None => Hour::Media(number.unsigned_abs()),
    })
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
        let concepts = atom_models::confident_tags(tags).map(|word| What::Concept(word.to_owned()));
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
