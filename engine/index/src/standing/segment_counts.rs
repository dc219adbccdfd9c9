//! Counts of segments by source, hour and term, as the dataflow computes them.

use std::collections::BTreeMap;

use atom_operators::standing::dataflow::Sighting;

use super::term_numbers::TermNumbers;
use crate::change_feed::FeedSource;
use crate::source_filter::Filter;
use crate::stats::{Hour, Term, TermCount};

/// The current counts.
#[derive(Default)]
pub(super) struct SegmentCounts {
    pub(super) terms: TermNumbers,
    counts: BTreeMap<Sighting, u64>,
    /// By source and term.
    totals: BTreeMap<(u32, u32), u64>,
}

impl SegmentCounts {
    /// Replaces counts that have changed; 0 and less is none.
    pub(super) fn update(&mut self, changed: Vec<(Sighting, isize)>) {
        for (sighting, count) in changed {
            let count = u64::try_from(count).unwrap_or(0);
            let before = match count {
                0 => self.counts.remove(&sighting),
                _ => self.counts.insert(sighting, count),
            };
            let key = (sighting.source, sighting.concept);
            let total = self.totals.entry(key).or_default();
            *total = (*total + count).saturating_sub(before.unwrap_or(0));
            if *total == 0 {
                self.totals.remove(&key);
            }
        }
    }

    /// Returns the counts of all hours that a filter touches.
    pub(super) fn by_hour(&self, sources: &[FeedSource], filter: &Filter) -> Vec<TermCount> {
        let counts = self.counts.iter();
        let counts = counts.filter_map(|(sighting, segments)| {
            let source = &sources[sighting.source as usize];
            Some(TermCount {
                source: source.state.source.clone(),
                hour: touched_hour(sighting.hour, source, filter)?,
                term: self.terms.get(sighting.concept)?.clone(),
                segments: *segments,
            })
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort();
        counts
    }

    /// Returns the number of segments by source and concept.
    pub(super) fn totals(&self, sources: &[FeedSource]) -> BTreeMap<(String, String), u64> {
        let totals = self.totals.iter().filter_map(|((source, term), total)| {
            let Term::Concept(concept) = self.terms.get(*term)? else {
                return None;
            };
            let source = &sources[*source as usize].state.source;
            Some(((source.clone(), concept.clone()), *total))
        });
        totals.collect()
    }
}

/// Returns an hour of a source by its number, if a filter touches it.
fn touched_hour(number: i64, source: &FeedSource, filter: &Filter) -> Option<Hour> {
    let span = filter
        .matches_name(&source.state.source)
        .then(|| filter.span(source.start_utc_ms()))??;
    let begins = number * Hour::MS - source.start_utc_ms().unwrap_or(0);
    let media = |ms: i64| u64::try_from(ms).unwrap_or(0);
    let touched = span.admits(media(begins), media(begins + Hour::MS));
    touched.then_some(match source.start_utc_ms() {
        Some(_) => Hour::Wall(number),
        None => Hour::Media(number.unsigned_abs()),
    })
}
