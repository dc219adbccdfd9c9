//! A result as the world sees it: in files, on standard output, in event streams.
//!
//! The order of its keys in JSON is part of the format: `kind`, `source`, `start_ms`, `end_ms`, `text`, `pack`, and for
//! an answer `node`, `ask`, and `probability` if it was one of several allowed. The `kind` of a caption that will be replaced is `draft`.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// A caption, or an answer if it has a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Name of the source.
    pub source: String,
    /// Media time at which the segment begins, in milliseconds.
    pub start_ms: u64,
    /// Media time at which the segment ends, in milliseconds.
    pub end_ms: u64,
    /// What was said.
    pub text: String,
    /// Name of the pack that said it.
    pub pack: String,
    /// Whether another caption of the same source and start will replace this one.
    pub draft: bool,
    /// What was asked; nothing for a caption.
    pub question: Option<Question>,
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
}

impl Record {
    /// The `kind` in JSON: `caption`, `answer` or `draft`.
    pub fn kind(&self) -> &'static str {
        match self.question {
            _ if self.draft => "draft",
            None => "caption",
            Some(_) => "answer",
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let question = self.question.as_ref();
        let likely = question.and_then(|question| question.probability);
        let fields = 6 + 2 * usize::from(question.is_some()) + usize::from(likely.is_some());
        let mut json = serializer.serialize_struct("Record", fields)?;
        json.serialize_field("kind", self.kind())?;
        json.serialize_field("source", &self.source)?;
        json.serialize_field("start_ms", &self.start_ms)?;
        json.serialize_field("end_ms", &self.end_ms)?;
        json.serialize_field("text", &self.text)?;
        json.serialize_field("pack", &self.pack)?;
        if let Some(question) = &self.question {
            json.serialize_field("node", &question.node)?;
            json.serialize_field("ask", &question.ask)?;
        }
        if let Some(probability) = likely {
            // A thousandth is more than is known of it.
            let rounded = (f64::from(probability) * 1000.0).round() / 1000.0;
            json.serialize_field("probability", &rounded)?;
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
            draft: false,
            question: None,
        }
    }

    /// An answer to the question of a node.
    pub(in super::super) fn answer(start_ms: u64, end_ms: u64, node: &str, text: &str) -> Record {
        let question = Question {
            node: node.to_owned(),
            ask: "Is a person at the door?".to_owned(),
            probability: None,
        };
        Record {
            question: Some(question),
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
        let mut sure = answer(0, 4000, "visitor", "Yes");
        sure.question.as_mut().unwrap().probability = Some(0.92345);
        let sure = serde_json::to_string(&sure).unwrap();
        assert!(sure.ends_with(r#","probability":0.923}"#), "{sure}");
    }
}
