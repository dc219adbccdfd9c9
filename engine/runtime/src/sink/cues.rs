//! Makes cues of records: one after the other, never overlapping.
//!
//! A caption and the answers about the same segment share their time, and players show overlapping cues badly. So at
//! any moment all texts that hold then stand in one cue, a line each: captions first, then answers by node. Texts that
//! overlap only in part give a cue for each stretch in which the same texts hold.
//! Invariant: cues leave in order, and only once no later record can change them.

use super::{Record, SinkError};

/// A stretch of time and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cue<'a> {
    /// Media time at which it appears, in milliseconds.
    pub(super) start_ms: u64,
    /// Media time at which it goes, in milliseconds; later than its start.
    pub(super) end_ms: u64,
    /// Its lines, joined by newlines; none is blank.
    pub(super) text: &'a str,
}

/// Texts that still hold, and the time through which cues have left.
#[derive(Default)]
pub(super) struct Cues {
    holding: Vec<Held>,
    written_ms: u64,
}

struct Held {
    /// Nothing for a caption, so that it stands first.
    node: Option<String>,
    text: String,
    end_ms: u64,
}

impl Cues {
    /// Takes a record, and gives the cues before it to `write`. `name` stands for the sink in errors.
    ///
    /// A record of no length is shown for one millisecond; one whose text is blank is left out.
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
            self.holding.push(Held {
                node: record.node().map(str::to_owned),
                text,
                end_ms: record.end_ms.max(record.start_ms.saturating_add(1)),
            });
            self.holding.sort_by(|a, b| a.node.cmp(&b.node));
        }
        before
    }

    /// Gives the cues that end by `through_ms`, knowing that no record will begin before it.
    pub(super) fn complete(
        &mut self,
        through_ms: u64,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.release(through_ms, false, write)
    }

    /// Gives all cues that are left.
    pub(super) fn finish(
        &mut self,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.release(u64::MAX, false, write)
    }

    /// Goes from one end of a text to the next while they lie before `until_ms`, and with `cut` up to it. A cue that
    /// fails does not come again, nor does it keep the others back; the first failure is told.
    fn release(
        &mut self,
        until_ms: u64,
        cut: bool,
        write: &mut dyn FnMut(Cue) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut outcome = Ok(());
        while let Some(first_end) = self.holding.iter().map(|held| held.end_ms).min() {
            if first_end > until_ms && (!cut || until_ms == self.written_ms) {
                return outcome;
            }
            let text: Vec<&str> = self.holding.iter().map(|held| held.text.as_str()).collect();
            let cue = Cue {
                start_ms: self.written_ms,
                end_ms: first_end.min(until_ms),
                text: &text.join("\n"),
            };
            outcome = outcome.and(write(cue));
            self.written_ms = cue.end_ms;
            self.holding.retain(|held| held.end_ms > cue.end_ms);
        }
        if cut {
            self.written_ms = until_ms;
        }
        outcome
    }
}

/// Milliseconds as `HH:MM:SS` with `mark` before three digits; hours are always there and may have more digits.
pub(super) fn clock(ms: u64, mark: char) -> String {
    let seconds = ms / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}{mark}{:03}",
        seconds % 60,
        ms % 1000
    )
}

/// A blank line would end a cue, and a control character may end a file for some players.
fn without_blank_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split([
            '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}',
        ])
        .map(|line| line.replace(char::is_control, " ").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{answer, caption};
    use super::*;

    type Written = Vec<(u64, u64, String)>;

    fn all(records: &[Record]) -> Written {
        let (mut cues, mut written) = (Cues::default(), Written::new());
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
        let cues: Written = cues
            .iter()
            .map(|(s, e, t)| (*s, *e, (*t).to_owned()))
            .collect();
        assert_eq!(all(records), cues);
    }

    #[test]
    fn a_segments_caption_and_answers_make_one_cue_whatever_order_they_come_in() {
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
    fn texts_that_overlap_in_part_are_shown_together_where_they_do() {
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
    fn gaps_stay_gaps_and_a_record_of_no_length_shows_for_a_millisecond() {
        let records = [caption(1000, 1000, "a"), caption(5000, 4000, "b")];
        expect(&records, &[(1000, 1001, "a"), (5000, 5001, "b")]);
    }

    #[test]
    fn blank_lines_and_blank_texts_go() {
        let records = [caption(0, 1, " a \r\n\r\n\tb\0c\n"), caption(1, 2, " \n ")];
        expect(&records, &[(0, 1, "a\nb c")]);
    }

    #[test]
    fn a_cue_leaves_when_its_time_is_complete_and_not_before() {
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
