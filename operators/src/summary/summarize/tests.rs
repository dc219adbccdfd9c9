//! Tests of the open windows, with plain values.

use super::*;

const SOURCE: SourceId = SourceId::new(0);

fn at(seconds: u64) -> MediaTime {
    MediaTime::from_millis(seconds * 1000)
}

/// A moment with a caption.
fn moments(caption: &str) -> Vec<Moment> {
    vec![Moment {
        caption: Some(caption.to_owned()),
        ..Moment::default()
    }]
}

/// Returns the captions of a window.
fn captions(window: &SummaryWindow) -> Vec<&str> {
    let moments = window.moments.iter();
    moments
        .filter_map(|moment| moment.caption.as_deref())
        .collect()
}

#[test]
fn a_caption_may_come_before_its_segment() {
    let mut minutes = OpenWindows::new(60_000, false);
    let part = |from, to| (at(from), at(to));
    let early = minutes.add_moments(SOURCE, (at(0), part(0, 4)), moments("a."));
    assert_eq!(early, None);
    assert!(minutes.expect(SOURCE, part(0, 4)).is_empty());
    assert_eq!(minutes.close(SOURCE, u64::MAX), [0]);
    assert_eq!(captions(&minutes.take(SOURCE, 0).unwrap()), ["a."]);
}

#[test]
fn a_minute_is_complete_when_it_is_over_and_has_all_its_captions() {
    let mut minutes = OpenWindows::new(60_000, false);
    let part = |from, to| (at(from), at(to));
    assert!(minutes.expect(SOURCE, part(0, 30)).is_empty());
    assert!(minutes.expect(SOURCE, part(30, 60)).is_empty());
    assert_eq!(
        minutes.add_moments(SOURCE, (at(30), part(30, 60)), moments("b.")),
        None
    );
    assert_eq!(minutes.expect(SOURCE, part(60, 64)), [0]);
    assert_eq!(minutes.take(SOURCE, 0), None);
    let complete = minutes.add_moments(SOURCE, (at(0), part(0, 30)), moments("a."));
    let (number, window) = complete.unwrap();
    assert_eq!((number, captions(&window)), (0, vec!["a.", "b."]));
    assert_eq!((window.start, window.end, window.parts), (at(0), at(60), 2));
    assert_eq!(
        minutes.add_moments(SOURCE, (at(60), part(61, 63)), Vec::new()),
        None
    );
    assert_eq!(minutes.close(SOURCE, u64::MAX), [1]);
    let silent = minutes.take(SOURCE, 1).unwrap();
    assert_eq!((silent.start, silent.end), (at(61), at(63)));
    assert!(silent.text(5).is_err(), "no caption");
    assert!(minutes.open.is_empty());
}
