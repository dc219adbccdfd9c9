//! Reports problems where they stand, and reads what every part of a file has: names and texts.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeString, DeValue},
};

use crate::{near::did_you_mean, problem::Problem};

/// A key with its place.
pub(super) type Name<'t> = Spanned<DeString<'t>>;

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// The text of one file, and what was found wrong with it so far.
pub(super) struct Reader<'t> {
    pub(super) path: &'t Path,
    pub(super) text: &'t str,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(path: &'t Path, text: &'t str) -> Self {
        let problems = Vec::new();
        Self {
            path,
            text,
            problems,
        }
    }

    pub(super) fn line(&self, span: Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    pub(super) fn report(&mut self, line: usize, message: String, hint: impl Into<String>) {
        let problem = Problem::new(self.path, line, message);
        self.problems.push(problem.hint(hint));
    }

    pub(super) fn unknown_key(&mut self, owner: &str, key: &Name<'t>, known: &[&str]) {
        let message = format!("{owner} has no key {:?}", key.get_ref());
        let hint = did_you_mean(key.get_ref(), known.iter().copied());
        self.report(self.line(key.span()), message, hint);
    }

    /// A text that is not empty.
    pub(super) fn word(
        &mut self,
        owner: &str,
        key: &Name<'t>,
        value: &Value<'t>,
    ) -> Option<String> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text.to_owned()),
            _ => {
                let found = found(value.get_ref());
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

    pub(super) fn name(&mut self, owner: &str, name: &Name<'t>) {
        let good = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        if name.get_ref().is_empty() || !name.get_ref().chars().all(good) {
            let hint = "use letters, digits, _ and -";
            self.report(
                self.line(name.span()),
                format!("{owner} has a name that cannot be used"),
                hint,
            );
        }
    }
}

/// The value in words, for messages.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
