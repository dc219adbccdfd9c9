//! The context shared by the parts of the parser: the text of one file, its problems with their lines, and the reading of names and text values.

use std::{collections::BTreeMap, ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::{problem::Problem, suggestion::did_you_mean};

/// A key with its position in the text.
pub(super) type Key<'t> = Spanned<DeString<'t>>;

/// A value with its position in the text.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// The text of one file and the problems found in it so far.
pub(super) struct ParseContext<'t> {
    pub(super) path: &'t Path,
    pub(super) text: &'t str,
    pub(super) problems: Vec<Problem>,
}

impl<'t> ParseContext<'t> {
    pub(super) fn new(path: &'t Path, text: &'t str) -> Self {
        let problems = Vec::new();
        Self {
            path,
            text,
            problems,
        }
    }

    /// Returns the line on which a span starts, counted from 1.
    pub(super) fn line(&self, span: Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Returns the line of each key of a table.
    pub(super) fn key_lines(&self, table: &DeTable<'t>) -> BTreeMap<String, usize> {
        let keys = table.keys();
        keys.map(|key| (key.to_string(), self.line(key.span())))
            .collect()
    }

    pub(super) fn report(&mut self, line: usize, message: String, hint: impl Into<String>) {
        let problem = Problem::new(self.path, line, message);
        self.problems.push(problem.with_hint(hint));
    }

    pub(super) fn report_unknown_key(&mut self, owner: &str, key: &Key<'t>, known: &[&str]) {
        let message = format!("{owner} has the unknown key {:?}", key.get_ref());
        let hint = did_you_mean(key.get_ref(), known.iter().copied());
        self.report(self.line(key.span()), message, hint);
    }

    /// Reads a text value; reports one that is empty or not text.
    pub(super) fn non_empty_text(
        &mut self,
        owner: &str,
        key: &Key<'t>,
        value: &Value<'t>,
    ) -> Option<String> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text.to_owned()),
            _ => {
                let found = describe(value.get_ref());
                let message = format!("{key} of {owner} is {found}, expected text in quotes");
                self.report(
                    self.line(key.span()),
                    message,
                    format!("write {key} = \"...\""),
                );
            }
        }
        None
    }

    /// Reports a name that is empty or has characters other than letters, digits, `_` and `-`.
    pub(super) fn check_name(&mut self, owner: &str, name: &Key<'t>) {
        let allowed = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        if name.get_ref().is_empty() || !name.get_ref().chars().all(allowed) {
            let hint = "use only letters, digits, _ and -";
            self.report(
                self.line(name.span()),
                format!("{owner} has an invalid name"),
                hint,
            );
        }
    }
}

/// Describes a value in words, for messages.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
