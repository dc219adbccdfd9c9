//! Records for the tests of sinks, and the files that sinks write for them.

use std::{fs, path::Path};

use tempfile::tempdir;

use super::{
    output_file::WriteMode,
    result_record::{AnsweredQuestion, Record, RecordKind},
    sink_format::{Format, open},
};

/// Returns a caption of the source `door`.
pub(super) fn caption(start_ms: u64, end_ms: u64, text: &str) -> Record {
    Record {
        source: "door".to_owned(),
        start_ms,
        end_ms,
        text: text.to_owned(),
        pack: "mini".to_owned(),
        kind: RecordKind::Caption,
        start_time: None,
    }
}

/// Returns an answer to the question of a node.
pub(super) fn answer(start_ms: u64, end_ms: u64, node: &str, text: &str) -> Record {
    let question = AnsweredQuestion {
        node: node.to_owned(),
        ask: "Is a person at the door?".to_owned(),
        probability: None,
        rests_on: Vec::new(),
    };
    Record {
        kind: RecordKind::Answer(question),
        ..caption(start_ms, end_ms, text)
    }
}

/// Returns the file that a sink writes for some records.
pub(super) fn written(format: Format, records: &[Record]) -> String {
    let folder = tempdir().unwrap();
    let path = folder.path().join("out");
    fill(format, &path, records);
    fs::read_to_string(path).unwrap()
}

fn fill(format: Format, path: &Path, records: &[Record]) {
    let mut sink = open(format, (path, &WriteMode::Replace), &["door"]).unwrap();
    for record in records {
        sink.write(record).unwrap();
    }
    sink.finish(true).unwrap();
}
