//! The SubRip format, in UTF-8: it has no standard, no header and no escapes.

use super::subtitle_cues::{Cue, clock};

/// Renders a cue with its number.
pub(super) fn render(number: u64, cue: Cue) -> String {
    let (start, end) = (clock(cue.start_ms, ','), clock(cue.end_ms, ','));
    let text = with_short_arrows(cue.text);
    format!("{number}\n{start} --> {end}\n{text}\n\n")
}

/// Shortens arrows of any length to `->`, since some players take `-->` for a time line.
fn with_short_arrows(text: &str) -> String {
    let mut shortened = text.to_owned();
    while shortened.contains("-->") {
        shortened = shortened.replace("-->", "->");
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_arrow_does_not_become_a_time_line() {
        assert_eq!(
            with_short_arrows("a ----> b --> c -> d"),
            "a -> b -> c -> d"
        );
    }

    #[test]
    fn text_is_unchanged_except_for_arrows() {
        let cue = Cue {
            start_ms: 1,
            end_ms: 4000,
            text: "R&D <3\na --> b ----> c",
        };
        assert_eq!(
            render(1, cue),
            "1\n00:00:00,001 --> 00:00:04,000\nR&D <3\na -> b -> c\n\n"
        );
    }
}
