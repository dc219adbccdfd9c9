//! Tests of whole searches.

use tempfile::TempDir;

use super::query::Query;
use crate::row::{Row, Seal};
use crate::source_filter::Filter;
use crate::store::Store;
use crate::testing::{found, query, remove_source, row, store, vectors};

fn seal(store: &mut Store, source: &str, rows: &[Row]) {
    store.begin(source, "p").unwrap();
    store.seal(source, "p", Seal::of(rows, 5000)).unwrap();
}

fn five_rows() -> (Store, TempDir) {
    let (mut store, folder) = store();
    let captions = [
        "a red ball",
        "a red cube",
        "rain",
        "a ball, a ball",
        "night",
    ];
    let vectors = [[0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0], [0.8, 0.6]];
    let rows: Vec<Row> = (0..5)
        .map(|n| Row {
            embedding: vectors[n].to_vec(),
            ..row(n as u64 * 1000, captions[n])
        })
        .collect();
    seal(&mut store, "door", &rows);
    (store, folder)
}

#[test]
fn hybrid_ranks_are_those_computed_by_hand() {
    let (store, _folder) = five_rows();
    let hits = store
        .search(&Query {
            vectors: vectors("p", [1.0, 0.0]),
            ..query("ball")
        })
        .unwrap();
    // By words: "a ball, a ball" (twice), then "a red ball". By vector: 2000, 4000, 1000, 0, 3000.
    let expected = [
        (0, 1.0 / 14.0 + 0.5 / 12.0),
        (3000, 1.0 / 15.0 + 0.5 / 11.0),
        (2000, 1.0 / 11.0),
        (4000, 1.0 / 12.0),
        (1000, 1.0 / 13.0),
    ];
    let got: Vec<_> = hits
        .hits
        .iter()
        .map(|hit| (hit.start_ms, hit.score))
        .collect();
    assert_eq!(got, expected);
    assert_eq!(hits.complete_through_ms["door"], 5000);
}

#[test]
fn words_match_by_their_stem_in_captions_tags_and_answers_but_not_in_questions() {
    let (mut store, _folder) = store();
    let tags = Row {
        tags: "bouncing".to_owned(),
        caption: None,
        ..row(1000, "")
    };
    let answers = vec![(
        "Is a person there?".to_owned(),
        "Someone bounces.".to_owned(),
    )];
    let answered = Row {
        answers,
        ..row(2000, "a hall")
    };
    seal(&mut store, "door", &[row(0, "it bounced"), tags, answered]);
    let mut all = found(&store, "bounce");
    all.sort();
    assert_eq!(all, [0, 1000, 2000]);
    assert!(found(&store, "person").is_empty());
    assert_eq!(
        store
            .search(&query("bouncing"))
            .unwrap()
            .hits
            .iter()
            .filter(|h| h.text == "bouncing")
            .count(),
        1
    );
}

#[test]
fn source_and_span_leave_rows_out_before_ranking() {
    let (mut store, _folder) = five_rows();
    seal(
        &mut store,
        "yard",
        &[Row {
            embedding: vec![1.0, 0.0],
            ..row(0, "ball ball ball")
        }],
    );
    let span = Query {
        vectors: vectors("p", [1.0, 0.0]),
        filter: Filter {
            sources: vec!["door".to_owned()],
            from_ms: Some(1500),
            to_ms: Some(3001),
            ..Filter::default()
        },
        ..query("ball")
    };
    let hits = store.search(&span).unwrap();
    let got: Vec<_> = hits
        .hits
        .iter()
        .map(|hit| (hit.start_ms, hit.score))
        .collect();
    // The row from 1000 to 2000 touches the span; ranks count only what is kept.
    let both = 1.0 / 13.0 + 0.5 / 11.0;
    assert_eq!(got, [(3000, both), (2000, 1.0 / 11.0), (1000, 1.0 / 12.0)]);
    assert_eq!(
        hits.complete_through_ms.keys().collect::<Vec<_>>(),
        ["door"]
    );
}

#[test]
fn a_source_that_is_not_there_is_an_error_that_names_those_that_are() {
    let (mut store, _folder) = five_rows();
    seal(&mut store, "yard", &[]);
    let unknown = Query {
        filter: Filter {
            sources: vec!["dor".to_owned()],
            ..Filter::default()
        },
        ..query("ball")
    };
    let message = store.search(&unknown).unwrap_err().to_string();
    assert!(
        message.contains("no source \"dor\"; its sources: door, yard"),
        "{message}"
    );
}

#[test]
fn a_minus_excludes_rows_from_both_rankings_and_a_phrase_must_match_whole() {
    let (store, _folder) = five_rows();
    let all_but_red = Query {
        vectors: vectors("p", [0.0, 1.0]),
        ..query("ball -red")
    };
    let got: Vec<_> = store
        .search(&all_but_red)
        .unwrap()
        .hits
        .iter()
        .map(|hit| hit.start_ms)
        .collect();
    assert_eq!(got, [3000, 4000, 2000]);
    assert_eq!(found(&store, "\"red cube\""), [1000]);
    assert!(found(&store, "\"cube red\"").is_empty());
    assert!(found(&store, "cube -\"red cube\"").is_empty());
}

#[test]
fn no_text_a_person_can_type_breaks_a_search() {
    let (store, _folder) = five_rows();
    let long = "ball ".repeat(2000);
    let packed = "a-".repeat(5000);
    let typed = [
        "C++ AND (",
        "\" x",
        "ball\" OR",
        "NEAR(ball, 2)",
        "caption : ball",
        "ball*",
        "^ball",
        "🚪 ball",
        "'; DROP TABLE --x",
        "'; DROP --x",
        "{a b} : c",
        "\u{0}ball",
        "ß İ ﬁ",
        "Ⓐ",
        "-x ball",
        "+ball + cube",
        long.as_str(),
        packed.as_str(),
    ];
    for text in typed {
        store
            .search(&query(text))
            .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
    assert_eq!(found(&store, &long), [3000, 0]);
    let picture = Query {
        vectors: vectors("p", [1.0, 0.0]),
        ..query("🚪")
    };
    assert_eq!(store.search(&picture).unwrap().hits.len(), 5);
}

#[test]
fn ties_are_broken_by_source_then_start() {
    let (mut store, _folder) = store();
    for source in ["b", "a"] {
        seal(
            &mut store,
            source,
            &[row(2000, "ball"), row(1000, "ball"), row(0, "ball")],
        );
    }
    let hits = store
        .search(&Query {
            limit: 4,
            ..query("ball")
        })
        .unwrap()
        .hits;
    let got: Vec<_> = hits
        .iter()
        .map(|hit| (hit.source.as_str(), hit.start_ms))
        .collect();
    assert_eq!(got, [("a", 0), ("a", 1000), ("a", 2000), ("b", 0)]);
}

#[test]
fn a_search_sees_what_another_connection_sealed_since_the_last_one() {
    let (store, folder) = five_rows();
    assert!(found(&store, "dog").is_empty());
    let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
    other
        .seal("door", "p", Seal::of(&[row(6000, "a dog")], 7000))
        .unwrap();
    let hits = store.search(&query("dog")).unwrap();
    assert_eq!(
        (hits.hits[0].start_ms, hits.complete_through_ms["door"]),
        (6000, 7000)
    );
}

#[test]
fn a_source_that_was_removed_since_the_last_search_is_unknown() {
    let (mut store, _folder) = five_rows();
    seal(&mut store, "yard", &[row(0, "a ball")]);
    let of_yard = Query {
        filter: Filter {
            sources: vec!["yard".to_owned()],
            ..Filter::default()
        },
        ..query("ball")
    };
    assert_eq!(store.search(&of_yard).unwrap().hits.len(), 1);
    assert!(remove_source(&mut store, "yard"));
    let refused = store.search(&of_yard).unwrap_err().to_string();
    assert!(refused.contains("no source \"yard\""), "{refused}");
}
