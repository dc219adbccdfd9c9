//! Stored rows: a row comes back as it was written, and is found by nothing that it does not say.

use atom_index::{Query, Row, Seal, Store};
use atom_operators::seen_objects::SeenObjects;
use proptest::{collection::vec, option, prelude::*};

use crate::{cases, edited_text::any_text};

const FRAGMENTS: &[&str] = &[
    "rain", "\"", "'", "--", "NULL", "%", "*", "[", "{}", "\\", "\n", "\u{0}", "\u{feff}", "é",
    "😀", "AND", "NEAR(", "caption:", "-", "/", "..",
];

fn text() -> impl Strategy<Value = String> {
    any_text(FRAGMENTS)
}

fn vector() -> impl Strategy<Value = Vec<f32>> {
    // Vectors of one index have one length.
    prop_oneof![Just(Vec::new()), vec(-1.0f32..1.0, 4)]
}

prop_compose! {
    fn row()(
        length in 0u64..100_000,
        caption in option::of(text()),
        tags in text(),
        answers in vec((text(), text()), 0..3),
        embedding in vector(),
        caption_embedding in vector(),
        concepts in vec(0.0f32..=1.0, 0..5),
        failed in vec(text(), 0..3),
        thumbnail in vec(any::<u8>(), 0..9),
        objects in vec((text(), 1u32..9, 0u64..100_000, 1u32..9).prop_map(SeenObjects::from), 0..3),
    ) -> Row {
        Row { start_ms: 0, end_ms: length, caption, tags, answers, embedding, concepts, failed, caption_embedding, thumbnail, objects }
    }
}

#[track_caller]
fn assert_near(found: &[f32], written: &[f32], parts: f32) {
    let largest = written.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    // Half a step, and the rounding of 32-bit numbers.
    let tolerance = largest / parts * 1.001;
    assert_eq!(found.len(), written.len());
    for (found, written) in found.iter().zip(written) {
        assert!(
            (found - written).abs() <= tolerance,
            "{found} for {written}"
        );
    }
}

#[track_caller]
fn assert_same(found: &Row, written: &Row) {
    let texts = |row: &Row| Row {
        embedding: Vec::new(),
        caption_embedding: Vec::new(),
        concepts: Vec::new(),
        ..row.clone()
    };
    assert_eq!(texts(found), texts(written));
    assert_near(&found.embedding, &written.embedding, 254.0);
    assert_near(&found.caption_embedding, &written.caption_embedding, 254.0);
    let concepts = found.concepts.iter().zip(&written.concepts);
    assert_eq!(found.concepts.len(), written.concepts.len());
    for (found, written) in concepts {
        assert!(
            (found - written).abs() <= 0.501 / 255.0,
            "{found} for {written}"
        );
    }
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn rows_come_back_as_they_were_written_and_every_search_ends(
        rows in vec(row(), 1..8),
        source in text(),
        query in text(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("s.db")).unwrap();
        let mut start_ms = 0;
        let rows: Vec<Row> = rows.into_iter().map(|row| {
            let row = Row { start_ms, end_ms: start_ms + row.end_ms, ..row };
            start_ms = row.end_ms + 1;
            row
        }).collect();
        store.begin(&source, "p").unwrap();
        store.seal(&source, "p", Seal::of(&rows, start_ms)).unwrap();
        let found = store.rows(Some(&source), None, None).unwrap();
        prop_assert_eq!(found.len(), rows.len());
        for (found, written) in found.iter().zip(&rows) {
            prop_assert_eq!((&*found.source, &*found.pack), (&*source, "p"));
            assert_same(&found.row, written);
        }
        prop_assert!(store.check().unwrap().is_empty());
        let query = Query { text: query, limit: 10, ..Query::default() };
        // A query without a word is refused.
        let _ = store.search(&query);
    }
}
