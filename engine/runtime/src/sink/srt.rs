//! The SubRip format, in UTF-8: it has no standard, no header and no escapes.

use super::subtitle_cues::{Cue, clock};

/// Renders a cue with its number. An arrow in the text is shortened, since some players take it for a time line.
pub(super) fn render(number: u64, cue: Cue) -> String {
    let (start, end) = (clock(cue.start_ms, ','), clock(cue.end_ms, ','));
    let text = cue.text.replace("-->", "->");
    format!("{number}\n{start} --> {end}\n{text}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_unchanged_except_for_arrows() {
        let cue = Cue {
            start_ms: 1,
            end_ms: 4000,
            text: "R&D <3\na --> b",
        };
        assert_eq!(
            render(1, cue),
            "1\n00:00:00,001 --> 00:00:04,000\nR&D <3\na -> b\n\n"
        );
    }
}
