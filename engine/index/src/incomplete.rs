//! What of a span is not there, and why: what an answer about that span has to say with it.
//!
//! Three things make a stretch incomplete: it lies after the time through which its source is complete and the source has
//! not ended, it is a gap, or a stage gave nothing for a segment in it.

use atom_operators::qa::archive::{CoverageGap, GapReason};
use rusqlite::{Result, Statement, params};

use super::gaps::why;
use super::write::{signed, unsigned};
use super::{Chosen, SourceState, Store, StoreError};

/// Stretches of one kind that lie no further apart are told as one, in milliseconds.
pub(super) const NEXT_TO: u64 = 1000;

/// CROSS JOIN has SQLite begin with the packs: the index of failed segments is by source and pack.
const GAPS: &str = "
    SELECT start_ms, end_ms, why, '[]' FROM current_sources c CROSS JOIN gaps g ON g.source = c.source AND g.pack = c.pack
    WHERE c.source = ?1 AND start_ms < ?3 AND (end_ms IS NULL OR end_ms > ?2)";

const FAILED: &str = "
    SELECT start_ms, end_ms, 'failed', failed FROM current_sources c CROSS JOIN segments s ON s.source = c.source AND s.pack = c.pack
    WHERE c.source = ?1 AND failed <> '[]' AND start_ms < ?3 AND end_ms > ?2";

impl Store {
    /// What of a span of one source, or of all, is not there, by source and time.
    ///
    /// # Errors
    /// When the store cannot be read, or the source is not there.
    pub fn incomplete(
        &self,
        source: Option<&str>,
        from_ms: Option<u64>,
        to_ms: Option<u64>,
    ) -> std::result::Result<Vec<CoverageGap>, StoreError> {
        let states = self.current(source)?;
        let span = Span {
            from_ms: from_ms.unwrap_or(0),
            to_ms: to_ms.unwrap_or(u64::MAX),
        };
        self.incomplete_of(states.iter().map(|state| (state, span)))
            .map_err(StoreError::at(&self.path, "read"))
    }

    /// The same of what a filter takes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incomplete_in(
        &self,
        chosen: &[Chosen],
    ) -> std::result::Result<Vec<CoverageGap>, StoreError> {
        let span = |chosen: &Chosen| Span {
            from_ms: chosen.from_ms,
            to_ms: chosen.to_ms.unwrap_or(u64::MAX),
        };
        let wanted = chosen.iter().map(|chosen| (&chosen.state, span(chosen)));
        self.incomplete_of(wanted)
            .map_err(StoreError::at(&self.path, "read"))
    }

    /// The same of sources with a span each.
    pub(super) fn incomplete_of<'s>(
        &self,
        wanted: impl Iterator<Item = (&'s SourceState, Span)>,
    ) -> Result<Vec<CoverageGap>> {
        let mut gaps = self.connection.prepare(GAPS)?;
        let mut failed = self.connection.prepare(FAILED)?;
        let mut told = Vec::new();
        for (state, span) in wanted {
            let mut stretches = stretches(&mut gaps, state, span)?;
            stretches.extend(self::stretches(&mut failed, state, span)?);
            stretches.extend(waiting(state, span));
            stretches.sort_by_key(|stretch| stretch.from_ms);
            told.extend(merged(stretches));
        }
        Ok(told)
    }
}

/// From one media time to before another, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

impl Span {
    /// Whether a segment shares time with the span, or begins in it.
    pub(super) fn admits(self, start_ms: u64, end_ms: u64) -> bool {
        start_ms < self.to_ms && (end_ms > self.from_ms || start_ms >= self.from_ms)
    }
}

fn stretches(
    statement: &mut Statement,
    state: &SourceState,
    span: Span,
) -> Result<Vec<CoverageGap>> {
    let key = params![state.source, signed(span.from_ms), signed(span.to_ms)];
    let found = statement.query_map(key, |row| {
        let end: Option<i64> = row.get(1)?;
        let end = end.map_or(u64::MAX, unsigned).min(span.to_ms);
        Ok(CoverageGap {
            source: state.source.clone(),
            from_ms: unsigned(row.get(0)?).max(span.from_ms),
            to_ms: (end < u64::MAX).then_some(end),
            why: why(row, 2)?,
            stages: super::read::from_json(row, 3)?,
        })
    })?;
    found.collect()
}

fn waiting(state: &SourceState, span: Span) -> Option<CoverageGap> {
    let from_ms = state.sealed_ms.max(span.from_ms);
    (!state.ended && from_ms < span.to_ms).then(|| CoverageGap {
        source: state.source.clone(),
        from_ms,
        to_ms: (span.to_ms < u64::MAX).then_some(span.to_ms),
        why: GapReason::Waiting,
        stages: Vec::new(),
    })
}

/// Stretches in order, neighbours of one kind made one.
fn merged(stretches: Vec<CoverageGap>) -> Vec<CoverageGap> {
    let mut merged: Vec<CoverageGap> = Vec::new();
    for next in stretches {
        let of_one_kind = |before: &&mut CoverageGap| {
            (before.why, &before.stages) == (next.why, &next.stages)
                && before
                    .to_ms
                    .is_none_or(|end| next.from_ms <= end.saturating_add(NEXT_TO))
        };
        match merged.last_mut().filter(of_one_kind) {
            Some(before) => {
                let ends = before.to_ms.zip(next.to_ms);
                before.to_ms = ends.map(|(one, other)| one.max(other));
            }
            None => merged.push(next),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::testing::{row, seal, store};
    use super::super::{Gap, Row, Seal};
    use super::*;

    fn told(
        store: &Store,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Vec<(u64, Option<u64>, GapReason, usize)> {
        let told = store.incomplete(Some("door"), from, to).unwrap();
        told.into_iter()
            .map(|one| (one.from_ms, one.to_ms, one.why, one.stages.len()))
            .collect()
    }

    fn gap(start_ms: u64, end_ms: Option<u64>, why: GapReason) -> Gap {
        Gap {
            start_ms,
            end_ms,
            why,
        }
    }

    #[test]
    fn what_waits_was_lost_or_failed_is_told_in_order_and_neighbours_as_one() {
        let (mut store, _folder) = store();
        store.begin("door", "p").unwrap();
        let failed = |start| Row {
            failed: vec!["caption".to_owned()],
            ..row(start, "")
        };
        let rows = [failed(0), failed(1000), row(2000, "x"), row(9000, "y")];
        let gaps = [
            gap(3000, Some(4000), GapReason::Lost),
            gap(4000, Some(5000), GapReason::Failed),
            gap(5000, None, GapReason::Lost),
        ];
        let sealed = Seal {
            rows: &rows,
            gaps: &gaps,
            sealed_ms: 10_000,
        };
        store.seal("door", "p", sealed).unwrap();
        let all = [
            (0, Some(2000), GapReason::Failed, 1),
            (3000, Some(4000), GapReason::Lost, 0),
            (4000, Some(5000), GapReason::Failed, 0),
            (5000, Some(9000), GapReason::Lost, 0),
            (10_000, None, GapReason::Waiting, 0),
        ];
        assert_eq!(told(&store, None, None), all);
        assert_eq!(
            told(&store, Some(8500), Some(9500)),
            [(8500, Some(9000), GapReason::Lost, 0)]
        );
        assert_eq!(told(&store, Some(2000), Some(3000)), []);
        assert_eq!(
            told(&store, None, Some(11_000))[4],
            (10_000, Some(11_000), GapReason::Waiting, 0)
        );
        assert!(store.incomplete(Some("yard"), None, None).is_err());
    }

    #[test]
    fn a_segment_is_admitted_if_it_shares_time_with_the_span_or_begins_in_it() {
        let span = Span {
            from_ms: 1000,
            to_ms: 2000,
        };
        let cases = [
            (0, 1000, false),
            (0, 1001, true),
            (1000, 1000, true),
            (1999, 5000, true),
            (2000, 3000, false),
        ];
        for (start, end, admitted) in cases {
            assert_eq!(span.admits(start, end), admitted, "{start} to {end}");
        }
    }

    #[test]
    fn a_gap_without_an_end_ends_at_the_next_row_and_goes_if_a_row_stands_in_its_place() {
        let (mut store, _folder) = store();
        store.begin("door", "p").unwrap();
        let open = gap(4000, None, GapReason::Lost);
        let sealed = Seal {
            gaps: std::slice::from_ref(&open),
            sealed_ms: 4000,
            ..Seal::default()
        };
        store.seal("door", "p", sealed).unwrap();
        assert_eq!(
            told(&store, None, Some(60_000))[0],
            (4000, Some(60_000), GapReason::Lost, 0)
        );
        seal(&mut store, "door", &[row(0, "x")], 4000);
        assert_eq!(
            told(&store, None, None)[0],
            (4000, None, GapReason::Lost, 0)
        );
        seal(&mut store, "door", &[row(8000, "x"), row(6000, "x")], 9000);
        assert_eq!(
            told(&store, None, Some(9000)),
            [(4000, Some(6000), GapReason::Lost, 0)]
        );
        seal(&mut store, "door", &[row(4000, "x")], 9000);
        assert_eq!(told(&store, None, Some(9000)), []);
    }

    #[test]
    fn the_end_of_a_source_ends_its_gaps_and_takes_those_of_earlier_runs_away() {
        let (mut store, _folder) = store();
        store.begin("door", "p").unwrap();
        let gaps = [
            gap(0, Some(1000), GapReason::Failed),
            gap(5000, None, GapReason::Lost),
        ];
        let sealed = Seal {
            gaps: &gaps,
            ..Seal::default()
        };
        store.seal("door", "p", sealed).unwrap();
        store.restart("door", "p").unwrap();
        assert_eq!(told(&store, None, Some(0)).len(), 0);
        let again = Seal {
            gaps: &gaps[1..],
            sealed_ms: 6000,
            ..Seal::default()
        };
        store.seal("door", "p", again).unwrap();
        assert_eq!(told(&store, None, Some(6000)).len(), 2);
        store.finish("door", "p", 7000).unwrap();
        assert_eq!(
            told(&store, None, None),
            [(5000, Some(7000), GapReason::Lost, 0)]
        );
    }
}
