//! A result as the world sees it: in files, on standard output, in event streams.
//!
//! The order of its keys in JSON is part of the format: `kind`, `source`, `start_ms`, `end_ms`, `text`, `pack`; of an answer
//! then `node`, `ask`, `probability` if it was one of several allowed, and `rests_on` if only changes are told; of a summary
//! `node` and `span`. The `kind` of a caption that will be replaced is `draft`; one that came too late to be replaced is a caption
//! with `"final_from":"draft"`. Of live sources `start_utc`, when media time was 0, stands last.

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use atom_operators::utc::utc;

/// Something that was said about a stretch of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Name of the source.
    pub source: String,
    /// Media time at which the stretch begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which the stretch ends, in milliseconds.
    pub end_ms: u64,
    /// What was said.
    pub text: String,
    /// Name of the pack that said it.
    pub pack: String,
    /// What it is.
    pub kind: Kind,
    /// Of a live source, when its media time was 0.
    pub start: Option<Timestamp>,
}

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A caption of a segment.
    Caption,
    /// A caption that another one of the same source and start will replace.
    Draft,
    /// A caption that is its draft: the decoder's would have come too late.
    FromDraft,
    /// An answer about a segment.
    Answer(Question),
    /// What happened in a minute or a longer span.
    Summary {
        /// Name of the node that summed it up.
        node: String,
        /// Whether it was made of shorter summaries, rather than of captions.
        span: bool,
    },
}

/// The question that an answer answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Name of the node that asked.
    pub node: String,
    /// Its text.
    pub ask: String,
    /// How likely the answer is, 0 to 1, among those there may be; nothing of a free one.
    pub probability: Option<f32>,
    /// If only changes are told: begin and end of the segments that agree on it, in milliseconds.
    pub rests_on: Vec<(u64, u64)>,
}

impl Record {
    /// The `kind` in JSON: `caption`, `answer`, `summary` or `draft`.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Draft => "draft",
            Kind::Caption | Kind::FromDraft => "caption",
            Kind::Answer(_) => "answer",
            Kind::Summary { .. } => "summary",
        }
    }

    /// The node that asked for it; nothing of a caption.
    pub fn node(&self) -> Option<&str> {
        match &self.kind {
            Kind::Draft | Kind::Caption | Kind::FromDraft => None,
            Kind::Answer(question) => Some(&question.node),
            Kind::Summary { node, .. } => Some(node),
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
            Kind::Answer(question) => {
                json.serialize_entry("ask", &question.ask)?;
                if let Some(probability) = question.probability {
                    // A thousandth is more than is known of it.
                    let rounded = (f64::from(probability) * 1000.0).round() / 1000.0;
                    json.serialize_entry("probability", &rounded)?;
                }
                if !question.rests_on.is_empty() {
                    json.serialize_entry("rests_on", &question.rests_on)?;
                }
            }
            Kind::Summary { span, .. } => json.serialize_entry("span", span)?,
            Kind::FromDraft => json.serialize_entry("final_from", "draft")?,
            Kind::Draft | Kind::Caption => {}
        }
        if let Some(start) = self.start {
            json.serialize_entry("start_utc", &utc(start))?;
        }
        json.end()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A caption of the source `door`.
    pub(in super::super) fn caption(start_ms: u64, end_ms: u64, text: &str) -> Record {
        Record {
            source: "door".to_owned(),
            start_ms,
            end_ms,
            text: text.to_owned(),
            pack: "mini".to_owned(),
            kind: Kind::Caption,
            start: None,
        }
    }

    /// An answer to the question of a node.
    pub(in super::super) fn answer(start_ms: u64, end_ms: u64, node: &str, text: &str) -> Record {
        let question = Question {
            node: node.to_owned(),
            ask: "Is a person at the door?".to_owned(),
            probability: None,
            rests_on: Vec::new(),
        };
        Record {
            kind: Kind::Answer(question),
            ..caption(start_ms, end_ms, text)
        }
    }

    #[test]
    fn keys_stand_in_the_promised_order() {
        assert_eq!(
            serde_json::to_string(&caption(0, 4000, "a \"ball\"\n犬")).unwrap(),
            r#"{"kind":"caption","source":"door","start_ms":0,"end_ms":4000,"text":"a \"ball\"\n犬","pack":"mini"}"#
        );
        assert_eq!(
            serde_json::to_string(&answer(0, 4000, "visitor", "No.")).unwrap(),
            r#"{"kind":"answer","source":"door","start_ms":0,"end_ms":4000,"text":"No.","pack":"mini","node":"visitor","ask":"Is a person at the door?"}"#
        );
        let sure = Question {
            node: "visitor".to_owned(),
            ask: "Is a person at the door?".to_owned(),
            probability: Some(0.92345),
            rests_on: vec![(0, 4000), (4000, 8000)],
        };
        let sure = Record {
            kind: Kind::Answer(sure),
            ..caption(4000, 8000, "Yes")
        };
        let sure = serde_json::to_string(&sure).unwrap();
        let end = r#","probability":0.923,"rests_on":[[0,4000],[4000,8000]]}"#;
        assert!(sure.ends_with(end), "{sure}");
        let stood = Record {
            kind: Kind::FromDraft,
            start: Timestamp::from_millisecond(1_700_000_000_123).ok(),
            ..caption(0, 4000, "a dog")
        };
        assert!(serde_json::to_string(&stood).unwrap().ends_with(
            r#","pack":"mini","final_from":"draft","start_utc":"2023-11-14T22:13:20.123Z"}"#
        ));
        let summary = Kind::Summary {
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
