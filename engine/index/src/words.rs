//! What a person typed, turned into full-text expressions.
//!
//! FTS5 has a syntax of its own, in which `C++ AND (` is an error. Every word goes to it in double quotes, so nothing
//! a person types is syntax but what is promised here: `"several words"` stand together, `-word` shuts rows out.
//! Invariant: any text gives an expression that FTS5 accepts, of bounded size.

use std::collections::BTreeSet;

/// Characters of a query that are looked at; the rest is ignored, so that no text makes a search slow.
const LONGEST_QUERY: usize = 4096;
/// Words or phrases of one kind that are looked for; the rest is ignored.
const MOST_WORDS: usize = 64;
/// English words that say nothing about what is in a picture. Left out unless there is nothing else.
const STOP_WORDS: &[&str] = &[
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "did",
    "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in",
    "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "she", "so", "some", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was",
    "we", "were", "what", "when", "where", "which", "while", "who", "why", "will", "with", "you",
    "your",
];

/// What of `text` says what to look for: the words without a minus, without double quotes.
///
/// This is what a vector should be made of; an embedder does not know that a minus shuts out.
pub fn wanted_text(text: &str) -> String {
    let wanted: Vec<String> = pieces(text)
        .into_iter()
        .filter(|piece| !piece.minus)
        .map(|piece| piece.text)
        .collect();
    wanted.join(" ")
}

/// The full-text expressions of a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// Rows that match any of these are ranked; each an expression of one word or phrase.
    pub(super) wanted: Vec<String>,
    /// Rows that match this are left out.
    pub(super) unwanted: Option<String>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let (minus, mut plus): (Vec<_>, Vec<_>) = pieces(text)
            .into_iter()
            .filter(|piece| piece.text.contains(char::is_alphanumeric))
            .partition(|piece| piece.minus);
        if plus.iter().any(|piece| !piece.says_nothing()) {
            plus.retain(|piece| !piece.says_nothing());
        }
        Self {
            wanted: expressions(plus),
            unwanted: any(&expressions(minus)),
        }
    }
}

/// The expression that matches what any of these matches.
pub(super) fn any(expressions: &[String]) -> Option<String> {
    (!expressions.is_empty()).then(|| expressions.join(" OR "))
}

struct Piece {
    text: String,
    quoted: bool,
    minus: bool,
}

impl Piece {
    fn says_nothing(&self) -> bool {
        let word = self.text.trim_matches(|c: char| !c.is_alphanumeric());
        !self.quoted && STOP_WORDS.contains(&word.to_lowercase().as_str())
    }
}

/// Splits at white space and double quotes; an open quote runs to the end.
fn pieces(text: &str) -> Vec<Piece> {
    let text: String = text.chars().take(LONGEST_QUERY).map(plain).collect();
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let after_minus = rest
            .strip_prefix('-')
            .filter(|after| after.starts_with(|c: char| !c.is_whitespace()));
        let body = after_minus.unwrap_or(rest);
        let inside = body.strip_prefix('"');
        let (piece, left) = match inside {
            Some(inside) => inside.split_once('"').unwrap_or((inside, "")),
            None => body.split_at(body.find([' ', '"']).unwrap_or(body.len())),
        };
        pieces.push(Piece {
            text: piece.trim().to_owned(),
            quoted: inside.is_some(),
            minus: after_minus.is_some(),
        });
        rest = left.trim_start();
    }
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

/// One sign for every kind of double quote, and a space for all that would end FTS5's text early.
fn plain(c: char) -> char {
    match c {
        '“' | '”' | '„' | '«' | '»' => '"',
        c if c.is_whitespace() || c.is_control() => ' ',
        c => c,
    }
}

fn expressions(pieces: Vec<Piece>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    pieces
        .into_iter()
        .map(|piece| piece.text.to_lowercase())
        .filter(|word| seen.insert(word.clone()))
        .take(MOST_WORDS)
        .map(|word| format!("\"{word}\""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> String {
        any(&Words::of(text).wanted).unwrap_or_default()
    }

    fn unwanted(text: &str) -> String {
        Words::of(text).unwanted.unwrap_or_default()
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
    fn phrases_stay_together_and_a_minus_shuts_out() {
        let text = r#"“red ball” bounces -dog -"the cat" well-known - x"#;
        assert_eq!(
            wanted(text),
            r#""red ball" OR "bounces" OR "well-known" OR "x""#
        );
        assert_eq!(unwanted(text), r#""dog" OR "the cat""#);
        assert_eq!(wanted_text(text), "red ball bounces well-known - x");
        assert_eq!(
            wanted("open \"phrase at end"),
            r#""open" OR "phrase at end""#
        );
        assert_eq!(wanted("red\"ball\"blue"), r#""red" OR "ball" OR "blue""#);
    }

    #[test]
    fn stop_words_go_unless_they_are_all_there_is_or_are_quoted() {
        assert_eq!(wanted("Where is the dog?"), r#""dog?""#);
        assert_eq!(wanted("who is it"), r#""who" OR "is" OR "it""#);
        assert_eq!(wanted("\"the\" dog"), r#""the" OR "dog""#);
        assert_eq!(unwanted("dog -the"), r#""the""#);
    }

    #[test]
    fn what_has_no_letter_or_digit_is_no_word() {
        for text in ["", " \t\n", "🚪", "\"\"", "()*^", "-", "\0"] {
            assert!(Words::of(text).wanted.is_empty(), "{text:?}");
        }
        assert_eq!(wanted_text("🚪 -x"), "🚪");
        assert!(Words::of("-dog").wanted.is_empty());
        assert_eq!(wanted("dog\0cat"), r#""dog" OR "cat""#);
    }

    #[test]
    fn a_query_of_any_length_gives_an_expression_of_bounded_length() {
        let many: String = (0..10_000).map(|n| format!("w{n} ")).collect();
        assert_eq!(wanted(&many).matches(" OR ").count(), MOST_WORDS - 1);
        assert_eq!(wanted(&"x".repeat(10_000)).len(), LONGEST_QUERY + 2);
    }
}
