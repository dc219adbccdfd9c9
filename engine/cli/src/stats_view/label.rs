//! Names cut and padded to columns of a terminal, whatever script they are in.
//!
//! Wide characters take two columns, marks above and below none. A name that is written from right to left is set apart, so
//! that it does not turn the line around in which it stands.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a terminal that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// A text in so many columns: cut with a sign that it goes on, or filled up with spaces.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    let cut = cut(text, columns);
    let missing = columns.saturating_sub(width(&cut));
    format!("{}{}", set_apart(cut), " ".repeat(missing))
}

/// A text in at most so many columns. It is cut in its middle, since what tells names apart often stands last, as an answer does.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(kept) = columns.checked_sub(1) else {
        return String::new();
    };
    let end = kept / 3;
    let begin = within(text.chars(), kept - end);
    let end = within(text.chars().rev(), end);
    let end: String = end.chars().rev().collect();
    format!("{begin}…{end}")
}

/// As many characters as there is room for.
fn within(characters: impl Iterator<Item = char>, mut columns: usize) -> String {
    let fits = |c: &char| {
        let left = columns.checked_sub(c.width().unwrap_or(0));
        columns = left.unwrap_or(columns);
        left.is_some()
    };
    characters.take_while(fits).collect()
}

fn set_apart(text: String) -> String {
    match text.chars().any(is_right_to_left) {
        true => format!("\u{2068}{text}\u{2069}"),
        false => text,
    }
}

/// Hebrew, Arabic and the scripts that stand beside them.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_takes_just_its_columns() {
        let cases = [
            ("dog", 5, "dog  "),
            ("traffic light", 8, "traff…ht"),
            ("自転車に乗る人", 8, "自転…人 "),
            ("Is it raining? Yes", 10, "Is it …Yes"),
            ("自転車", 6, "自転車"),
            ("cafe\u{301}", 5, "cafe\u{301} "),
            ("כלב", 5, "\u{2068}כלב\u{2069}  "),
            ("dog", 1, "…"),
            ("dog", 0, ""),
        ];
        for (text, columns, expected) in cases {
            let fitted = fitted(text, columns);
            assert_eq!(fitted, expected);
            assert_eq!(width(&fitted), columns, "{text}");
        }
    }
}
