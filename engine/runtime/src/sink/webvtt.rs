//! The WebVTT format: <https://www.w3.org/TR/webvtt1/>.

use super::subtitle_cues::{Cue, clock};

/// The header of the file.
pub(super) const HEADER: &str = "WEBVTT\n\n";

/// Renders a cue with its number as identifier.
pub(super) fn render(number: u64, cue: Cue) -> String {
    let (start, end) = (clock(cue.start_ms, '.'), clock(cue.end_ms, '.'));
    let text = escape(cue.text);
    format!("{number}\n{start} --> {end}\n{text}\n\n")
}

/// Escapes markup, and with `>` also `-->`, which would be read as a time line.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_arrows_are_shown_as_text() {
        let cue = Cue {
            start_ms: 0,
            end_ms: 4000,
            text: "<b>R&amp;D</b>\na --> b",
        };
        assert_eq!(
            render(7, cue),
            "7\n00:00:00.000 --> 00:00:04.000\n&lt;b&gt;R&amp;amp;D&lt;/b&gt;\na --&gt; b\n\n"
        );
    }
}
