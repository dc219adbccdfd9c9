//! Stretches of media time, and their text.

/// A stretch of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Name of the source; empty where only one is concerned.
    pub(crate) source: String,
    /// Start in milliseconds of media time.
    pub(crate) start_ms: u64,
    /// End in milliseconds of media time.
    pub(crate) end_ms: u64,
}

impl Stretch {
    /// Returns its length in milliseconds.
    pub(crate) fn length_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms)
    }
}

/// Adds a stretch to others in order of time; one that continues the last extends it.
pub(crate) fn extend(stretches: &mut Vec<Stretch>, next: Stretch) {
    match stretches.last_mut() {
        Some(last) if last.source == next.source && next.start_ms <= last.end_ms => {
            last.end_ms = last.end_ms.max(next.end_ms);
        }
        _ => stretches.push(next),
    }
}

/// Returns at most `most` stretches as text, such as "0:04 to 0:08, 0:12 to 0:20 and 3 more"; each names its source if there are
/// several.
pub(crate) fn stretch_text(stretches: &[Stretch], most: usize) -> String {
    let several = stretches
        .iter()
        .any(|stretch| stretch.source != stretches[0].source);
    let shown = stretches.iter().take(most).map(|stretch| {
        let start = clock_text(stretch.start_ms);
        // A stretch within a second ends with that second.
        let next_second = (stretch.start_ms / 1000 + 1) * 1000;
        let span = format!("{start} to {}", clock_text(stretch.end_ms.max(next_second)));
        match several {
            true => format!("{span} of {}", stretch.source),
            false => span,
        }
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match stretches.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Returns a time as minutes and seconds, with hours if there are any.
pub(crate) fn clock_text(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(source: &str, start_ms: u64, end_ms: u64) -> Stretch {
        Stretch {
            source: source.to_owned(),
            start_ms,
            end_ms,
        }
    }

    #[test]
    fn stretches_that_continue_each_other_are_one() {
        let mut all = Vec::new();
        for (source, start, end) in [
            ("a", 0, 4000),
            ("a", 4000, 8000),
            ("a", 9000, 9500),
            ("b", 0, 1),
        ] {
            extend(&mut all, stretch(source, start, end));
        }
        assert_eq!(
            all,
            [
                stretch("a", 0, 8000),
                stretch("a", 9000, 9500),
                stretch("b", 0, 1)
            ]
        );
        assert_eq!(
            stretch_text(&all, 2),
            "0:00 to 0:08 of a, 0:09 to 0:10 of a and 1 more"
        );
        assert_eq!(stretch_text(&all[..1], 2), "0:00 to 0:08");
        assert_eq!(
            stretch_text(&[stretch("a", 3_599_000, 3_661_000)], 1),
            "59:59 to 1:01:01"
        );
    }
}
