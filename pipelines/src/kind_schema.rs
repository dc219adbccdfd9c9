//! The kinds of nodes and sinks with their keys, as parsing and documentation need them.
//!
//! Everything is derived from the settings structs: a new field in one of them is parsed, type-checked and documented
//! without a change here.

use atom_operators::{
    caption::CaptionSpec,
    encode::EncodeSpec,
    index::IndexSpec,
    node::{NodeKind, StreamKind},
    reason::ReasonSpec,
    sample::SampleSpec,
    segment::SegmentSpec,
    standing::query::QuerySpec,
    summary::summary_spec::SummarySpec,
};
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::{sink_settings::SinkKind, source_settings::SourceSettings};

/// One kind of node or sink: its name, its keys, and the decoder of its settings.
pub(crate) struct KindSchema<K> {
    /// The kind's name in a pipeline file.
    pub(crate) name: &'static str,
    /// Keys beside the settings, such as `kind` and `inputs`.
    pub(crate) common_keys: &'static [&'static str],
    /// One or more sentences about what the kind does.
    pub(crate) description: String,
    /// The streams it accepts as inputs.
    pub(crate) inputs: &'static [StreamKind],
    /// The stream it sends; none for a sink.
    pub(crate) output: Option<StreamKind>,
    /// Its settings.
    pub(crate) settings: Vec<Setting>,
    /// The smallest useful TOML text of this kind.
    pub(crate) example: &'static str,
    /// The kind with default settings; required settings are blank.
    pub(crate) default_kind: K,
    /// Decodes the settings from a table without `common_keys`.
    pub(crate) decode: Decode<K>,
}

type Decode<K> = for<'t> fn(DeTable<'t>) -> Result<K, toml::de::Error>;

/// The type description of text settings.
pub(crate) const TEXT: &str = "text in quotes";

/// One setting of a kind.
pub(crate) struct Setting {
    pub(crate) name: String,
    /// The type in words, such as "a whole number".
    pub(crate) expected: String,
    /// The default as TOML, if there is one.
    pub(crate) default: Option<String>,
    pub(crate) description: String,
    pub(crate) required: bool,
}

/// Returns the kinds of nodes in the order in which a pipeline uses them.
pub(crate) fn node_kinds() -> Vec<KindSchema<NodeKind>> {
    vec![
        node::<SampleSpec>(NodeKind::Sample, SampleSpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Sample)
        }),
        node::<EncodeSpec>(NodeKind::Encode, EncodeSpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Encode)
        }),
        node::<SegmentSpec>(NodeKind::Segment, SegmentSpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Segment)
        }),
        node::<CaptionSpec>(NodeKind::Caption, CaptionSpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Caption)
        }),
        node::<IndexSpec>(NodeKind::Index, IndexSpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Index)
        }),
        node::<ReasonSpec>(NodeKind::Reason, ReasonSpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Reason)
        }),
        node::<SummarySpec>(NodeKind::Summary, SummarySpec::EXAMPLE, |table| {
            decode(table).map(NodeKind::Summary)
        }),
    ]
}

/// Returns the kinds of sinks.
pub(crate) fn sink_kinds() -> Vec<KindSchema<SinkKind>> {
    vec![
        sink(SinkKind::Webvtt, |table| {
            decode(table).map(SinkKind::Webvtt)
        }),
        sink(SinkKind::Srt, |table| decode(table).map(SinkKind::Srt)),
        sink(SinkKind::Jsonl, |table| decode(table).map(SinkKind::Jsonl)),
    ]
}

/// Returns the settings of sources, apart from the URI.
pub(crate) fn source() -> KindSchema<SourceSettings> {
    KindSchema {
        name: "source",
        common_keys: &["uri"],
        description: "A recording, a camera or another live stream.".to_owned(),
        inputs: &[],
        output: Some(StreamKind::Frames),
        settings: settings_of(&schema_for!(SourceSettings)),
        example: SourceSettings::EXAMPLE,
        default_kind: SourceSettings::default(),
        decode,
    }
}

/// Returns the settings of standing queries.
pub(crate) fn query() -> KindSchema<QuerySpec> {
    let schema = schema_for!(QuerySpec);
    KindSchema {
        name: "query",
        common_keys: &[],
        description: description(&schema),
        inputs: &[StreamKind::Rows],
        output: None,
        settings: settings_of(&schema),
        example: QuerySpec::EXAMPLE,
        default_kind: QuerySpec::new(""),
        decode,
    }
}

fn sink<S: JsonSchema + Default>(
    wrap: fn(S) -> SinkKind,
    decode: Decode<SinkKind>,
) -> KindSchema<SinkKind> {
    let kind = wrap(S::default());
    KindSchema {
        name: kind.name(),
        common_keys: &["kind", "inputs"],
        description: kind.about().to_owned(),
        inputs: kind.inputs(),
        output: None,
        settings: settings_of(&schema_for!(S)),
        example: kind.example(),
        default_kind: kind,
        decode,
    }
}

fn node<S: JsonSchema + Default>(
    wrap: fn(S) -> NodeKind,
    example: &'static str,
    decode: Decode<NodeKind>,
) -> KindSchema<NodeKind> {
    let kind = wrap(S::default());
    let schema = schema_for!(S);
    KindSchema {
        name: kind.name(),
        common_keys: &["kind", "inputs"],
        description: description(&schema),
        inputs: kind.inputs(),
        output: Some(kind.output()),
        settings: settings_of(&schema),
        example,
        default_kind: kind,
        decode,
    }
}

fn decode<S: DeserializeOwned>(table: DeTable<'_>) -> Result<S, toml::de::Error> {
    let table = Spanned::new(0..0, DeValue::Table(table));
    S::deserialize(ValueDeserializer::from(table))
}

/// Lists the properties of a JSON schema.
fn settings_of(schema: &Schema) -> Vec<Setting> {
    let required = |name: &str| {
        let names = schema.get("required").and_then(|names| names.as_array());
        names.is_some_and(|names| names.iter().any(|other| other == name))
    };
    let properties = schema.get("properties").and_then(|all| all.as_object());
    properties
        .into_iter()
        .flatten()
        .filter_map(|(name, property)| {
            let property: &Schema = property.try_into().ok()?;
            let default = property.get("default").filter(|value| !value.is_null());
            Some(Setting {
                name: name.clone(),
                expected: type_in_words(property),
                default: default.map(ToString::to_string),
                description: description(property),
                required: required(name),
            })
        })
        .collect()
}

fn type_in_words(property: &Schema) -> String {
    if let Some(values) = allowed_values(property) {
        return format!("one of {}", values.join(", "));
    }
    let json_type = property.get("type");
    let types = json_type.and_then(|json_type| json_type.as_array());
    let first = types.and_then(|types| types.iter().find(|json_type| *json_type != "null"));
    let words = match first.or(json_type).and_then(|json_type| json_type.as_str()) {
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

/// Returns the values of an enumerated setting.
fn allowed_values(property: &Schema) -> Option<Vec<String>> {
    let values = property.get("oneOf")?.as_array()?.iter();
    values
        .map(|value| Some(value.get("const")?.to_string()))
        .collect()
}

fn description(schema: &Schema) -> String {
    let text = schema.get("description").and_then(|text| text.as_str());
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_defaults_and_descriptions_come_from_the_structs() {
        let nodes = node_kinds();
        let fps = nodes[0]
            .settings
            .iter()
            .find(|setting| setting.name == "fps")
            .unwrap();
        assert_eq!(
            (fps.expected.as_str(), fps.default.as_deref()),
            ("a number", Some("2.0"))
        );
        assert!(fps.description.starts_with("Frames per second"));
        assert!(!fps.required);
    }

    #[test]
    fn knows_which_settings_are_required() {
        let nodes = node_kinds();
        let reason = nodes.iter().find(|kind| kind.name == "reason").unwrap();
        let required = reason.settings.iter().filter(|setting| setting.required);
        assert_eq!(
            required
                .map(|setting| setting.name.as_str())
                .collect::<Vec<_>>(),
            ["ask"]
        );
    }

    #[test]
    fn every_setting_has_a_type_and_a_description() {
        let nodes = node_kinds().into_iter().flat_map(|kind| kind.settings);
        let sinks = sink_kinds().into_iter().flat_map(|kind| kind.settings);
        let all = nodes.chain(sinks).chain(source().settings);
        for setting in all.chain(query().settings) {
            assert_ne!(setting.expected, "another value", "{}", setting.name);
            assert!(!setting.description.is_empty(), "{}", setting.name);
        }
    }
}
