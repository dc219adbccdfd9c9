//! Foreign text made safe to print: names of files, captions, queries, texts of cameras.
//!
//! Such text may hold escape sequences that move the cursor, line breaks that forge a row, or invisible characters that
//! reverse the reading order of a line. Here these become visible escapes such as `\n` and `\u{202e}`; everything else
//! stays as it is. Escaping twice changes nothing.

use std::{borrow::Cow, fmt::Write};

/// Returns true for characters that change how the text around them is shown, or that are not shown at all: control
/// characters, line and paragraph separators, and the formatting characters of Unicode.
///
/// The two joiners are allowed, because words of some scripts and composed emoji need them.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Returns the text with visible escapes in the place of characters that are not printable.
///
/// ```
/// use atom_operators::printable::printable;
/// assert_eq!(printable("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |escaped, character| {
        escaped.extend(character.escape_default());
    })
}

/// Returns a JSON text that holds the same values and only printable characters.
///
/// Outside of its strings, JSON has no such characters but white space, so the text must have none: no line breaks.
///
/// ```
/// use atom_operators::printable::printable_json;
/// assert_eq!(printable_json("{\"source\":\"a\u{202e}b\"}"), "{\"source\":\"a\\u202eb\"}");
/// ```
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(json, |escaped, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(escaped, "\\u{unit:04x}").expect("writing to a String cannot fail");
        }
    })
}

fn escaped(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_unprintable(character) {
            true => escape(&mut escaped, character),
            false => escaped.push(character),
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_hidden_characters_stays_as_it_is() {
        for text in [
            "a b.mp4",
            "Straße",
            "犬",
            "שלום",
            "C:\\x",
            "👩\u{200d}🚒",
            "",
        ] {
            assert_eq!(printable(text), text);
            assert_eq!(printable_json(text), text);
        }
    }

    #[test]
    fn control_characters_line_breaks_and_reordering_become_visible() {
        let cases = [
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gpj\u{202e}.mp4", "gpj\\u{202e}.mp4"),
            ("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}"),
        ];
        for (text, expected) in cases {
            assert_eq!(printable(text), expected);
            assert_eq!(printable(expected), expected);
        }
    }

    #[test]
    fn json_with_escapes_still_holds_the_same_text() {
        let json = "{\"text\":\"\\n\u{9b}犬\u{202e}\u{e0041}\"}";
        let escaped = "{\"text\":\"\\n\\u009b犬\\u202e\\udb40\\udc41\"}";
        assert_eq!(printable_json(json), escaped);
    }
}
