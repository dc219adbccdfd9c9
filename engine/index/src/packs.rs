//! Which packs made what is stored, and which of them answers.
//!
//! Rows stand under NAME-VERSION-SETTINGS; NAME-VERSION is the *id* of a pack. Vectors of different ids have nothing in common,
//! those of one id can be compared whatever the settings were.
//! Invariant: which pack is current follows from the table `sources` alone, by the view `current_sources`; nobody stores it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result};
use serde::Serialize;

use super::keep::is_expired;
use super::{Filter, SourceState, Store, StoreError};

/// What one pack made of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackStats {
    /// Its name and version.
    pub pack: String,
    /// Sources of which it made rows.
    pub sources: u64,
    /// Those of them of which searches read these rows.
    pub current: u64,
    /// Its segments.
    pub segments: u64,
}

/// Name and version of a pack, of what its rows stand under.
pub fn id_of(pack: &str) -> &str {
    pack.rsplit_once('-').map_or(pack, |(id, _settings)| id)
}

/// The packs of each source whose rows are read, each with a number that is another one when it was begun anew.
pub(super) fn current_packs(
    connection: &Connection,
) -> Result<BTreeMap<String, Vec<(String, i64)>>> {
    let mut packs = BTreeMap::<String, Vec<(String, i64)>>::new();
    let mut pairs = connection.prepare_cached(
        "SELECT source, pack, run FROM current_sources JOIN sources USING (source, pack)",
    )?;
    let mut pairs = pairs.query([])?;
    while let Some(pair) = pairs.next()? {
        let of_source = packs.entry(pair.get(0)?).or_default();
        of_source.push((pair.get(1)?, pair.get(2)?));
    }
    Ok(packs)
}

impl Store {
    /// The ids of the packs that made what a filter takes, those first that came last.
    ///
    /// # Errors
    /// When the filter names a source that is not there, or the store cannot be read.
    pub fn packs(&self, filter: &Filter) -> std::result::Result<Vec<String>, StoreError> {
        let chosen = self.choose(filter)?.sources;
        let chosen: BTreeSet<String> = chosen.into_iter().map(|one| one.state.source).collect();
        let read = || -> Result<Vec<String>> {
            let mut pairs = self.connection.prepare_cached(
                "SELECT source, pack FROM sources JOIN current_sources USING (source, pack) ORDER BY run DESC",
            )?;
            let mut pairs = pairs.query([])?;
            let mut ids = Vec::new();
            while let Some(pair) = pairs.next()? {
                let id = id_of(pair.get_ref(1)?.as_str()?);
                if chosen.contains(pair.get_ref(0)?.as_str()?) && !ids.iter().any(|one| one == id) {
                    ids.push(id.to_owned());
                }
            }
            Ok(ids)
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }
}

/// What each pack made, by id.
pub(super) fn stats(connection: &Connection, states: &[SourceState]) -> Result<Vec<PackStats>> {
    let mut packs = BTreeMap::<&str, PackStats>::new();
    for state in states {
        let id = id_of(&state.pack);
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
        if let Some(pack) = packs.get_mut(id_of(count.get_ref(0)?.as_str()?)) {
            pack.segments += count.get::<_, u32>(1).map(u64::from)?;
        }
    }
    Ok(packs.into_values().collect())
}

/// The states of sources that a newer pack has not caught up with yet: those of the current pack and of the newer ones. A source of
/// which nothing is kept any longer need not be caught up with.
pub(super) fn under_way(
    connection: &Connection,
    states: &[SourceState],
) -> Result<Vec<SourceState>> {
    let of_one = states.chunk_by(|a, b| a.source == b.source);
    let newer = of_one.filter_map(|packs| {
        let current = packs.iter().rposition(|state| state.current)?;
        (current + 1 < packs.len() && !packs[current].live).then(|| &packs[current..])
    });
    let mut found = Vec::new();
    for packs in newer {
        if !is_expired(connection, &packs[0].source)? {
            found.extend_from_slice(packs);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{query, row, store};
    use super::super::{Gap, GapReason, Query, Row, Seal};
    use super::*;

    /// Writes a row of a second at the end of what is sealed under a pack.
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
    fn the_settings_are_what_stands_last() {
        assert_eq!(id_of("mini-1.0-rc1-00ff00ff"), "mini-1.0-rc1");
        assert_eq!(id_of("p"), "p");
    }

    #[test]
    fn a_newer_pack_is_read_from_when_it_is_ten_seconds_behind_one_that_has_not_ended() {
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
            "one that falls behind again is not read"
        );
    }

    #[test]
    fn a_newer_pack_that_has_nothing_yet_is_not_read_however_short_a_source_is() {
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
        let way: Vec<_> = under_way(&store.connection, &store.sources().unwrap())
            .unwrap()
            .into_iter()
            .map(|state| (state.pack, state.sealed_ms, state.current))
            .collect();
        let expected = [("p-1-a", 4000, true), ("p-2-a", 4000, false)];
        assert_eq!(
            way,
            expected.map(|(pack, ms, now)| (pack.to_owned(), ms, now))
        );
        store.finish("door", "p-2-a", 4000).unwrap();
        assert_eq!(current(&store).0, "p-2-a");
        assert!(
            under_way(&store.connection, &store.sources().unwrap())
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
    fn of_a_live_source_the_rows_of_all_packs_are_read_each_of_its_own_time() {
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
            under_way(&store.connection, &store.sources().unwrap())
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
    fn what_was_lost_between_two_packs_of_a_live_source_ends_with_the_second() {
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
        let told = store.incomplete(Some("door"), None, Some(9000)).unwrap();
        assert_eq!((told[0].from_ms, told[0].to_ms), (1000, Some(8000)));
        assert_eq!(told.len(), 1);
    }

    #[test]
    fn rows_are_compared_with_the_vector_of_their_own_pack_and_the_best_of_each_come_first() {
        let (mut store, _folder) = store();
        let seen = |start_ms, embedding: [f32; 2]| Row {
            embedding: embedding.to_vec(),
            ..row(start_ms, "ball")
        };
        for (source, pack) in [("a", "p-1-a"), ("b", "p-2-a")] {
            store.begin(source, pack).unwrap();
            let rows = [seen(0, [1.0, 0.0]), seen(1000, [0.0, 1.0])];
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
        // The rows of a pack that is not here match by words all the same.
        let expected = of([("a", 0), ("a", 1000), ("b", 0), ("b", 1000)]);
        assert_eq!(found(&both[..1], "ball"), expected);
        assert_eq!(found(&both[..1], "cube").len(), 2);
        assert!(found(&[("p", [1.0, 0.0])], "cube").is_empty());
    }

    #[test]
    fn what_each_pack_made_is_counted_whatever_its_settings() {
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
