//! The packs that made the rows of a store.
//!
//! While a source is indexed again with another pack, both packs have rows: searches read the old ones until the new ones have
//! caught up (see the view `current_sources`).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result};
use serde::Serialize;

use crate::error::StoreError;
use crate::pack_key::pack_id;
use crate::retention::is_fully_expired;
use crate::source_filter::Filter;
use crate::source_state::SourceState;
use crate::store::Store;

/// The share of one pack in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackStats {
    /// Its name and version.
    pub pack: String,
    /// Sources of which it made rows.
    pub sources: u64,
    /// Sources of which searches read its rows.
    pub current: u64,
    /// Its segments.
    pub segments: u64,
}

impl Store {
    /// Returns the ids of the packs that made the selected sources, the latest first.
    ///
    /// # Errors
    /// If the filter names a source that does not exist, or the store cannot be read.
    pub fn packs(&self, filter: &Filter) -> std::result::Result<Vec<String>, StoreError> {
        let selected = self.select(filter)?.sources.into_iter();
        let selected: BTreeSet<String> = selected.map(|source| source.state.source).collect();
        self.read(|connection| {
            let mut packs = connection.prepare_cached(
                "SELECT source, pack FROM sources JOIN current_sources USING (source, pack) ORDER BY run DESC",
            )?;
            let mut packs = packs.query([])?;
            let mut ids = Vec::<String>::new();
            while let Some(row) = packs.next()? {
                let id = pack_id(row.get_ref(1)?.as_str()?);
                if selected.contains(row.get_ref(0)?.as_str()?) && !ids.iter().any(|known| known == id)
                {
                    ids.push(id.to_owned());
                }
            }
            Ok(ids)
        })
    }
}

/// Counts sources and segments by the id of the pack.
pub(crate) fn pack_stats(
    connection: &Connection,
    states: &[SourceState],
) -> Result<Vec<PackStats>> {
    let mut packs = BTreeMap::<&str, PackStats>::new();
    for state in states {
        let id = pack_id(&state.pack);
        let pack = packs.entry(id).or_insert_with(|| PackStats {
            pack: id.to_owned(),
            sources: 0,
            current: 0,
            segments: 0,
        });
        pack.sources += 1;
        pack.current += u64::from(state.current);
    }
    let mut counts =
        connection.prepare_cached("SELECT pack, count(*) FROM segments GROUP BY pack")?;
    let mut counts = counts.query([])?;
    while let Some(count) = counts.next()? {
        if let Some(pack) = packs.get_mut(pack_id(count.get_ref(0)?.as_str()?)) {
            pack.segments += count.get::<_, u64>(1)?;
        }
    }
    Ok(packs.into_values().collect())
}

/// Returns the states of sources that are indexed again and have not caught up: the current pack and the newer ones. Sources
/// that are fully expired have nothing to catch up with.
pub(crate) fn reindexing(
    connection: &Connection,
    states: &[SourceState],
) -> Result<Vec<SourceState>> {
    let of_one_source = states.chunk_by(|a, b| a.source == b.source);
    let newer = of_one_source.filter_map(|packs| {
        let current = packs.iter().rposition(|state| state.current)?;
        (current + 1 < packs.len() && !packs[current].live).then(|| &packs[current..])
    });
    let mut found = Vec::new();
    for packs in newer {
        if !is_fully_expired(connection, &packs[0].source)? {
            found.extend_from_slice(packs);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use atom_operators::qa::archive::GapReason;

    use super::*;
    use crate::row::{Gap, Row, Seal};
    use crate::search::query::Query;
    use crate::testing::{incomplete, query, row, store};

    /// Seals a row of one second that ends at `sealed_ms`.
    fn seal(store: &mut Store, pack: &str, sealed_ms: u64) {
        store.begin("door", pack).unwrap();
        let rows: [Row; 1] = [row(sealed_ms - 1000, pack)];
        let sealed = Seal::of(&rows, sealed_ms);
        store.seal("door", pack, sealed).unwrap();
    }

    fn current(store: &Store) -> (String, u64) {
        let state = store.current(Some("door")).unwrap().remove(0);
        (state.pack, state.sealed_ms)
    }

    #[test]
    fn a_newer_pack_becomes_current_ten_seconds_behind_one_that_has_not_ended() {
        let (mut store, _folder) = store();
        seal(&mut store, "p-1-a", 60_000);
        for (sealed_ms, answers) in [
            (1000, "p-1-a"),
            (49_999, "p-1-a"),
            (50_000, "p-2-a"),
            (51_000, "p-2-a"),
        ] {
            seal(&mut store, "p-2-a", sealed_ms);
            assert_eq!(current(&store).0, answers, "{sealed_ms}");
        }
        seal(&mut store, "p-1-a", 61_001);
        assert_eq!(
            current(&store),
            ("p-1-a".to_owned(), 61_001),
            "one that falls behind again is not current"
        );
    }

    #[test]
    fn a_newer_pack_without_rows_is_not_current_however_short_the_source_is() {
        let (mut store, _folder) = store();
        seal(&mut store, "p-1-a", 2000);
        store.begin("door", "p-2-a").unwrap();
        assert_eq!(current(&store), ("p-1-a".to_owned(), 2000));
        seal(&mut store, "p-2-a", 1000);
        assert_eq!(current(&store), ("p-2-a".to_owned(), 1000));
    }

    #[test]
    fn rows_of_an_ended_source_stay_current_until_the_newer_pack_has_ended_and_replaces_them() {
        let (mut store, _folder) = store();
        seal(&mut store, "p-1-a", 4000);
        store.finish("door", "p-1-a", 4000).unwrap();
        seal(&mut store, "p-2-a", 4000);
        assert_eq!(current(&store).0, "p-1-a");
        let pending: Vec<_> = reindexing(&store.connection, &store.sources().unwrap())
            .unwrap()
            .into_iter()
            .map(|state| (state.pack, state.sealed_ms, state.current))
            .collect();
        let expected = [("p-1-a", 4000, true), ("p-2-a", 4000, false)];
        assert_eq!(
            pending,
            expected.map(|(pack, ms, now)| (pack.to_owned(), ms, now))
        );
        store.finish("door", "p-2-a", 4000).unwrap();
        assert_eq!(current(&store).0, "p-2-a");
        assert!(
            reindexing(&store.connection, &store.sources().unwrap())
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.sources().unwrap().len(), 1);
        let rows = store.rows(None, None, None).unwrap();
        assert!(rows.iter().all(|row| row.pack == "p-2-a"), "{rows:?}");
        let late = store.seal("door", "p-1-a", Seal::of(&[], 5000));
        assert!(matches!(late, Err(StoreError::NotBegun { .. })));
        assert_eq!(store.packs(&Filter::default()).unwrap(), ["p-2"]);
    }

    #[test]
    fn all_packs_of_a_live_source_are_current() {
        let (mut store, _folder) = store();
        for (pack, sealed_ms) in [("p-1-a", 60_000), ("p-2-a", 90_000)] {
            store.begin("door", pack).unwrap();
            store.reopen("door").unwrap();
            seal(&mut store, pack, sealed_ms);
        }
        let rows = store.rows(Some("door"), None, None).unwrap();
        let starts: Vec<_> = rows
            .iter()
            .map(|row| (&*row.pack, row.row.start_ms))
            .collect();
        assert_eq!(starts, [("p-1-a", 59_000), ("p-2-a", 89_000)]);
        assert_eq!(current(&store), ("p-2-a".to_owned(), 90_000));
        store.begin("door", "p-3-a").unwrap();
        assert_eq!(store.reopen("door").unwrap(), 90_000);
        assert_eq!(current(&store), ("p-2-a".to_owned(), 90_000));
        assert!(
            reindexing(&store.connection, &store.sources().unwrap())
                .unwrap()
                .is_empty()
        );
        let found = store.search(&query("p"));
        assert_eq!(found.unwrap().hits.len(), 2);
        assert_eq!(
            store.packs(&Filter::default()).unwrap(),
            ["p-3", "p-2", "p-1"]
        );
    }

    #[test]
    fn a_loss_between_two_packs_of_a_live_source_ends_with_the_second() {
        let (mut store, _folder) = store();
        for pack in ["p-1-a", "p-2-a"] {
            store.begin("door", pack).unwrap();
            store.reopen("door").unwrap();
        }
        let lost = Gap {
            start_ms: 1000,
            end_ms: None,
            why: GapReason::Lost,
        };
        let sealed = Seal {
            gaps: &[lost],
            sealed_ms: 1000,
            ..Seal::default()
        };
        store.seal("door", "p-1-a", sealed).unwrap();
        seal(&mut store, "p-2-a", 9000);
        let missing = incomplete(&store, "door", None, Some(9000));
        assert_eq!((missing[0].from_ms, missing[0].to_ms), (1000, Some(8000)));
        assert_eq!(missing.len(), 1);
    }

    #[test]
    fn rows_are_compared_with_the_query_vector_of_their_own_pack() {
        let (mut store, _folder) = store();
        let with_vector = |start_ms, embedding: [f32; 2]| Row {
            embedding: embedding.to_vec(),
            ..row(start_ms, "ball")
        };
        for (source, pack) in [("a", "p-1-a"), ("b", "p-2-a")] {
            store.begin(source, pack).unwrap();
            let rows = [with_vector(0, [1.0, 0.0]), with_vector(1000, [0.0, 1.0])];
            store.seal(source, pack, Seal::of(&rows, 2000)).unwrap();
        }
        let found = |vectors: &[(&str, [f32; 2])], text: &str| -> Vec<_> {
            let vectors = vectors
                .iter()
                .map(|(id, vector)| ((*id).to_owned(), vector.to_vec()));
            let query = Query {
                vectors: vectors.collect(),
                ..query(text)
            };
            let hits = store.search(&query).unwrap().hits;
            hits.into_iter()
                .map(|hit| (hit.source, hit.start_ms))
                .collect()
        };
        let of = |all: [(&str, u64); 4]| all.map(|(source, ms)| (source.to_owned(), ms)).to_vec();
        // What one pack calls the first direction, the other calls the second.
        let both = [("p-1", [1.0, 0.0]), ("p-2", [0.0, 1.0])];
        let expected = of([("a", 0), ("b", 1000), ("a", 1000), ("b", 0)]);
        assert_eq!(found(&both, "cube"), expected);
        // Rows of a pack without a query vector still match by words.
        let expected = of([("a", 0), ("a", 1000), ("b", 0), ("b", 1000)]);
        assert_eq!(found(&both[..1], "ball"), expected);
        assert_eq!(found(&both[..1], "cube").len(), 2);
        assert!(found(&[("p", [1.0, 0.0])], "cube").is_empty());
    }

    #[test]
    fn segments_are_counted_by_pack_whatever_its_settings() {
        let (mut store, _folder) = store();
        seal(&mut store, "p-1-a", 4000);
        store.finish("door", "p-1-a", 4000).unwrap();
        seal(&mut store, "p-2-a", 1000);
        seal(&mut store, "p-2-b", 2000);
        let stats = store.stats().unwrap();
        let count = |pack: &str, sources, current, segments| PackStats {
            pack: pack.to_owned(),
            sources,
            current,
            segments,
        };
        assert_eq!(stats.packs, [count("p-1", 1, 1, 1), count("p-2", 2, 0, 2)]);
        assert_eq!(stats.under_way.len(), 3);
    }
}
