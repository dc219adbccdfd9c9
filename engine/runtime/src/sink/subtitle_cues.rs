//! Turns records into cues that follow one another and never overlap.
//!
//! A caption and the answers about the same segment share their time, and players show overlapping cues badly. So all texts of a
//! moment go into one cue, a line each: captions first, then answers by node. Texts that overlap in part give one cue for each
//! span with the same texts.
//! Invariant: cues are written in order, and only once no later record can change them.

use atom_operators::printable::is_unprintable;

use super::{error::SinkError, result_record::Record};

/// A span of time with its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cue<'a> {
    /// Media time at which it appears, in milliseconds.
    pub(super) start_ms: u64,
    /// Media time at which it disappears, in milliseconds; later than its start.
    pub(super) end_ms: u64,
    /// Its lines, joined by newlines; none is blank.
    pub(super) text: &'a str,
}

/// The texts that are still shown, and the time through which cues are written.
#[derive(Default)]
pub(super) struct Cues {
    active: Vec<ActiveText>,
    written_ms: u64,
}

/// A text that is still shown.
struct ActiveText {
    /// `None` for a caption, so that it comes first.
    node: Option<String>,
    text: String,
    end_ms: u64,
}

impl Cues {
    /// Adds a record, and passes the cues before it to `write`. Errors call the sink `name`.
    ///
    /// A record of no length is shown for one millisecond; one with a blank text is skipped.
    pub(super) fn push(
        &mut self,
        record: &Record,
        name: &str,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        if record.start_ms < self.written_ms {
            return Err(SinkError::Late {
                name: name.to_owned(),
                start_ms: record.start_ms,
                written_ms: self.written_ms,
            });
        }
        let before = self.release(record.start_ms, true, write);
        let text = without_blank_lines(&record.text);
        if !text.is_empty() {
            self.active.push(ActiveText {
                node: record.node().map(str::to_owned),
                text,
                end_ms: record.end_ms.max(record.start_ms.saturating_add(1)),
            });
            self.active.sort_by(|a, b| a.node.cmp(&b.node));
        }
        before
    }

    /// Passes on the cues that end by `through_ms`, given that no record will start before it.
    pub(super) fn complete(
        &mut self,
        through_ms: u64,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.release(through_ms, false, write)
    }

    /// Passes on all cues that are left.
    pub(super) fn finish(
        &mut self,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.release(u64::MAX, false, write)
    }

    /// Passes on the cue up to each end of a text before `until_ms`, and with `cut` up to `until_ms` itself. A cue that fails is not
    /// tried again and does not hold up the others; the first error is returned.
    fn release(
        &mut self,
        until_ms: u64,
        cut: bool,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut result = Ok(());
        while let Some(first_end) = self.active.iter().map(|text| text.end_ms).min() {
            if first_end > until_ms && (!cut || until_ms == self.written_ms) {
                return result;
            }
            let lines: Vec<&str> = self.active.iter().map(|text| text.text.as_str()).collect();
            let cue = Cue {
                start_ms: self.written_ms,
                end_ms: first_end.min(until_ms),
                text: &lines.join("\n"),
            };
            result = result.and(write(cue));
            self.written_ms = cue.end_ms;
            self.active.retain(|text| text.end_ms > cue.end_ms);
        }
        if cut {
            self.written_ms = until_ms;
        }
        result
    }
}

/// Formats milliseconds as `HH:MM:SS` with `mark` before three digits; hours are always written and may have more digits.
pub(super) fn clock(ms: u64, mark: char) -> String {
    let seconds = ms / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}{mark}{:03}",
        seconds % 60,
        ms % 1000
    )
}

/// Removes blank lines, which would end a cue, control characters, which end the file for some players, and invisible
/// characters, which may reverse the line.
fn without_blank_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split([
            '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}',
        ])
        .map(|line| line.replace(char::is_control, " "))
        .map(|line| line.replace(is_unprintable, "").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{
        super::test_records::{answer, caption},
        *,
    };

    type WrittenCues = Vec<(u64, u64, String)>;

    fn all(records: &[Record]) -> WrittenCues {
        let (mut cues, mut written) = (Cues::default(), WrittenCues::new());
        let mut write = |cue: Cue| {
            written.push((cue.start_ms, cue.end_ms, cue.text.to_owned()));
            Ok(())
        };
        for record in records {
            cues.push(record, "out", &mut write).unwrap();
        }
        cues.finish(&mut write).unwrap();
        written
    }

    fn expect(records: &[Record], cues: &[(u64, u64, &str)]) {
        let cues: WrittenCues = cues
            .iter()
            .map(|(s, e, t)| (*s, *e, (*t).to_owned()))
            .collect();
        assert_eq!(all(records), cues);
    }

    #[test]
    fn a_segments_caption_and_answers_make_one_cue_in_any_order() {
        let records = [
            answer(0, 4000, "visitor", "No."),
            caption(0, 4000, "a hall"),
            answer(0, 4000, "light", "Yes."),
            caption(4000, 8000, "a door"),
        ];
        let cues = [(0, 4000, "a hall\nYes.\nNo."), (4000, 8000, "a door")];
        expect(&records, &cues);
    }

    #[test]
    fn texts_that_overlap_in_part_are_shown_together_while_they_overlap() {
        let records = [
            answer(0, 9000, "visitor", "No."),
            caption(0, 4000, "a"),
            caption(4000, 8000, "b"),
            caption(10_000, 11_000, "c"),
        ];
        let cues = [
            (0, 4000, "a\nNo."),
            (4000, 8000, "b\nNo."),
            (8000, 9000, "No."),
            (10_000, 11_000, "c"),
        ];
        expect(&records, &cues);
    }

    #[test]
    fn gaps_stay_and_a_record_of_no_length_is_shown_for_a_millisecond() {
        let records = [caption(1000, 1000, "a"), caption(5000, 4000, "b")];
        expect(&records, &[(1000, 1001, "a"), (5000, 5001, "b")]);
    }

    #[test]
    fn blank_lines_and_blank_texts_are_removed() {
        let records = [caption(0, 1, " a \r\n\r\n\tb\0c\n"), caption(1, 2, " \n ")];
        expect(&records, &[(0, 1, "a\nb c")]);
    }

    #[test]
    fn a_cue_is_written_when_its_time_is_complete_and_not_before() {
        let mut cues = Cues::default();
        let mut ends = Vec::new();
        let mut write = |cue: Cue| {
            ends.push(cue.end_ms);
            Ok(())
        };
        cues.push(&caption(0, 4000, "a"), "out", &mut write)
            .unwrap();
        cues.complete(3999, &mut write).unwrap();
        cues.push(&answer(0, 4000, "n", "b"), "out", &mut write)
            .unwrap();
        cues.complete(4000, &mut write).unwrap();
        cues.complete(4000, &mut write).unwrap();
        assert_eq!(ends, [4000]);
    }

    #[test]
    fn a_record_whose_time_has_been_written_is_refused() {
        let mut cues = Cues::default();
        let mut write = |_: Cue| Ok(());
        cues.push(&caption(4000, 8000, "a"), "out", &mut write)
            .unwrap();
        let late = cues.push(&caption(0, 4000, "b"), "out", &mut write);
        assert!(matches!(
            late,
            Err(SinkError::Late {
                written_ms: 4000,
                ..
            })
        ));
    }

    #[test]
    fn hours_are_always_written() {
        assert_eq!(clock(0, '.'), "00:00:00.000");
        assert_eq!(clock(3_661_001, ','), "01:01:01,001");
        assert_eq!(clock(360_000_000, '.'), "100:00:00.000");
    }
}
