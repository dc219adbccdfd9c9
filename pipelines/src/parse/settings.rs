//! Reads the settings of one node or sink, key by key, by the schema of its kind.

use std::ops::Range;

use toml::de::DeTable;

use crate::kinds::{Form, TEXT};

use super::reader::{Name, Reader, Value, found};

impl<'t> Reader<'t> {
    /// Reads the settings; a key that is refused is reported and left at its default.
    pub(super) fn settings<K: Clone>(
        &mut self,
        owner: &str,
        line: usize,
        mut body: DeTable<'t>,
        form: &Form<K>,
    ) -> K {
        let before = self.problems.len();
        self.strangers(owner, &mut body, form);
        self.missing(owner, line, &body, form);
        loop {
            let error = match (form.decode)(body.clone()) {
                Ok(kind) => return kind,
                Err(error) => error,
            };
            let place = error.span().unwrap_or_default();
            let refused = body.iter().find(|(_, value)| covers(&value.span(), &place));
            let Some((key, value)) = refused.map(|(key, value)| (key.clone(), value.clone()))
            else {
                if self.problems.len() == before {
                    let hint = format!("see: atom docs {}", form.name);
                    self.report(line, format!("{owner}: {}", error.message()), hint);
                }
                return form.blank.clone();
            };
            self.wrong_value(owner, (&key, &value), form, error.message());
            body.remove(key.get_ref().as_ref());
        }
    }

    /// Takes out and reports the keys that this kind does not know.
    fn strangers<K>(&mut self, owner: &str, body: &mut DeTable<'t>, form: &Form<K>) {
        let mut known = form.own.to_vec();
        known.extend(form.keys.iter().map(|key| key.name.as_str()));
        let unknown: Vec<Name<'t>> = body
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .cloned()
            .collect();
        for key in unknown {
            let owner = match form.own.contains(&"kind") {
                true => &format!("{owner} ({})", form.name),
                false => owner,
            };
            self.unknown_key(owner, &key, &known);
            body.remove(key.get_ref().as_ref());
        }
    }

    fn missing<K>(&mut self, owner: &str, line: usize, body: &DeTable<'t>, form: &Form<K>) {
        for key in form.keys.iter().filter(|key| key.required) {
            if !body.contains_key(key.name.as_str()) {
                let example = form
                    .example
                    .lines()
                    .find(|line| line.starts_with(&key.name));
                let hint = format!("for example: {}", example.unwrap_or(&key.expects));
                let message = format!("{owner} ({}) needs the key {:?}", form.name, key.name);
                self.report(line, message, hint);
            }
        }
    }

    /// A value that is refused. What is wrong with a text where texts are expected, only the setting itself can tell.
    fn wrong_value<K>(
        &mut self,
        owner: &str,
        (key, value): (&Name<'t>, &Value<'t>),
        form: &Form<K>,
        why: &str,
    ) {
        let expected = form
            .keys
            .iter()
            .find(|other| other.name == key.get_ref().as_ref());
        let expected = expected.map_or("another value", |key| key.expects.as_str());
        let found = found(value.get_ref());
        let message = match value.get_ref().is_str() && expected == TEXT {
            true => format!("{key} of {owner} is {found}: {why}"),
            false => format!("{key} of {owner} is {found}, expected {expected}"),
        };
        let hint = format!("see: atom docs {}", form.name);
        self.report(self.line(key.span()), message, hint);
    }
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    !inner.is_empty() && outer.start <= inner.start && inner.end <= outer.end
}
