//! Tests of the open windows, with plain values.

use super::*;

const SOURCE: SourceId = SourceId::new(0);

fn at(seconds: u64) -> MediaTime {
    MediaTime::from_millis(seconds * 1000)
}

#[test]
fn a_caption_may_come_before_its_segment() {
    let mut minutes = OpenWindows::new(60_000, false);
    let part = |from, to| (at(from), at(to));
    let early = minutes.add_sentence(SOURCE, (at(0), part(0, 4)), Some("a.".to_owned()));
    assert_eq!(early, None);
    assert!(minutes.expect(SOURCE, part(0, 4)).is_empty());
    assert_eq!(minutes.close(SOURCE, u64::MAX), [0]);
    assert_eq!(minutes.take(SOURCE, 0).unwrap().text(), "a.");
}

#[test]
fn a_minute_is_complete_when_it_is_over_and_has_all_its_captions() {
    let mut minutes = OpenWindows::new(60_000, false);
    let part = |from, to| (at(from), at(to));
    assert!(minutes.expect(SOURCE, part(0, 30)).is_empty());
    assert!(minutes.expect(SOURCE, part(30, 60)).is_empty());
    let sentence = |text: &str| Some(text.to_owned());
    assert_eq!(
        minutes.add_sentence(SOURCE, (at(30), part(30, 60)), sentence("b.")),
        None
    );
    assert_eq!(minutes.expect(SOURCE, part(60, 64)), [0]);
    assert_eq!(minutes.take(SOURCE, 0), None);
    let complete = minutes.add_sentence(SOURCE, (at(0), part(0, 30)), sentence("a."));
    let (number, window) = complete.unwrap();
    assert_eq!((number, window.text()), (0, "a. b.".to_owned()));
    assert_eq!((window.start, window.end, window.parts), (at(0), at(60), 2));
    assert_eq!(
        minutes.add_sentence(SOURCE, (at(60), part(61, 63)), None),
        None
    );
    assert_eq!(minutes.close(SOURCE, u64::MAX), [1]);
    let silent = minutes.take(SOURCE, 1).unwrap();
    assert_eq!(
        (silent.text(), silent.start, silent.end),
        (String::new(), at(61), at(63))
    );
    assert!(minutes.open.is_empty());
}
