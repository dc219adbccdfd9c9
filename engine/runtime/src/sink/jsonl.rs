//! Writes one record a line, as JSON; several sources may share a file.

use atom_index::QueryEvent;
use atom_operators::printable::printable_json;

use super::{error::SinkError, output_file::OutputFile, result_record::Record, sink_trait::Sink};

/// A sink of JSON lines; it holds nothing back.
pub(super) struct Jsonl {
    output: OutputFile,
}

impl Jsonl {
    pub(super) fn start(output: OutputFile) -> Self {
        Self { output }
    }
}

impl Sink for Jsonl {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        let json = serde_json::to_string(record)
            .expect("a record has only texts and numbers, which JSON can hold");
        self.output.write(&format!("{}\n", printable_json(&json)))
    }

    fn query_event(&mut self, event: &QueryEvent) -> Result<(), SinkError> {
        self.output.write(&format!("{}\n", event.json()))
    }

    fn refresh(&mut self) -> Result<(), SinkError> {
        self.output.refresh()
    }

    fn finish(&mut self, complete: bool) -> Result<(), SinkError> {
        self.output.finish(complete)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{
        sink_format::Format,
        test_records::{answer, caption, written},
    };

    #[test]
    fn each_record_is_one_line_in_order_of_arrival_whatever_its_text() {
        let records = [
            answer(0, 4000, "visitor", "No.\nReally."),
            caption(0, 4000, "\u{2028}"),
        ];
        let file = written(Format::Jsonl, &records);
        let lines: Vec<Value> = file
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (&lines[0]["kind"], &lines[0]["text"]),
            (&"answer".into(), &"No.\nReally.".into())
        );
        assert_eq!(
            (&lines[1]["kind"], &lines[1]["end_ms"]),
            (&"caption".into(), &4000.into())
        );
    }
}
