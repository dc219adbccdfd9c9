//! All kinds of nodes and sinks with what parsing and documentation need to know of each.
//!
//! Everything is taken from the settings structs themselves: a new key in one of them is read, checked for its
//! type and documented without a change here.

use atom_operators::{
    caption::CaptionSpec,
    encode::EncodeSpec,
    index::IndexSpec,
    node::{NodeKind, StreamKind},
    query::QuerySpec,
    reason::ReasonSpec,
    sample::SampleSpec,
    segment::SegmentSpec,
    summary::SummarySpec,
};
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::{sink::SinkKind, source::SourceSettings};

/// One kind: its words, its keys, and how to read its settings.
pub(crate) struct Form<K> {
    /// The word in a pipeline file.
    pub(crate) name: &'static str,
    /// Keys that stand beside the settings.
    pub(crate) own: &'static [&'static str],
    /// What it does.
    pub(crate) about: String,
    /// What it takes.
    pub(crate) takes: &'static [StreamKind],
    /// What it sends; a sink sends nothing.
    pub(crate) gives: Option<StreamKind>,
    /// Its settings.
    pub(crate) keys: Vec<Key>,
    /// Smallest useful text.
    pub(crate) example: &'static str,
    /// The kind with default settings; required ones are blank.
    pub(crate) blank: K,
    /// Reads the settings, a table without its own keys.
    pub(crate) decode: Decode<K>,
}

type Decode<K> = for<'t> fn(DeTable<'t>) -> Result<K, toml::de::Error>;

/// The type of settings that are text, in words.
pub(crate) const TEXT: &str = "text in quotes";

/// One setting.
pub(crate) struct Key {
    pub(crate) name: String,
    /// Its type in words.
    pub(crate) expects: String,
    /// Its default as TOML; absent if there is none.
    pub(crate) default: Option<String>,
    pub(crate) about: String,
    pub(crate) required: bool,
}

/// The kinds of nodes, in the order in which a pipeline uses them.
pub(crate) fn nodes() -> Vec<Form<NodeKind>> {
    vec![
        node::<SampleSpec>(NodeKind::Sample, SampleSpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Sample)
        }),
        node::<EncodeSpec>(NodeKind::Encode, EncodeSpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Encode)
        }),
        node::<SegmentSpec>(NodeKind::Segment, SegmentSpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Segment)
        }),
        node::<CaptionSpec>(NodeKind::Caption, CaptionSpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Caption)
        }),
        node::<IndexSpec>(NodeKind::Index, IndexSpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Index)
        }),
        node::<ReasonSpec>(NodeKind::Reason, ReasonSpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Reason)
        }),
        node::<SummarySpec>(NodeKind::Summary, SummarySpec::EXAMPLE, |table| {
            settings(table).map(NodeKind::Summary)
        }),
    ]
}

/// The kinds of sinks.
pub(crate) fn sinks() -> Vec<Form<SinkKind>> {
    vec![
        sink(SinkKind::Webvtt, |table| {
            settings(table).map(SinkKind::Webvtt)
        }),
        sink(SinkKind::Srt, |table| settings(table).map(SinkKind::Srt)),
        sink(SinkKind::Jsonl, |table| {
            settings(table).map(SinkKind::Jsonl)
        }),
    ]
}

/// What a source is, beside its uri.
pub(crate) fn source() -> Form<SourceSettings> {
    Form {
        name: "source",
        own: &["uri"],
        about: "What is watched: a recording, a camera or another live stream.".to_owned(),
        takes: &[],
        gives: Some(StreamKind::Frames),
        keys: keys(&schema_for!(SourceSettings)),
        example: SourceSettings::EXAMPLE,
        blank: SourceSettings::default(),
        decode: |table| settings(table),
    }
}

/// What a standing query asks for.
pub(crate) fn query() -> Form<QuerySpec> {
    let schema = schema_for!(QuerySpec);
    Form {
        name: "query",
        own: &[],
        about: text(&schema, "description"),
        takes: &[StreamKind::Rows],
        gives: None,
        keys: keys(&schema),
        example: QuerySpec::EXAMPLE,
        blank: QuerySpec::of(""),
        decode: |table| settings(table),
    }
}

fn sink<S: JsonSchema + Default>(
    wrap: fn(S) -> SinkKind,
    decode: Decode<SinkKind>,
) -> Form<SinkKind> {
    let kind = wrap(S::default());
    Form {
        name: kind.name(),
        own: &["kind", "inputs"],
        about: kind.about().to_owned(),
        takes: kind.takes(),
        gives: None,
        keys: keys(&schema_for!(S)),
        example: kind.example(),
        blank: kind,
        decode,
    }
}

fn node<S: JsonSchema + Default>(
    wrap: fn(S) -> NodeKind,
    example: &'static str,
    decode: Decode<NodeKind>,
) -> Form<NodeKind> {
    let blank = wrap(S::default());
    let schema = schema_for!(S);
    Form {
        name: blank.name(),
        own: &["kind", "inputs"],
        about: text(&schema, "description"),
        takes: blank.takes(),
        gives: Some(blank.gives()),
        keys: keys(&schema),
        example,
        blank,
        decode,
    }
}

fn settings<S: DeserializeOwned>(table: DeTable<'_>) -> Result<S, toml::de::Error> {
    let table = Spanned::new(0..0, DeValue::Table(table));
    S::deserialize(ValueDeserializer::from(table))
}

fn keys(schema: &Schema) -> Vec<Key> {
    let required = |name: &str| {
        let names = schema.get("required").and_then(|names| names.as_array());
        names.is_some_and(|names| names.iter().any(|other| other == name))
    };
    let properties = schema.get("properties").and_then(|all| all.as_object());
    let keys = properties
        .into_iter()
        .flatten()
        .filter_map(|(name, property)| {
            let property: &Schema = property.try_into().ok()?;
            let default = property.get("default").filter(|value| !value.is_null());
            Some(Key {
                name: name.clone(),
                expects: expects(property),
                default: default.map(ToString::to_string),
                about: text(property, "description"),
                required: required(name),
            })
        });
    keys.collect()
}

/// The type of a setting, in words.
fn expects(property: &Schema) -> String {
    if let Some(words) = words(property) {
        return format!("one of {}", words.join(", "));
    }
    let kind = property.get("type");
    let kinds = kind.and_then(|kind| kind.as_array());
    let first = kinds.and_then(|kinds| kinds.iter().find(|kind| *kind != "null"));
    let words = match first.or(kind).and_then(|kind| kind.as_str()) {
        Some("number") => "a number",
        Some("integer") if property.get("minimum").is_some() => "a whole number, 0 or more",
        Some("integer") => "a whole number",
        Some("string") => TEXT,
        Some("boolean") => "true or false",
        Some("array") => "a list",
        _ => "another value",
    };
    words.to_owned()
}

/// The only values of a setting, if it has such.
fn words(property: &Schema) -> Option<Vec<String>> {
    let values = property.get("oneOf")?.as_array()?.iter();
    values
        .map(|value| Some(value.get("const")?.to_string()))
        .collect()
}

fn text(schema: &Schema, key: &str) -> String {
    let text = schema.get(key).and_then(|text| text.as_str());
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_types_defaults_and_explanations_from_the_structs() {
        let nodes = nodes();
        let fps = nodes[0].keys.iter().find(|key| key.name == "fps").unwrap();
        assert_eq!(
            (fps.expects.as_str(), fps.default.as_deref()),
            ("a number", Some("2.0"))
        );
        assert!(fps.about.starts_with("Frames a second"));
        assert!(!fps.required);
    }

    #[test]
    fn knows_what_must_be_given() {
        let nodes = nodes();
        let reason = nodes.iter().find(|form| form.name == "reason").unwrap();
        let required = reason.keys.iter().filter(|key| key.required);
        assert_eq!(
            required.map(|key| key.name.as_str()).collect::<Vec<_>>(),
            ["ask"]
        );
    }

    #[test]
    fn every_key_has_a_type_and_an_explanation() {
        let keys = nodes().into_iter().flat_map(|form| form.keys);
        for key in keys
            .chain(source().keys)
            .chain(query().keys)
            .chain(sinks().into_iter().flat_map(|form| form.keys))
        {
            assert_ne!(key.expects, "another value", "{}", key.name);
            assert!(!key.about.is_empty(), "{}", key.name);
        }
    }
}
