//! Tests of the retention policy.

use atom_operators::qa::archive::{CoverageGap, GapReason};
use atom_operators::retention::RetentionPolicy;

use crate::row::{Gap, Row, Seal};
use crate::store::Store;
use crate::testing::{found, incomplete, row, seal, start_at, store};

const HOUR_MS: i64 = 3_600_000;

fn policy(text: &str) -> RetentionPolicy {
    text.parse().unwrap()
}

fn rows(seconds: std::ops::Range<u64>) -> Vec<Row> {
    let each = seconds.map(|second| row(second * 1000, &format!("word{second}")));
    each.collect()
}

/// Removes everything that exceeds the policy, and returns how many segments.
fn expire(store: &mut Store, text: &str, now_ms: i64) -> usize {
    let mut all = 0;
    loop {
        match store.expire(&policy(text), now_ms).unwrap() {
            0 => return all,
            removed => all += removed,
        }
    }
}

fn left(store: &Store) -> Vec<(String, u64)> {
    let rows = store.rows(None, None, None).unwrap();
    rows.into_iter()
        .map(|r| (r.source, r.row.start_ms))
        .collect()
}

fn missing(store: &Store, source: &str) -> Vec<(u64, Option<u64>, GapReason)> {
    let missing = incomplete(store, source, None, Some(60_000));
    let brief = |part: CoverageGap| (part.from_ms, part.to_ms, part.why);
    missing
        .into_iter()
        .map(brief)
        .filter(|part| part.2 != GapReason::Waiting)
        .collect()
}

fn number(store: &Store, question: &str) -> i64 {
    store
        .connection
        .query_row(question, [], |row| row.get(0))
        .unwrap()
}

#[test]
fn a_segment_is_removed_when_its_end_is_older_than_the_age() {
    let (mut store, _folder) = store();
    seal(&mut store, "door", &rows(0..4), 4000);
    store.set_start("door", start_at(10 * HOUR_MS)).unwrap();
    let at = |ms| 11 * HOUR_MS + ms;
    assert_eq!(expire(&mut store, "1h", at(1000)), 0, "just as old");
    assert_eq!(expire(&mut store, "1h", at(2001)), 2);
    assert_eq!(
        left(&store),
        [("door".to_owned(), 2000), ("door".to_owned(), 3000)]
    );
    assert_eq!(
        missing(&store, "door"),
        [(0, Some(2000), GapReason::Expired)]
    );
    assert_eq!(
        expire(&mut store, "1h", at(-5 * HOUR_MS)),
        0,
        "a clock that jumps back"
    );
    assert_eq!(
        expire(&mut store, "1h", i64::MAX),
        2,
        "a clock that is far ahead"
    );
    assert_eq!(
        missing(&store, "door"),
        [(0, Some(4000), GapReason::Expired)]
    );
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn a_source_without_a_start_time_has_no_age() {
    let (mut store, _folder) = store();
    seal(&mut store, "door", &rows(0..2), 2000);
    seal(&mut store, "yard", &rows(0..2), 2000);
    store.set_start("yard", start_at(0)).unwrap();
    assert_eq!(expire(&mut store, "1min", 100 * HOUR_MS), 2);
    assert_eq!(
        left(&store),
        [("door".to_owned(), 0), ("door".to_owned(), 1000)]
    );
    assert_eq!(missing(&store, "door"), []);
}

#[test]
fn too_many_segments_lose_those_written_first_with_all_that_belongs_to_them() {
    let (mut store, _folder) = store();
    let pictured = Row {
        thumbnail: b"jpeg".to_vec(),
        ..row(0, "ball")
    };
    seal(&mut store, "door", &[pictured], 1000);
    seal(&mut store, "yard", &rows(0..2), 2000);
    seal(&mut store, "door", &rows(1..3), 3000);
    let changes = number(&store, "SELECT max(n) FROM changes");
    assert_eq!(expire(&mut store, "3 segments", 0), 2);
    let kept = [("door", 1000), ("door", 2000), ("yard", 1000)];
    assert_eq!(
        left(&store),
        kept.map(|(source, start)| (source.to_owned(), start))
    );
    assert_eq!(
        missing(&store, "door"),
        [(0, Some(1000), GapReason::Expired)]
    );
    assert_eq!(
        missing(&store, "yard"),
        [(0, Some(1000), GapReason::Expired)]
    );
    assert!(found(&store, "ball").is_empty());
    assert_eq!(number(&store, "SELECT count(*) FROM thumbnails"), 0);
    assert_eq!(number(&store, "SELECT max(n) FROM changes"), changes + 2);
    let through: Vec<_> = store
        .sources()
        .unwrap()
        .iter()
        .map(|s| s.sealed_ms)
        .collect();
    assert_eq!(through, [3000, 2000], "complete through what it was");
    assert_eq!(store.check().unwrap(), []);
}

#[test]
fn removed_segments_form_one_stretch_that_grows_and_absorbs_other_gaps() {
    let (mut store, _folder) = store();
    store.begin("door", "p").unwrap();
    for second in (0..30).step_by(3) {
        let lost = Gap {
            start_ms: second * 1000 + 1000,
            end_ms: None,
            why: GapReason::Lost,
        };
        let sealed = Seal {
            rows: &rows(second..second + 1),
            gaps: &[lost],
            sealed_ms: (second + 1) * 1000,
        };
        store.seal("door", "p", sealed).unwrap();
        expire(&mut store, "2 segments", 0);
    }
    let expected = [
        (0, Some(22_000), GapReason::Expired),
        (22_000, Some(60_000), GapReason::Lost),
    ];
    assert_eq!(missing(&store, "door"), expected);
    assert_eq!(number(&store, "SELECT count(*) FROM gaps"), 4);
}

#[test]
fn a_resumed_run_does_not_write_expired_rows_again() {
    let (mut store, _folder) = store();
    seal(&mut store, "door", &rows(0..4), 4000);
    expire(&mut store, "1 segment", 0);
    // It begins at a multiple of the segments' length before what is sealed, and a failure may stand there by now.
    let failed = Gap {
        start_ms: 0,
        end_ms: Some(1000),
        why: GapReason::Failed,
    };
    let again = Seal {
        rows: &rows(0..6),
        gaps: &[failed],
        sealed_ms: 6000,
    };
    store.seal("door", "p", again).unwrap();
    store.finish("door", "p", 6000).unwrap();
    let starts: Vec<_> = left(&store).into_iter().map(|(_, start)| start).collect();
    assert_eq!(starts, [3000, 4000, 5000]);
    assert_eq!(
        missing(&store, "door"),
        [(0, Some(3000), GapReason::Expired)]
    );
    assert!(store.begin("door", "p").unwrap().ended);
}

#[test]
fn a_restarted_run_writes_everything_again_until_it_expires_again() {
    let (mut store, _folder) = store();
    seal(&mut store, "door", &rows(0..4), 4000);
    expire(&mut store, "2 segments", 0);
    store.restart("door", "p").unwrap();
    store
        .seal("door", "p", Seal::of(&rows(0..2), 2000))
        .unwrap();
    assert_eq!(missing(&store, "door"), []);
    assert_eq!(
        expire(&mut store, "2 segments", 0),
        2,
        "those left over were written first"
    );
    assert_eq!(missing(&store, "door"), [], "and nobody misses them");
    store
        .seal("door", "p", Seal::of(&rows(2..4), 4000))
        .unwrap();
    store.finish("door", "p", 4000).unwrap();
    assert_eq!(expire(&mut store, "2 segments", 0), 2);
    assert_eq!(
        missing(&store, "door"),
        [(0, Some(2000), GapReason::Expired)]
    );
    assert_eq!(store.check().unwrap(), []);
}

/// Writes so many rows one by one into a store of a megabyte at most; how many stay, and how large its file became.
fn kept_of(count: u64, fill: impl Fn(Row, u64) -> Row) -> (usize, u64) {
    let (mut store, folder) = store();
    let mut largest_bytes = 0;
    for second in 0..count {
        let row = fill(row(second * 1000, "x"), second);
        seal(&mut store, "door", &[row], second * 1000 + 1000);
        expire(&mut store, "1MB", 0);
        let file = std::fs::metadata(folder.path().join("atom.db")).unwrap();
        largest_bytes = largest_bytes.max(file.len());
    }
    assert_eq!(left(&store).last().unwrap().1, (count - 1) * 1000);
    assert_eq!(store.check().unwrap(), []);
    (left(&store).len(), largest_bytes)
}

#[test]
fn a_store_that_is_too_large_loses_segments_until_it_fits_and_stops_growing() {
    let (kept, largest_bytes) = kept_of(200, |row, _| Row {
        thumbnail: vec![7; 20_000],
        ..row
    });
    assert!((20..50).contains(&kept), "{kept} with pictures");
    assert!(largest_bytes < 1_400_000, "{largest_bytes} bytes");
    let words = |n: u64| (0..40).map(move |k| format!("word{} ", n * 31 + k * 17));
    let (kept, largest_bytes) = kept_of(1200, |row, n| Row {
        caption: Some(words(n).collect()),
        embedding: vec![0.5; 384],
        ..row
    });
    assert!((100..1000).contains(&kept), "{kept} of words");
    assert!(largest_bytes < 1_400_000, "{largest_bytes} bytes");
}

#[test]
fn no_transaction_removes_more_than_a_thousand_segments() {
    let (mut store, _folder) = store();
    seal(&mut store, "door", &rows(0..2500), 2_500_000);
    let mut removed = Vec::new();
    loop {
        match store.expire(&policy("5 segments"), 0).unwrap() {
            0 => break,
            some => removed.push(some),
        }
    }
    assert_eq!(removed, [1000, 1000, 495]);
    assert_eq!(left(&store).len(), 5);
}

#[test]
fn a_recording_without_rows_is_fully_expired() {
    let (mut store, _folder) = store();
    for (source, seconds) in [("old", 0..2), ("new", 0..4)] {
        seal(&mut store, source, &rows(seconds), 4000);
        store.finish(source, "p", 4000).unwrap();
    }
    assert_eq!(expire(&mut store, "4 segments", 0), 2);
    assert!(store.is_fully_expired("old").unwrap() && !store.is_fully_expired("new").unwrap());
}
