//! Tests of the maintainer over a store that changes in every way.

use std::{path::Path, sync::Arc};

use atom_models::Pack;
use atom_operators::standing::query::QuerySpec;
use rusqlite::Connection;

use super::*;
use crate::catalog::reconcile::{DiscoveredFile, Reconciliation};
use crate::row::{Row, Seal};
use crate::testing::{remove_source, start_at, store};

fn maintainer(store: &Store) -> StandingQueryMaintainer {
    let pack = Pack::open("fake").unwrap();
    let text = pack.text(Arc::default()).unwrap();
    let store = Store::open(store.path()).unwrap();
    StandingQueryMaintainer::new(store, Some(PackScorer::new(&pack, text)))
}

/// A segment that is so much red, and for the rest green.
fn row(start_ms: u64, red: f32) -> Row {
    Row {
        start_ms,
        end_ms: start_ms + 1000,
        tags: if red > 0.5 { "red" } else { "green; maybe red" }.to_owned(),
        answers: vec![("Is it red?".to_owned(), format!("{}", red > 0.5))],
        embedding: vec![red, 1.0 - red, 0.0, 0.0, 0.0],
        ..Row::default()
    }
}

/// Seals rows of the fake pack.
fn seal(store: &mut Store, source: &str, rows: &[Row]) {
    let pack = "fake-1-00000000";
    store.begin(source, pack).unwrap();
    let through = rows.iter().map(|row| row.end_ms).max().unwrap_or(0);
    store.seal(source, pack, Seal::of(rows, through)).unwrap();
}

fn starts(store: &Store, query: &str) -> Vec<(String, u64)> {
    let matches = store.matches(query).unwrap().into_iter();
    let mut starts: Vec<_> = matches
        .map(|found| (found.segment.source, found.segment.start_ms))
        .collect();
    starts.sort();
    starts
}

fn events(store: &Store) -> usize {
    store.events(0, 100_000).unwrap().len()
}

#[test]
fn a_new_query_is_scored_against_each_stored_segment_once_and_then_new_ones() {
    let (mut store, _folder) = store();
    let mut maintainer = maintainer(&store);
    seal(&mut store, "door", &[row(0, 1.0), row(1000, 0.0)]);
    maintainer.step().unwrap();
    store.add_query("red", &QuerySpec::new("red")).unwrap();
    seal(&mut store, "door", &[row(2000, 0.9)]);
    maintainer.step().unwrap();
    seal(&mut store, "door", &[row(3000, 0.8), row(4000, 0.2)]);
    maintainer.step().unwrap();
    let door = |start: u64| ("door".to_owned(), start);
    assert_eq!(starts(&store, "red"), [door(0), door(2000), door(3000)]);
    assert_eq!(events(&store), 3);
    assert!(!maintainer.step().unwrap() || events(&store) == 3);
}

#[test]
fn a_restarted_program_finds_the_same_and_repeats_no_event() {
    let (mut store, _folder) = store();
    store
        .add_query(
            "red",
            &QuerySpec {
                best: 2,
                ..QuerySpec::new("red")
            },
        )
        .unwrap();
    seal(&mut store, "door", &[row(0, 0.7), row(1000, 0.8)]);
    maintainer(&store).step().unwrap();
    let before = (starts(&store, "red"), events(&store));
    for _ in 0..3 {
        maintainer(&store).step().unwrap();
    }
    assert_eq!((starts(&store, "red"), events(&store)), before);
    // Rows added while no program ran are found by the next one.
    seal(&mut store, "door", &[row(2000, 0.9)]);
    maintainer(&store).step().unwrap();
    assert_eq!(
        starts(&store, "red"),
        [("door".to_owned(), 1000), ("door".to_owned(), 2000)]
    );
    assert_eq!(events(&store), before.1 + 2);
}

#[test]
fn a_step_that_finds_nothing_new_writes_nothing() {
    let (mut store, _folder) = store();
    store.add_query("red", &QuerySpec::new("red")).unwrap();
    seal(&mut store, "door", &[row(0, 1.0)]);
    let mut maintainer = maintainer(&store);
    maintainer.step().unwrap();
    let before = store.data_version().unwrap();
    for _ in 0..3 {
        maintainer.step().unwrap();
    }
    assert_eq!(store.data_version().unwrap(), before);
}

#[test]
fn rows_of_a_later_pack_are_scored_and_a_missing_pack_removes_nothing() {
    let (mut store, _folder) = store();
    store.add_query("red", &QuerySpec::new("red")).unwrap();
    let mut maintainer = StandingQueryMaintainer::new(Store::open(store.path()).unwrap(), None);
    maintainer.step().unwrap();
    seal(&mut store, "door", &[row(0, 1.0)]);
    maintainer.step().unwrap();
    seal(&mut store, "door", &[row(1000, 1.0)]);
    maintainer.step().unwrap();
    store.begin("barn", "missing-1-0").unwrap();
    let rows = [row(0, 1.0)];
    store
        .seal("barn", "missing-1-0", Seal::of(&rows, 1000))
        .unwrap();
    maintainer.step().unwrap();
    let door = |start: u64| ("door".to_owned(), start);
    assert_eq!(starts(&store, "red"), [door(0), door(1000)]);
    assert_eq!(events(&store), 2);
}

#[test]
fn a_pack_and_a_query_added_between_two_steps_leave_older_queries_alone() {
    let (mut store, _folder) = store();
    store.add_query("red", &QuerySpec::new("red")).unwrap();
    let mut maintainer = StandingQueryMaintainer::new(Store::open(store.path()).unwrap(), None);
    maintainer.step().unwrap();
    store.add_query("green", &QuerySpec::new("green")).unwrap();
    seal(&mut store, "door", &[row(0, 1.0), row(1000, 0.0)]);
    maintainer.step().unwrap();
    let door = |start: u64| ("door".to_owned(), start);
    assert_eq!(starts(&store, "red"), [door(0)]);
    assert_eq!(starts(&store, "green"), [door(1000)]);
}

#[test]
fn a_recording_that_is_replaced_by_a_shorter_one_is_not_too_old() {
    let (mut store, _folder) = store();
    let red = QuerySpec {
        within_seconds: Some(5),
        ..QuerySpec::new("red")
    };
    store.add_query("red", &red).unwrap();
    let (mut maintainer, mut began_before) = (maintainer(&store), maintainer(&store));
    let mut replace = |store: &mut Store, content: &str, rows: &[Row]| {
        let file = DiscoveredFile {
            name: "film",
            path: Path::new("film"),
            content_digest: content,
            change_stamp: "",
            start: None,
            grown_from: &|_| false,
            exists: &|_| true,
            has_content: &|_, _| true,
        };
        let outcome = store.reconcile(&file).unwrap().outcome;
        seal(store, "film", rows);
        maintainer.step().unwrap();
        outcome
    };
    replace(&mut store, "long", &[row(0, 1.0), row(100_000, 1.0)]);
    began_before.step().unwrap();
    assert_eq!(starts(&store, "red"), [("film".to_owned(), 100_000)]);
    let outcome = replace(&mut store, "short", &[row(0, 0.0), row(1000, 1.0)]);
    assert_eq!(outcome, Reconciliation::Replaced);
    assert_eq!(starts(&store, "red"), [("film".to_owned(), 1000)]);
    // A maintainer that saw the long recording and a new one agree.
    began_before.step().unwrap();
    self::maintainer(&store).step().unwrap();
    assert_eq!(starts(&store, "red"), [("film".to_owned(), 1000)]);
    assert_eq!(events(&store), 3);
}

#[test]
fn matches_that_could_not_be_written_are_written_by_the_next_step() {
    let (mut store, folder) = store();
    store.add_query("red", &QuerySpec::new("red")).unwrap();
    seal(&mut store, "door", &[row(0, 1.0)]);
    let mut maintainer = maintainer(&store);
    maintainer.step().unwrap();
    seal(&mut store, "door", &[row(1000, 1.0)]);
    let held = Connection::open(folder.path().join("atom.db")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    maintainer
        .store
        .connection
        .busy_timeout(std::time::Duration::ZERO)
        .unwrap();
    assert!(maintainer.step().is_err());
    held.execute_batch("ROLLBACK").unwrap();
    maintainer.step().unwrap();
    assert_eq!((starts(&store, "red").len(), events(&store)), (2, 2));
}

#[test]
fn two_programs_over_one_store_write_each_event_once() {
    let (mut store, _folder) = store();
    store.add_query("red", &QuerySpec::new("red")).unwrap();
    let (mut one, mut two) = (maintainer(&store), maintainer(&store));
    for start in 0..20 {
        let red = if start % 3 == 2 { 1.0 } else { 0.0 };
        seal(&mut store, "door", &[row(start * 1000, red)]);
        one.step().unwrap();
        if start % 2 == 0 {
            two.step().unwrap();
        }
        one.step().unwrap();
    }
    two.step().unwrap();
    assert_eq!((events(&store), starts(&store, "red").len()), (6, 6));
}

#[test]
fn segments_older_than_the_window_leave_when_a_newer_one_comes() {
    let (mut store, _folder) = store();
    let hour = QuerySpec {
        within_seconds: Some(3600),
        ..QuerySpec::new("red")
    };
    store.add_query("red", &hour).unwrap();
    store
        .set_start("door", start_at(1_000_000_000_000))
        .unwrap();
    let mut maintainer = maintainer(&store);
    let mut come = |start: u64| {
        seal(&mut store, "door", &[row(start, 1.0)]);
        maintainer.step().unwrap();
        starts(&store, "red")
            .into_iter()
            .map(|(_, start)| start)
            .collect::<Vec<_>>()
    };
    assert_eq!(come(0), [0]);
    assert_eq!(come(3_000_000), [0, 3_000_000]);
    assert_eq!(come(4_000_000), [3_000_000, 4_000_000]);
    // Late, and too old already.
    assert_eq!(come(100_000), [3_000_000, 4_000_000]);
}

#[test]
fn a_clock_that_was_ahead_and_jumps_back_does_not_end_a_query() {
    let (mut store, _folder) = store();
    let hour = QuerySpec {
        within_seconds: Some(3600),
        ..QuerySpec::new("red")
    };
    store.add_query("red", &hour).unwrap();
    let now = Timestamp::now().as_millisecond();
    let ahead = start_at(now + 1_000_000_000_000);
    store.set_start("wrong", ahead).unwrap();
    store.set_start("right", start_at(now)).unwrap();
    seal(&mut store, "wrong", &[row(0, 1.0)]);
    let mut first = maintainer(&store);
    first.step().unwrap();
    seal(&mut store, "right", &[row(0, 1.0)]);
    first.step().unwrap();
    assert_eq!(starts(&store, "red").len(), 2);
}

/// Changes a store at random in every way there is.
fn change(store: &mut Store, chance: &mut fastrand::Rng) {
    let source = ["door", "barn", "yard"][chance.usize(0..3)];
    let at = |chance: &mut fastrand::Rng| chance.u64(0..40) * 400_000;
    match chance.u8(0..14) {
        0 => drop(remove_source(store, source)),
        1 => store
            .set_start(source, start_at(chance.i64(0..3) * 10_000_000))
            .unwrap(),
        2 => {
            let end = at(chance);
            seal(store, source, &[]);
            store.finish(source, "fake-1-00000000", end).unwrap();
        }
        3 => drop(store.begin(source, "other-1-00000000").unwrap()),
        4 | 5 => {
            let spec = QuerySpec {
                best: chance.u32(1..5),
                within_seconds: chance.bool().then_some(5000),
                sources: if chance.bool() {
                    vec![]
                } else {
                    vec!["*r*".to_owned()]
                },
                ..QuerySpec::new(["red", "green"][chance.usize(0..2)])
            };
            let name = ["a", "b", "c"][chance.usize(0..3)];
            store.add_query(name, &spec).unwrap();
        }
        6 => {
            let _ = store.remove_query(["a", "b", "c"][chance.usize(0..3)]);
        }
        _ => {
            let rows: Vec<_> = (0..chance.usize(1..4))
                .map(|_| row(at(chance), chance.f32()))
                .collect();
            seal(store, source, &rows);
        }
    }
}

#[test]
fn the_state_is_what_a_newly_started_program_reaches() {
    let (mut store, _folder) = store();
    let mut kept = maintainer(&store);
    let mut chance = fastrand::Rng::with_seed(11);
    let mut most = 0;
    for step in 0..400 {
        change(&mut store, &mut chance);
        kept.step().unwrap();
        let mut anew = maintainer(&store);
        anew.update().unwrap();
        anew.segments.settle();
        assert_eq!(
            kept.segments.all_best(),
            anew.segments.all_best(),
            "step {step}"
        );
        let all = Filter::default();
        assert_eq!(kept.counts(&all), anew.counts(&all), "step {step}");
        most = most.max(kept.segments.all_best().len());
    }
    assert!(most > 5, "{most}");
}
