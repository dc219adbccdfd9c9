//! Looks for the messages that a page names in the source of the program.
//!
//! A message is built from several format strings: an error, its causes, a hint. So its clauses are looked for one by
//! one, between `...`, quotes, numbers, colons and semicolons; each must be in a string literal outside tests.

use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use regex::Regex;
use syn::{LitStr, Macro, MetaList, visit::Visit};

use crate::rust_files;

/// The beginnings of messages.
pub const KINDS: [&str; 2] = ["error: ", "warning: "];

/// The separators between the fixed clauses of a message.
static BETWEEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\.\.\.|"[^"]*"|\d+(?:\.\d+)?|: |; |\. |\.$|, "#).expect("the pattern is valid")
});
/// A placeholder of a format string.
static PLACEHOLDER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{[^{}]*\}").expect("the pattern is valid"));

/// The string literals of the program, with a line break for each placeholder and between two literals.
static LITERALS: LazyLock<String> = LazyLock::new(literals);

/// Returns the messages of a block: each begins with its kind, and may go on on further lines.
pub fn of_block(text: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for line in text.lines() {
        match messages.last_mut() {
            Some(last) if !is_message(line) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => messages.push(line.to_owned()),
        }
    }
    messages
}

/// Returns true if a line begins a message.
pub fn is_message(line: &str) -> bool {
    KINDS.iter().any(|kind| line.starts_with(kind))
}

/// Returns the clauses of a message that are in no string literal; all of it if it has no clause of two words.
pub fn unknown_clauses(message: &str) -> Vec<String> {
    let text = KINDS.iter().find_map(|kind| message.strip_prefix(kind));
    let text = text.unwrap_or(message);
    let clauses = BETWEEN.split(text).map(str::trim);
    let mut clauses: Vec<&str> = clauses.filter(|clause| clause.contains(' ')).collect();
    if clauses.is_empty() {
        return vec![message.to_owned()];
    }
    clauses.retain(|clause| !LITERALS.contains(clause));
    clauses.into_iter().map(str::to_owned).collect()
}

fn literals() -> String {
    let crates = rust_files::crates().into_iter();
    let files = crates.flat_map(|package| package.files);
    let mut literals = Literals::default();
    for file in files.filter(|file| !file.path.starts_with("tests/")) {
        file.items.iter().for_each(|item| literals.visit_item(item));
    }
    literals.0
}

/// Collects string literals, also those in macros and attributes.
#[derive(Default)]
struct Literals(String);

impl Literals {
    fn push(&mut self, literal: &LitStr) {
        let text = literal.value().replace("{{", "{ ").replace("}}", " }");
        self.0.push_str(&PLACEHOLDER.replace_all(&text, "\n"));
        self.0.push('\n');
    }

    fn push_all(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.push_all(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str(&literal.to_string()) {
                        self.push(&text);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.push(literal);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.push_all(call.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.push_all(list.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_their_clauses() {
        let known = "error: there is no kind \"capton\"; did you mean \"caption\"?";
        assert_eq!(unknown_clauses(known), Vec::<String>::new());
        let unknown = "error: there is no kind \"capton\"; ask somebody who knows";
        assert_eq!(unknown_clauses(unknown), ["ask somebody who knows"]);
        assert_eq!(unknown_clauses("error: ..."), ["error: ..."]);
    }

    #[test]
    fn a_message_may_go_on_on_the_next_line() {
        let block = "error: a\n  b\nwarning: c\n";
        assert_eq!(of_block(block), ["error: a b", "warning: c"]);
    }
}
