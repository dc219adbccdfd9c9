//! A result as it is written to files, standard output and event streams.
//!
//! The order of its keys in JSON is part of the format: `kind`, `source`, `start_ms`, `end_ms`, `text`, `pack`; for an answer then
//! `node`, `ask`, `probability` if the answer was one of several allowed, and `rests_on` if only changes are reported; for a summary
//! `node` and `span`. The `kind` of a caption that will be replaced is `draft`; if its replacement came too late, the draft becomes
//! a caption with `"final_from":"draft"`. For live sources, `start_utc`, the wall time of media time 0, comes last.

use atom_operators::utc::utc;
use jiff::Timestamp;
use serde::{
    Serialize,
    ser::{SerializeMap, Serializer},
};

/// A text about a span of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Name of the source.
    pub source: String,
    /// Media time of the start of the span, in milliseconds.
    pub start_ms: u64,
    /// Media time of the end of the span, in milliseconds.
    pub end_ms: u64,
    /// The text.
    pub text: String,
    /// Name of the pack that produced it.
    pub pack: String,
    /// Its kind.
    pub kind: RecordKind,
    /// For a live source, the wall time of media time 0.
    pub start_time: Option<Timestamp>,
}

/// The kind of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordKind {
    /// A caption of a segment.
    Caption,
    /// A caption that will be replaced by another one of the same source and start.
    Draft,
    /// A draft that became the caption, since the decoder's would have come too late.
    FromDraft,
    /// An answer about a segment.
    Answer(AnsweredQuestion),
    /// A summary of a minute or a longer span.
    Summary {
        /// Name of the summary node.
        node: String,
        /// True if it was made from shorter summaries, rather than from captions.
        span: bool,
    },
}

/// The question of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct AnsweredQuestion {
    /// Name of the reason node.
    pub node: String,
    /// Its text.
    pub ask: String,
    /// The probability of the answer among those allowed, 0 to 1; `None` for free text.
    pub probability: Option<f32>,
    /// If only changes are reported, start and end of the segments that agree on the answer, in milliseconds.
    pub rests_on: Vec<(u64, u64)>,
}

impl Record {
    /// Returns the `kind` in JSON: `caption`, `answer`, `summary` or `draft`.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            RecordKind::Draft => "draft",
            RecordKind::Caption | RecordKind::FromDraft => "caption",
            RecordKind::Answer(_) => "answer",
            RecordKind::Summary { .. } => "summary",
        }
    }

    /// Returns the name of the node that asked for it; `None` for a caption.
    pub fn node(&self) -> Option<&str> {
        match &self.kind {
            RecordKind::Draft | RecordKind::Caption | RecordKind::FromDraft => None,
            RecordKind::Answer(question) => Some(&question.node),
            RecordKind::Summary { node, .. } => Some(node),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_map(None)?;
        json.serialize_entry("kind", self.kind())?;
        json.serialize_entry("source", &self.source)?;
        json.serialize_entry("start_ms", &self.start_ms)?;
        json.serialize_entry("end_ms", &self.end_ms)?;
        json.serialize_entry("text", &self.text)?;
        json.serialize_entry("pack", &self.pack)?;
        if let Some(node) = self.node() {
            json.serialize_entry("node", node)?;
        }
        match &self.kind {
            RecordKind::Answer(question) => {
                json.serialize_entry("ask", &question.ask)?;
                if let Some(probability) = question.probability {
                    // More than three digits would not be significant.
                    let rounded = (f64::from(probability) * 1000.0).round() / 1000.0;
                    json.serialize_entry("probability", &rounded)?;
                }
                if !question.rests_on.is_empty() {
                    json.serialize_entry("rests_on", &question.rests_on)?;
                }
            }
            RecordKind::Summary { span, .. } => json.serialize_entry("span", span)?,
            RecordKind::FromDraft => json.serialize_entry("final_from", "draft")?,
            RecordKind::Draft | RecordKind::Caption => {}
        }
        if let Some(time) = self.start_time {
            json.serialize_entry("start_utc", &utc(time))?;
        }
        json.end()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::test_records::{answer, caption},
        *,
    };

    #[test]
    fn json_keys_come_in_the_documented_order() {
        assert_eq!(
            serde_json::to_string(&caption(0, 4000, "a \"ball\"\n犬")).unwrap(),
            r#"{"kind":"caption","source":"door","start_ms":0,"end_ms":4000,"text":"a \"ball\"\n犬","pack":"mini"}"#
        );
        assert_eq!(
            serde_json::to_string(&answer(0, 4000, "visitor", "No.")).unwrap(),
            r#"{"kind":"answer","source":"door","start_ms":0,"end_ms":4000,"text":"No.","pack":"mini","node":"visitor","ask":"Is a person at the door?"}"#
        );
        let sure = AnsweredQuestion {
            node: "visitor".to_owned(),
            ask: "Is a person at the door?".to_owned(),
            probability: Some(0.92345),
            rests_on: vec![(0, 4000), (4000, 8000)],
        };
        let sure = Record {
            kind: RecordKind::Answer(sure),
            ..caption(4000, 8000, "Yes")
        };
        let sure = serde_json::to_string(&sure).unwrap();
        let end = r#","probability":0.923,"rests_on":[[0,4000],[4000,8000]]}"#;
        assert!(sure.ends_with(end), "{sure}");
        let from_draft = Record {
            kind: RecordKind::FromDraft,
            start_time: Timestamp::from_millisecond(1_700_000_000_123).ok(),
            ..caption(0, 4000, "a dog")
        };
        assert!(serde_json::to_string(&from_draft).unwrap().ends_with(
            r#","pack":"mini","final_from":"draft","start_utc":"2023-11-14T22:13:20.123Z"}"#
        ));
        let summary = RecordKind::Summary {
            node: "minutes".to_owned(),
            span: false,
        };
        let summary = Record {
            kind: summary,
            ..caption(0, 60_000, "Quiet.")
        };
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"kind":"summary","source":"door","start_ms":0,"end_ms":60000,"text":"Quiet.","pack":"mini","node":"minutes","span":false}"#
        );
    }
}
