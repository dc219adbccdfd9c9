//! What the tests of several files build stores and queries with.

use std::collections::BTreeMap;

use tempfile::{TempDir, tempdir};

use super::{Query, Row, Seal, Store};

/// A new store, and the folder that lives as long as it.
pub(super) fn store() -> (Store, TempDir) {
    let folder = tempdir().unwrap();
    let store = Store::open(&folder.path().join("atom.db")).unwrap();
    (store, folder)
}

/// A row of one second with a caption.
pub(super) fn row(start_ms: u64, caption: &str) -> Row {
    Row {
        start_ms,
        end_ms: start_ms + 1000,
        caption: Some(caption.to_owned()),
        ..Row::default()
    }
}

/// Begins a run over a source under the pack "p", if there is none, and seals rows.
pub(super) fn seal(store: &mut Store, source: &str, rows: &[Row], sealed_ms: u64) {
    store.begin(source, "p").unwrap();
    store.seal(source, "p", Seal::of(rows, sealed_ms)).unwrap();
}

/// A query for some words alone.
pub(super) fn query(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        limit: 10,
        ..Query::default()
    }
}

/// The vector of a query, made by one pack.
pub(super) fn vectors(pack: &str, vector: [f32; 2]) -> BTreeMap<String, Vec<f32>> {
    BTreeMap::from([(pack.to_owned(), vector.to_vec())])
}

/// Starts of the hits for some words.
pub(super) fn found(store: &Store, text: &str) -> Vec<u64> {
    let hits = store.search(&query(text)).unwrap().hits;
    hits.into_iter().map(|hit| hit.start_ms).collect()
}
