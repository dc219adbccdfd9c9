//! Tests of matches and their events.

use atom_operators::standing::query::QuerySpec;

use super::super::watermarks::read_watermarks;
use super::*;
use crate::testing::{row, seal, store};

fn state(segment: i64, score: Option<u32>) -> MatchState {
    let span = SegmentSpan {
        source: "door".to_owned(),
        start_ms: segment.unsigned_abs() * 1000,
        end_ms: segment.unsigned_abs() * 1000 + 1000,
    };
    MatchState {
        query: 1,
        segment,
        best: score.map(|score| (score, span)),
        enter_score: 500_000,
    }
}

fn events(store: &Store) -> Vec<(MatchChange, u64)> {
    let events = store.events(0, 100).unwrap();
    events
        .iter()
        .map(|event| (event.event, event.segment.start_ms))
        .collect()
}

fn with_query() -> (Store, tempfile::TempDir) {
    let (mut store, folder) = store();
    seal(&mut store, "door", &[row(1000, "a van")], 2000);
    store.add_query("van", &QuerySpec::new("a van")).unwrap();
    (store, folder)
}

fn at(change: i64) -> MatchVersion {
    MatchVersion {
        change,
        revision: 1,
    }
}

/// Applies these states, with all packs scored.
fn apply(
    store: &mut Store,
    from: Option<MatchVersion>,
    to: MatchVersion,
    states: &[MatchState],
) -> ApplyOutcome {
    let delta = MatchDelta {
        from,
        to,
        states: states.to_vec(),
        watermarks: Vec::new(),
        can_score: &|_| true,
    };
    store.apply_matches(&delta).unwrap()
}

#[test]
fn an_event_is_written_once_however_often_a_delta_is_applied() {
    let (mut store, _folder) = with_query();
    let states = [state(1, Some(900_000)), state(2, Some(450_000))];
    for _ in 0..3 {
        assert_eq!(
            apply(&mut store, None, at(3), &states),
            ApplyOutcome::Applied
        );
    }
    assert_eq!(events(&store), [(MatchChange::Matched, 1000)]);
    let events = store.events(0, 9).unwrap();
    assert_eq!(events[0].text.as_deref(), Some("a van"));
    assert_eq!(
        (events[0].score, store.newest_event().unwrap()),
        (0.9, events[0].id)
    );
    assert!(store.events(events[0].id, 9).unwrap().is_empty());
}

#[test]
fn a_match_stays_while_it_is_among_the_best_and_leaves_once() {
    let (mut store, _folder) = with_query();
    let mut step =
        |from: i64, states: &[MatchState]| apply(&mut store, Some(at(from)), at(from + 1), states);
    let likely = [state(1, Some(900_000))];
    assert_eq!(step(7, &likely), ApplyOutcome::NeedsFull);
    assert_eq!(
        apply(&mut store, None, at(7), &likely),
        ApplyOutcome::Applied
    );
    let mut step =
        |from: i64, states: &[MatchState]| apply(&mut store, Some(at(from)), at(from + 1), states);
    // Below the enter score, but still among the best: it stays.
    assert_eq!(step(7, &[state(1, Some(420_000))]), ApplyOutcome::Applied);
    step(8, &[state(1, None)]);
    step(9, &[state(1, None)]);
    step(10, &[state(1, Some(420_000))]);
    assert_eq!(
        events(&store),
        [(MatchChange::Matched, 1000), (MatchChange::Left, 1000)]
    );
    assert!(store.matches("van").unwrap().is_empty());
}

#[test]
fn a_program_that_is_behind_writes_nothing() {
    let (mut store, _folder) = with_query();
    apply(&mut store, None, at(9), &[state(1, Some(900_000))]);
    assert_eq!(apply(&mut store, None, at(8), &[]), ApplyOutcome::Behind);
    assert_eq!(store.matches("van").unwrap().len(), 1);
    assert_eq!(apply(&mut store, None, at(9), &[]), ApplyOutcome::Applied);
    assert_eq!(events(&store).len(), 2);
}

#[test]
fn a_reused_row_id_is_another_segment() {
    let (mut store, _folder) = with_query();
    apply(&mut store, None, at(1), &[state(1, Some(900_000))]);
    let mut other = state(1, Some(800_000));
    other.best.as_mut().unwrap().1.start_ms = 500;
    apply(&mut store, None, at(2), &[other]);
    assert_eq!(
        events(&store),
        [
            (MatchChange::Matched, 1000),
            (MatchChange::Left, 1000),
            (MatchChange::Matched, 500)
        ]
    );
}

#[test]
fn a_removed_query_removes_its_matches_without_an_event() {
    let (mut store, _folder) = with_query();
    apply(&mut store, None, at(1), &[state(1, Some(900_000))]);
    store.remove_query("van").unwrap();
    let later = MatchVersion {
        change: 2,
        revision: 2,
    };
    apply(&mut store, None, later, &[state(2, Some(900_000))]);
    assert_eq!(events(&store).len(), 1);
}

#[test]
fn matches_of_a_pack_that_cannot_be_scored_are_left_as_they_are() {
    let (mut store, _folder) = with_query();
    apply(&mut store, None, at(1), &[state(1, Some(900_000))]);
    let mut delta = MatchDelta {
        from: None,
        to: at(2),
        states: Vec::new(),
        watermarks: Vec::new(),
        can_score: &|_| false,
    };
    store.apply_matches(&delta).unwrap();
    assert_eq!(events(&store), [(MatchChange::Matched, 1000)]);
    delta.can_score = &|_| true;
    store.apply_matches(&delta).unwrap();
    assert_eq!(
        events(&store),
        [(MatchChange::Matched, 1000), (MatchChange::Left, 1000)]
    );
}

#[test]
fn only_the_watermark_of_wall_time_never_goes_back() {
    let (mut store, _folder) = with_query();
    let mut save = |watermarks: &[(&str, Option<i64>)]| {
        let watermarks = watermarks
            .iter()
            .map(|(timeline, at)| ((*timeline).to_owned(), *at));
        let delta = MatchDelta {
            from: None,
            to: at(1),
            states: Vec::new(),
            watermarks: watermarks.collect(),
            can_score: &|_| true,
        };
        store.apply_matches(&delta).unwrap();
    };
    save(&[("", Some(9)), ("film", Some(9)), ("gone", Some(9))]);
    save(&[("", Some(5)), ("film", Some(5)), ("gone", None)]);
    let stored = [(String::new(), 9), ("film".to_owned(), 5)];
    assert_eq!(read_watermarks(&store.connection).unwrap(), stored);
}
