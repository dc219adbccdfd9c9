//! Parses the settings of one item key by key, according to the schema of its kind.

use std::ops::Range;

use toml::de::DeTable;

use crate::kind_schema::{KindSchema, TEXT};

use super::parse_context::{Key, ParseContext, Value, describe};

impl<'t> ParseContext<'t> {
    /// Parses the settings; a key with a problem is reported and keeps its default.
    pub(super) fn settings<K: Clone>(
        &mut self,
        owner: &str,
        line: usize,
        mut body: DeTable<'t>,
        schema: &KindSchema<K>,
    ) -> K {
        let before = self.problems.len();
        self.remove_unknown_keys(owner, &mut body, schema);
        self.report_missing_keys(owner, line, &body, schema);
        loop {
            let error = match (schema.decode)(body.clone()) {
                Ok(kind) => return kind,
                Err(error) => error,
            };
            let span = error.span().unwrap_or_default();
            let wrong = body.iter().find(|(_, value)| covers(&value.span(), &span));
            let Some((key, value)) = wrong.map(|(key, value)| (key.clone(), value.clone())) else {
                if self.problems.len() == before {
                    let hint = format!("see: atom docs {}", schema.name);
                    self.report(line, format!("{owner}: {}", error.message()), hint);
                }
                return schema.default_kind.clone();
            };
            self.report_wrong_value(owner, (&key, &value), schema, error.message());
            body.remove(key.get_ref().as_ref());
        }
    }

    /// Removes and reports the keys that the kind does not have.
    fn remove_unknown_keys<K>(
        &mut self,
        owner: &str,
        body: &mut DeTable<'t>,
        schema: &KindSchema<K>,
    ) {
        let mut known = schema.common_keys.to_vec();
        known.extend(schema.settings.iter().map(|setting| setting.name.as_str()));
        let unknown: Vec<Key<'t>> = body
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .cloned()
            .collect();
        for key in unknown {
            let owner = match schema.common_keys.contains(&"kind") {
                true => &format!("{owner} ({})", schema.name),
                false => owner,
            };
            self.report_unknown_key(owner, &key, &known);
            body.remove(key.get_ref().as_ref());
        }
    }

    fn report_missing_keys<K>(
        &mut self,
        owner: &str,
        line: usize,
        body: &DeTable<'t>,
        schema: &KindSchema<K>,
    ) {
        for setting in schema.settings.iter().filter(|setting| setting.required) {
            if !body.contains_key(setting.name.as_str()) {
                let example = schema
                    .example
                    .lines()
                    .find(|line| line.starts_with(&setting.name));
                let hint = format!("for example: {}", example.unwrap_or(&setting.expected));
                let message = format!(
                    "{owner} ({}) requires the key {:?}",
                    schema.name, setting.name
                );
                self.report(line, message, hint);
            }
        }
    }

    /// Reports a value that could not be decoded. Only the decoder knows what is wrong with text where text is expected,
    /// so its `reason` is then part of the message.
    fn report_wrong_value<K>(
        &mut self,
        owner: &str,
        (key, value): (&Key<'t>, &Value<'t>),
        schema: &KindSchema<K>,
        reason: &str,
    ) {
        let setting = schema
            .settings
            .iter()
            .find(|setting| setting.name == key.get_ref().as_ref());
        let expected = setting.map_or("another value", |setting| setting.expected.as_str());
        let found = describe(value.get_ref());
        let message = match value.get_ref().is_str() && expected == TEXT {
            true => format!("{key} of {owner} is {found}: {reason}"),
            false => format!("{key} of {owner} is {found}, expected {expected}"),
        };
        let hint = format!("see: atom docs {}", schema.name);
        self.report(self.line(key.span()), message, hint);
    }
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    !inner.is_empty() && outer.start <= inner.start && inner.end <= outer.end
}
