//! Names cut and padded to columns of a terminal, in any script.
//!
//! Wide characters take two columns, combining marks none. A right-to-left name is isolated, so that it does not reverse
//! the line around it.

use atom_operators::printable::printable;
use unicode_truncate::UnicodeTruncateStr;
use unicode_width::UnicodeWidthStr;

use crate::output::isolated;

/// Returns the columns of a terminal that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Returns a text in exactly `columns` columns: shortened, or padded with spaces.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let label = shortened(text, columns);
    let padding = " ".repeat(columns.saturating_sub(width(&label)));
    format!("{}{padding}", isolated(label))
}

/// Returns a printable text in at most `columns` columns, with an ellipsis in its middle if it is cut. What distinguishes names
/// often comes last, as in a question with its answer.
pub(super) fn shortened(text: &str, columns: usize) -> String {
    let text = &*printable(text);
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let (start, _) = text.unicode_truncate(room - room / 3);
    let (end, _) = text.unicode_truncate_start(room / 3);
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_takes_exactly_its_columns() {
        let cases = [
            ("dog", 5, "dog  "),
            ("traffic light", 8, "traff…ht"),
            ("自転車に乗る人", 8, "自転…人 "),
            ("Is it raining? Yes", 10, "Is it …Yes"),
            ("自転車", 6, "自転車"),
            ("cafe\u{301}", 5, "cafe\u{301} "),
            ("כלב", 5, "\u{2068}כלב\u{2069}  "),
            ("d\u{1b}\ng", 12, "d\\u{1b}\\ng  "),
            ("dog", 1, "…"),
            ("dog", 0, ""),
        ];
        for (text, columns, expected) in cases {
            let padded = padded(text, columns);
            assert_eq!(padded, expected);
            assert_eq!(width(&padded), columns, "{text}");
        }
    }
}
