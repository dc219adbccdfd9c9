//! What holds of matches and their events.

use atom_operators::standing::query::QuerySpec;

use super::super::testing::{row, seal, store};
use super::*;

fn stand(segment: i64, score: Option<u32>) -> Stand {
    let place = Place {
        source: "door".to_owned(),
        start_ms: segment.unsigned_abs() * 1000,
        end_ms: segment.unsigned_abs() * 1000 + 1000,
    };
    Stand {
        query: 1,
        segment,
        found: score.map(|score| (score, place)),
        enters: 500_000,
    }
}

fn told(store: &Store) -> Vec<(Became, u64)> {
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

fn at(change: i64) -> Kept {
    Kept {
        change,
        revision: 1,
    }
}

/// Hands these over, with all packs weighed.
fn settle(store: &mut Store, from: Option<Kept>, to: Kept, stands: &[Stand]) -> Settling {
    let handover = Handover {
        from,
        to,
        stands: stands.to_vec(),
        lines: Vec::new(),
        weighed: &|_| true,
    };
    store.settle(&handover).unwrap()
}

#[test]
fn an_event_is_written_once_however_often_the_same_is_handed_over() {
    let (mut store, _folder) = with_query();
    let stands = [stand(1, Some(900_000)), stand(2, Some(450_000))];
    for _ in 0..3 {
        assert_eq!(settle(&mut store, None, at(3), &stands), Settling::Done);
    }
    assert_eq!(told(&store), [(Became::Matched, 1000)]);
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
        |from: i64, stands: &[Stand]| settle(&mut store, Some(at(from)), at(from + 1), stands);
    let likely = [stand(1, Some(900_000))];
    assert_eq!(step(7, &likely), Settling::WantsAll);
    assert_eq!(settle(&mut store, None, at(7), &likely), Settling::Done);
    let mut step =
        |from: i64, stands: &[Stand]| settle(&mut store, Some(at(from)), at(from + 1), stands);
    // Below what begins to match, but still among the best: it stays.
    assert_eq!(step(7, &[stand(1, Some(420_000))]), Settling::Done);
    step(8, &[stand(1, None)]);
    step(9, &[stand(1, None)]);
    step(10, &[stand(1, Some(420_000))]);
    assert_eq!(
        told(&store),
        [(Became::Matched, 1000), (Became::Left, 1000)]
    );
    assert!(store.matches("van").unwrap().is_empty());
}

#[test]
fn who_is_behind_writes_nothing() {
    let (mut store, _folder) = with_query();
    settle(&mut store, None, at(9), &[stand(1, Some(900_000))]);
    assert_eq!(settle(&mut store, None, at(8), &[]), Settling::Behind);
    assert_eq!(store.matches("van").unwrap().len(), 1);
    assert_eq!(settle(&mut store, None, at(9), &[]), Settling::Done);
    assert_eq!(told(&store).len(), 2);
}

#[test]
fn a_number_that_is_given_again_is_another_segment() {
    let (mut store, _folder) = with_query();
    settle(&mut store, None, at(1), &[stand(1, Some(900_000))]);
    let mut other = stand(1, Some(800_000));
    other.found.as_mut().unwrap().1.start_ms = 500;
    settle(&mut store, None, at(2), &[other]);
    assert_eq!(
        told(&store),
        [
            (Became::Matched, 1000),
            (Became::Left, 1000),
            (Became::Matched, 500)
        ]
    );
}

#[test]
fn a_query_that_is_removed_takes_its_matches_along_without_an_event() {
    let (mut store, _folder) = with_query();
    settle(&mut store, None, at(1), &[stand(1, Some(900_000))]);
    store.remove_query("van").unwrap();
    let later = Kept {
        change: 2,
        revision: 2,
    };
    settle(&mut store, None, later, &[stand(2, Some(900_000))]);
    assert_eq!(told(&store).len(), 1);
}

#[test]
fn matches_of_a_pack_that_cannot_be_weighed_are_left_as_they_are() {
    let (mut store, _folder) = with_query();
    settle(&mut store, None, at(1), &[stand(1, Some(900_000))]);
    let mut handover = Handover {
        from: None,
        to: at(2),
        stands: Vec::new(),
        lines: Vec::new(),
        weighed: &|_| false,
    };
    store.settle(&handover).unwrap();
    assert_eq!(told(&store), [(Became::Matched, 1000)]);
    handover.weighed = &|_| true;
    store.settle(&handover).unwrap();
    assert_eq!(
        told(&store),
        [(Became::Matched, 1000), (Became::Left, 1000)]
    );
}

#[test]
fn a_line_goes_back_only_if_it_is_not_that_of_the_clock() {
    let (mut store, _folder) = with_query();
    let mut keep = |lines: &[(&str, Option<i64>)]| {
        let lines = lines.iter().map(|(line, at)| ((*line).to_owned(), *at));
        let handover = Handover {
            from: None,
            to: at(1),
            stands: Vec::new(),
            lines: lines.collect(),
            weighed: &|_| true,
        };
        store.settle(&handover).unwrap();
    };
    keep(&[("", Some(9)), ("film", Some(9)), ("gone", Some(9))]);
    keep(&[("", Some(5)), ("film", Some(5)), ("gone", None)]);
    let kept = [(String::new(), 9), ("film".to_owned(), 5)];
    assert_eq!(newest(&store.connection).unwrap(), kept);
}
