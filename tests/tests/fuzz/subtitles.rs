//! Subtitles: whatever a caption says and whenever it is shown, strict parsers read the file.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use atom_operators::printable::is_unprintable;
use atom_runtime::sink::{AnsweredQuestion, Format, Record, RecordKind, over};
use atom_tests::{
    program::workspace,
    subtitle_parsers::{Cue, assert_in_order, srt, webvtt},
};
use proptest::{collection::vec, prelude::*};

use crate::{
    cases,
    edited_text::{any_text, edited},
};

const FRAGMENTS: &[&str] = &[
    "-->",
    "--->",
    "->",
    "00:00:01.000 --> 00:00:02.000",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{b}",
    "\u{c}",
    "\u{0}",
    "\u{1b}[31m",
    "<b>",
    "</c>",
    "<00:00:01.000>",
    "&",
    "&amp;",
    "&lt;",
    "{\\an8}",
    "NOTE",
    "STYLE",
    "WEBVTT",
    "1",
    " ",
    "\t",
    "\u{a0}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "😀",
];

/// A record, from the pause before it, its length, its text and whether it is an answer.
type Part = (u64, u64, String, bool);

fn parts(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<Part>> {
    vec((0u64..9000, 0u64..9000, text, any::<bool>()), 1..8)
}

/// The output of a sink, kept in memory.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn records(parts: &[Part]) -> Vec<Record> {
    let mut start_ms = 0;
    let record = |(pause, length, text, is_answer): &Part| {
        start_ms += pause;
        let question = AnsweredQuestion {
            node: "visitor".to_owned(),
            ask: "Is a person at the door?".to_owned(),
            probability: None,
            rests_on: Vec::new(),
        };
        Record {
            source: "door".to_owned(),
            start_ms,
            end_ms: start_ms + length,
            text: text.clone(),
            pack: "mini".to_owned(),
            kind: match is_answer {
                true => RecordKind::Answer(question),
                false => RecordKind::Caption,
            },
            start_time: None,
        }
    };
    parts.iter().map(record).collect()
}

/// Returns the file that a sink writes for some records.
fn written(format: Format, records: &[Record]) -> String {
    let written = Written::default();
    let mut sink = over(format, Box::new(written.clone()), "out", &["door"]).unwrap();
    for record in records {
        sink.write(record).unwrap();
    }
    sink.finish(true).unwrap();
    let bytes = written.0.lock().unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

fn assert_readable(parts: &[Part]) {
    let records = records(parts);
    let shown = |text: &str| {
        text.chars()
            .any(|c| !c.is_whitespace() && !is_unprintable(c))
    };
    let any_text = records.iter().any(|record| shown(&record.text));
    let check = |cues: &[Cue]| {
        assert_eq!(!cues.is_empty(), any_text, "{records:?}");
        if any_text {
            assert_in_order(cues, u64::MAX);
        }
    };
    check(&webvtt(&written(Format::WebVtt, &records)));
    let cues = srt(&written(Format::Srt, &records));
    check(&cues);
    assert!(cues.iter().all(|cue| !cue.text.contains("-->")), "{cues:?}");
}

fn seeds() -> Vec<String> {
    let path = workspace().join("tests/corpus/captions.json");
    let texts = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&texts).unwrap()
}

#[test]
fn subtitles_of_the_corpus_of_captions_are_read_by_strict_parsers() {
    for text in seeds() {
        assert_readable(&[(0, 4000, text.clone(), false)]);
        assert_readable(&[(0, 4000, text.clone(), false), (1000, 9000, text, true)]);
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn subtitles_of_any_text_are_read_by_strict_parsers(parts in parts(any_text(FRAGMENTS))) {
        assert_readable(&parts);
    }

    #[test]
    fn subtitles_of_edited_captions_are_read_by_strict_parsers(parts in parts(edited(seeds(), FRAGMENTS))) {
        assert_readable(&parts);
    }
}
