//! Stores and queries for the tests of this crate.

use std::collections::BTreeMap;

use atom_operators::{
    qa::archive::CoverageGap,
    start_time::{StartOrigin, StartTime},
};
use tempfile::{TempDir, tempdir};

use crate::catalog;
use crate::row::{Row, Seal};
use crate::search::query::Query;
use crate::source_filter::Filter;
use crate::store::Store;

/// Creates a store in a temporary folder, which is removed when it is dropped.
pub(crate) fn store() -> (Store, TempDir) {
    let folder = tempdir().unwrap();
    let store = Store::open(&folder.path().join("atom.db")).unwrap();
    (store, folder)
}

/// Creates a row of one second with a caption.
pub(crate) fn row(start_ms: u64, caption: &str) -> Row {
    Row {
        start_ms,
        end_ms: start_ms + 1000,
        caption: Some(caption.to_owned()),
        ..Row::default()
    }
}

/// Begins a run over a source under the pack "p", if there is none, and seals rows.
pub(crate) fn seal(store: &mut Store, source: &str, rows: &[Row], sealed_ms: u64) {
    store.begin(source, "p").unwrap();
    store.seal(source, "p", Seal::of(rows, sealed_ms)).unwrap();
}

/// Creates a start time.
pub(crate) fn start_at(utc_ms: i64) -> StartTime {
    StartTime {
        utc_ms,
        origin: StartOrigin::NameLocal,
    }
}

/// Creates a query for words alone.
pub(crate) fn query(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        limit: 10,
        ..Query::default()
    }
}

/// Returns the vector of a query, made by one pack.
pub(crate) fn vectors(pack: &str, vector: [f32; 2]) -> BTreeMap<String, Vec<f32>> {
    BTreeMap::from([(pack.to_owned(), vector.to_vec())])
}

/// Returns the starts of the hits for some words.
pub(crate) fn found(store: &Store, text: &str) -> Vec<u64> {
    let hits = store.search(&query(text)).unwrap().hits;
    hits.into_iter().map(|hit| hit.start_ms).collect()
}

/// Returns the missing stretches within a span of a source.
pub(crate) fn incomplete(
    store: &Store,
    source: &str,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
) -> Vec<CoverageGap> {
    let filter = Filter {
        sources: vec![source.to_owned()],
        from_ms,
        to_ms,
        ..Filter::default()
    };
    let selected = store.select(&filter).unwrap().sources;
    store.incomplete(&selected).unwrap()
}

/// Removes a source. Returns true if there was one.
pub(crate) fn remove_source(store: &mut Store, source: &str) -> bool {
    let removed = store.write("remove a source from", |change| {
        Ok(catalog::catalog_file::remove_source(change, source)?)
    });
    removed.unwrap() > 0
}

/// Returns the pack and the start of each row.
pub(crate) fn starts(store: &Store) -> Vec<(String, u64)> {
    let rows = store.rows(None, None, None).unwrap();
    rows.into_iter().map(|r| (r.pack, r.row.start_ms)).collect()
}

/// Returns what [`starts`] gives for rows of one pack.
pub(crate) fn keys(pack: &str, starts: &[u64]) -> Vec<(String, u64)> {
    let starts = starts.iter();
    starts.map(|start| (pack.to_owned(), *start)).collect()
}
