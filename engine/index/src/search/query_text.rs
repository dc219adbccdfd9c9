//! Turns typed text into full-text expressions.
//!
//! FTS5 has a syntax of its own, in which `C++ AND (` is an error. Every word is passed in double quotes, so nothing
//! a person types is syntax except what is promised here: `"several words"` are a phrase, `-word` excludes rows.
//! Invariant: any text gives an expression that FTS5 accepts, of bounded size.

use std::collections::BTreeSet;

/// Characters of a query that are read; the rest is ignored, so that no text makes a search slow.
const MAX_CHARACTERS: usize = 4096;
/// Words or phrases of one kind that are used; the rest is ignored.
const MAX_WORDS: usize = 64;
/// English words that do not describe the content of a frame. Ignored unless there is nothing else.
const STOP_WORDS: &[&str] = &[
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "did",
    "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in",
    "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "she", "so", "some", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was",
    "we", "were", "what", "when", "where", "which", "while", "who", "why", "will", "with", "you",
    "your",
];

/// Returns the part of `text` to search for: the words without a minus, without double quotes.
///
/// Make the query vector of this text; an embedder does not know that a minus excludes.
pub fn text_to_embed(text: &str) -> String {
    let wanted: Vec<String> = terms(text)
        .into_iter()
        .filter(|term| !term.excluded)
        .map(|term| term.text)
        .collect();
    wanted.join(" ")
}

/// The full-text expressions of a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FtsQuery {
    /// Expressions of one word or phrase each; rows that match any of them are ranked.
    pub(super) wanted: Vec<String>,
    /// An expression for the rows to exclude.
    pub(super) unwanted: Option<String>,
}

impl FtsQuery {
    pub(super) fn parse(text: &str) -> Self {
        let (minus, mut plus): (Vec<_>, Vec<_>) = terms(text)
            .into_iter()
            .filter(|term| term.text.contains(char::is_alphanumeric))
            .partition(|term| term.excluded);
        if plus.iter().any(|term| !term.is_stop_word()) {
            plus.retain(|term| !term.is_stop_word());
        }
        Self {
            wanted: expressions(plus),
            unwanted: any_of(&expressions(minus)),
        }
    }
}

/// Returns the expression that matches whatever one of these matches.
pub(super) fn any_of(expressions: &[String]) -> Option<String> {
    (!expressions.is_empty()).then(|| expressions.join(" OR "))
}

/// A word or phrase as typed.
struct QueryTerm {
    text: String,
    quoted: bool,
    excluded: bool,
}

impl QueryTerm {
    fn is_stop_word(&self) -> bool {
        let word = self.text.trim_matches(|c: char| !c.is_alphanumeric());
        !self.quoted && STOP_WORDS.contains(&word.to_lowercase().as_str())
    }
}

/// Splits at white space and double quotes; an open quote runs to the end.
fn terms(text: &str) -> Vec<QueryTerm> {
    let text: String = text.chars().take(MAX_CHARACTERS).map(normalize).collect();
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let after_minus = rest
            .strip_prefix('-')
            .filter(|after| after.starts_with(|c: char| !c.is_whitespace()));
        let body = after_minus.unwrap_or(rest);
        let inside = body.strip_prefix('"');
        let (term, left) = match inside {
            Some(inside) => inside.split_once('"').unwrap_or((inside, "")),
            None => body.split_at(body.find([' ', '"']).unwrap_or(body.len())),
        };
        terms.push(QueryTerm {
            text: term.trim().to_owned(),
            quoted: inside.is_some(),
            excluded: after_minus.is_some(),
        });
        rest = left.trim_start();
    }
    terms.retain(|term| !term.text.is_empty());
    terms
}

/// Maps every kind of double quote to one, and all that would end FTS5's text early to a space.
fn normalize(c: char) -> char {
    match c {
        '“' | '”' | '„' | '«' | '»' => '"',
        c if c.is_whitespace() || c.is_control() => ' ',
        c => c,
    }
}

fn expressions(terms: Vec<QueryTerm>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    terms
        .into_iter()
        .map(|term| term.text.to_lowercase())
        .filter(|word| seen.insert(word.clone()))
        .take(MAX_WORDS)
        .map(|word| format!("\"{word}\""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> String {
        any_of(&FtsQuery::parse(text).wanted).unwrap_or_default()
    }

    fn unwanted(text: &str) -> String {
        FtsQuery::parse(text).unwanted.unwrap_or_default()
    }

    #[test]
    fn words_are_quoted_and_joined_by_or() {
        assert_eq!(wanted("Red ball  RED"), r#""red" OR "ball""#);
        assert_eq!(wanted("C++ AND ("), r#""c++""#);
        assert_eq!(
            wanted("caption:dog NEAR(x*"),
            r#""caption:dog" OR "near(x*""#
        );
    }

    #[test]
    fn phrases_stay_together_and_a_minus_excludes() {
        let text = r#"“red ball” bounces -dog -"the cat" well-known - x"#;
        assert_eq!(
            wanted(text),
            r#""red ball" OR "bounces" OR "well-known" OR "x""#
        );
        assert_eq!(unwanted(text), r#""dog" OR "the cat""#);
        assert_eq!(text_to_embed(text), "red ball bounces well-known - x");
        assert_eq!(
            wanted("open \"phrase at end"),
            r#""open" OR "phrase at end""#
        );
        assert_eq!(wanted("red\"ball\"blue"), r#""red" OR "ball" OR "blue""#);
    }

    #[test]
    fn stop_words_are_ignored_unless_quoted_or_alone() {
        assert_eq!(wanted("Where is the dog?"), r#""dog?""#);
        assert_eq!(wanted("who is it"), r#""who" OR "is" OR "it""#);
        assert_eq!(wanted("\"the\" dog"), r#""the" OR "dog""#);
        assert_eq!(unwanted("dog -the"), r#""the""#);
    }

    #[test]
    fn a_term_without_letter_or_digit_is_not_a_word() {
        for text in ["", " \t\n", "🚪", "\"\"", "()*^", "-", "\0"] {
            assert!(FtsQuery::parse(text).wanted.is_empty(), "{text:?}");
        }
        assert_eq!(text_to_embed("🚪 -x"), "🚪");
        assert!(FtsQuery::parse("-dog").wanted.is_empty());
        assert_eq!(wanted("dog\0cat"), r#""dog" OR "cat""#);
    }

    #[test]
    fn a_query_of_any_length_gives_an_expression_of_bounded_length() {
        let many: String = (0..10_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(wanted(&many).matches(" OR ").count(), MAX_WORDS - 1);
        assert_eq!(wanted(&"x".repeat(10_000)).len(), MAX_CHARACTERS + 2);
    }
}
