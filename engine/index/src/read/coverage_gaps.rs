//! The missing stretches of a span, with their reasons: an answer about that span has to name them.
//!
//! Three things make a stretch incomplete: it lies after the time through which its source is complete and the source has
//! not ended, it is a gap, or a stage gave nothing for a segment in it. The rest of a source that failed does not wait for
//! anything, so it is reported as failed, with the reason.

use atom_operators::qa::archive::{CoverageGap, GapReason};
use rusqlite::{Connection, Result, Row, Statement, params};

use crate::column_conversion::{from_json, of_segment, signed, why};
use crate::error::StoreError;
use crate::source_filter::{SelectedSource, Span};
use crate::source_state::SourceState;
use crate::store::Store;

/// Stretches of one kind that are at most this far apart are merged, in milliseconds.
pub(crate) const MERGE_DISTANCE_MS: u64 = 1000;

/// CROSS JOIN makes SQLite begin with the packs: the index of failed segments is by source and pack.
const GAPS: &str = "
    SELECT start_ms, end_ms, why, '[]' FROM current_sources c CROSS JOIN gaps g ON g.source = c.source AND g.pack = c.pack
    WHERE c.source = ?1 AND start_ms < ?3 AND (end_ms IS NULL OR end_ms > ?2)";

const FAILED: &str = "
    SELECT start_ms, end_ms, 'failed', failed FROM current_sources c CROSS JOIN segments s ON s.source = c.source AND s.pack = c.pack
    WHERE c.source = ?1 AND failed <> '[]' AND start_ms < ?3 AND end_ms > ?2";

impl Store {
    /// Returns the missing stretches within the selected spans, by source and time.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn incomplete(
        &self,
        selected: &[SelectedSource],
    ) -> std::result::Result<Vec<CoverageGap>, StoreError> {
        let sources = selected.iter().map(|source| (&source.state, source.span()));
        self.read(|connection| read_incomplete(connection, sources))
    }
}

/// Reads the missing stretches within a span of each source.
pub(crate) fn read_incomplete<'s>(
    connection: &Connection,
    sources: impl Iterator<Item = (&'s SourceState, Span)>,
) -> Result<Vec<CoverageGap>> {
    let mut gaps = connection.prepare(GAPS)?;
    let mut failed = connection.prepare(FAILED)?;
    let mut all = Vec::new();
    for (state, span) in sources {
        let mut stretches = read_stretches(&mut gaps, state, span)?;
        stretches.extend(read_stretches(&mut failed, state, span)?);
        stretches.extend(rest(state, span));
        stretches.sort_by_key(|stretch| stretch.from_ms);
        all.extend(merge(stretches));
    }
    Ok(all)
}

fn read_stretches(
    statement: &mut Statement,
    state: &SourceState,
    span: Span,
) -> Result<Vec<CoverageGap>> {
    let key = params![state.source, signed(span.from_ms), signed(span.to_ms)];
    let stretch = |row: &Row| {
        let end: Option<u64> = row.get(1)?;
        let end = end.unwrap_or(u64::MAX).min(span.to_ms);
        Ok(CoverageGap {
            source: state.source.clone(),
            from_ms: row.get::<_, u64>(0)?.max(span.from_ms),
            to_ms: (end < u64::MAX).then_some(end),
            why: why(row, 2)?,
            stages: from_json(row, 3)?,
            reason: None,
        })
    };
    let stretches = statement.query_map(key, |row| {
        let key = || (state.source.clone(), row.get(0).unwrap_or_default());
        of_segment(key, || stretch(row))
    })?;
    stretches.collect()
}

/// Returns the rest of a source that has not ended: it waits to be processed, or the source failed there.
fn rest(state: &SourceState, span: Span) -> Option<CoverageGap> {
    let from_ms = state.sealed_ms.max(span.from_ms);
    if state.ended || from_ms >= span.to_ms {
        return None;
    }
    let failure = state.failure.as_ref();
    Some(CoverageGap {
        source: state.source.clone(),
        from_ms,
        to_ms: (span.to_ms < u64::MAX).then_some(span.to_ms),
        why: failure.map_or(GapReason::Waiting, |_| GapReason::Failed),
        stages: failure
            .iter()
            .map(|failure| failure.stage.clone())
            .collect(),
        reason: failure.map(|failure| failure.reason.clone()),
    })
}

/// Merges neighbours of one kind; the stretches are in order.
fn merge(stretches: Vec<CoverageGap>) -> Vec<CoverageGap> {
    let mut merged: Vec<CoverageGap> = Vec::new();
    for next in stretches {
        let continues = |before: &&mut CoverageGap| {
            (before.why, &before.stages, &before.reason) == (next.why, &next.stages, &next.reason)
                && before
                    .to_ms
                    .is_none_or(|end| next.from_ms <= end.saturating_add(MERGE_DISTANCE_MS))
        };
        match merged.last_mut().filter(continues) {
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
    use super::*;
    use crate::row::{Gap, Row, Seal};
    use crate::source_state::SourceFailure;
    use crate::testing::{incomplete, row, seal, store};

    fn missing(
        store: &Store,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Vec<(u64, Option<u64>, GapReason, usize)> {
        let missing = incomplete(store, "door", from, to);
        missing
            .into_iter()
            .map(|part| (part.from_ms, part.to_ms, part.why, part.stages.len()))
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
    fn missing_stretches_come_in_order_with_neighbours_merged() {
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
        assert_eq!(missing(&store, None, None), all);
        assert_eq!(
            missing(&store, Some(8500), Some(9500)),
            [(8500, Some(9000), GapReason::Lost, 0)]
        );
        assert_eq!(missing(&store, Some(2000), Some(3000)), []);
        assert_eq!(
            missing(&store, None, Some(11_000))[4],
            (10_000, Some(11_000), GapReason::Waiting, 0)
        );
    }

    #[test]
    fn the_rest_of_a_source_that_failed_is_failed_with_the_reason_and_not_waiting() {
        let (mut store, _folder) = store();
        seal(&mut store, "door", &[row(0, "x")], 4000);
        let failure = SourceFailure {
            stage: "source".to_owned(),
            reason: "it is truncated".to_owned(),
        };
        store.fail("door", "p", &failure).unwrap();
        let missing = incomplete(&store, "door", None, None);
        let expected = CoverageGap {
            source: "door".to_owned(),
            from_ms: 4000,
            to_ms: None,
            why: GapReason::Failed,
            stages: vec!["source".to_owned()],
            reason: Some("it is truncated".to_owned()),
        };
        assert_eq!(missing, [expected]);
        assert!(incomplete(&store, "door", None, Some(4000)).is_empty());
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
    fn a_gap_without_an_end_ends_at_the_next_row_and_a_row_of_its_start_replaces_it() {
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
            missing(&store, None, Some(60_000))[0],
            (4000, Some(60_000), GapReason::Lost, 0)
        );
        seal(&mut store, "door", &[row(0, "x")], 4000);
        assert_eq!(
            missing(&store, None, None)[0],
            (4000, None, GapReason::Lost, 0)
        );
        seal(&mut store, "door", &[row(8000, "x"), row(6000, "x")], 9000);
        assert_eq!(
            missing(&store, None, Some(9000)),
            [(4000, Some(6000), GapReason::Lost, 0)]
        );
        seal(&mut store, "door", &[row(4000, "x")], 9000);
        assert_eq!(missing(&store, None, Some(9000)), []);
    }

    #[test]
    fn the_end_of_a_source_ends_its_gaps_and_removes_those_of_earlier_runs() {
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
        assert_eq!(missing(&store, None, Some(0)).len(), 0);
        let again = Seal {
            gaps: &gaps[1..],
            sealed_ms: 6000,
            ..Seal::default()
        };
        store.seal("door", "p", again).unwrap();
        assert_eq!(missing(&store, None, Some(6000)).len(), 2);
        store.finish("door", "p", 7000).unwrap();
        assert_eq!(
            missing(&store, None, None),
            [(5000, Some(7000), GapReason::Lost, 0)]
        );
    }
}
