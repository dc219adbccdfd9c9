//! Tables of things and of sources: how many segments, and the first and the last hour.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use atom_index::stats::{Hour, Term, TermCount, by_frequency};

use super::label_fitting::shortened;
use crate::output::{TableColumn, borderless_table};

/// Width of an hour, as `2026-11-22 23:00`.
const HOUR_WIDTH: u16 = 16;
/// The columns beside the name: number, first hour, last hour.
const OTHER_COLUMNS: [TableColumn; 3] = [
    TableColumn::right(8, 2),
    TableColumn::left(HOUR_WIDTH, 2),
    TableColumn::left(HOUR_WIDTH, 0),
];
/// Terminal columns that these take, with all gaps.
const OTHER_COLUMNS_WIDTH: usize = 2 + 8 + 2 + 16 + 2 + 16;
/// Smallest width of a name, however narrow the terminal is.
const MIN_NAME_WIDTH: usize = 8;

/// Returns the table of the `top` most frequent things, and the table of all sources, in lines of at most `columns`
/// columns. Hours are those in which the first and the last segment start.
pub fn summary_table(seen: &[TermCount], top: usize, columns: usize, zone: &TimeZone) -> String {
    let ranked = by_frequency(seen);
    let table = |rows| aligned(rows, columns);
    let mut things = vec![header("what", "segments")];
    for (what, segments) in ranked.iter().take(top) {
        let hours = seen.iter().filter(|one| one.term == **what);
        let hours = hours.map(|one| one.hour);
        things.push(row(what.label(), *segments, hours, zone));
    }
    let mut sources = vec![header("source", "things")];
    for (source, of_source) in by_source(seen) {
        let different: BTreeSet<&Term> = of_source.iter().map(|one| &one.term).collect();
        let hours = of_source.iter().map(|one| one.hour);
        sources.push(row(source.to_owned(), different.len() as u64, hours, zone));
    }
    let more = match ranked.len().checked_sub(top) {
        Some(more @ 1..) => format!("and {more} more\n"),
        _ => String::new(),
    };
    format!("{}\n{more}\n{}\n", table(things), table(sources))
}

fn by_source(seen: &[TermCount]) -> BTreeMap<&str, Vec<&TermCount>> {
    let mut sources: BTreeMap<&str, Vec<&TermCount>> = BTreeMap::new();
    for one in seen {
        sources.entry(&one.source).or_default().push(one);
    }
    sources
}

/// Name, number, first hour, last hour.
type Cells = [String; 4];

fn header(name: &str, number: &str) -> Cells {
    [name, number, "first", "last"].map(str::to_owned)
}

fn row(name: String, number: u64, hours: impl Iterator<Item = Hour>, zone: &TimeZone) -> Cells {
    let text = |hour: Hour| shortened(&hour.text(zone), HOUR_WIDTH.into());
    let (first, last) = first_and_last(hours)
        .map(|(first, last)| (text(first), text(last)))
        .unwrap_or_default();
    [name, number.to_string(), first, last]
}

fn aligned(mut rows: Vec<Cells>, columns: usize) -> String {
    let room = columns
        .saturating_sub(OTHER_COLUMNS_WIDTH)
        .max(MIN_NAME_WIDTH);
    for [name, ..] in &mut rows {
        *name = shortened(name, room);
    }
    let [number, first, last] = OTHER_COLUMNS;
    borderless_table([TableColumn::left(0, 2), number, first, last], rows)
}

/// Returns the first and the last of some hours; of those of the clock if there are any.
fn first_and_last(hours: impl Iterator<Item = Hour>) -> Option<(Hour, Hour)> {
    let hours: BTreeSet<Hour> = hours.collect();
    let (clock, media): (Vec<Hour>, Vec<Hour>) = hours.into_iter().partition(|hour| hour.is_wall());
    let comparable = if clock.is_empty() { media } else { clock };
    Some((*comparable.first()?, *comparable.last()?))
}

#[cfg(test)]
mod tests {
    use super::super::{label_fitting::width, tests::seen};
    use super::*;

    #[test]
    fn lists_things_by_frequency_and_sources_by_name_with_their_first_and_last_hour() {
        let mut all = vec![
            seen("door", 498_719, "dog", 2),
            seen("yard", 498_721, "dog", 3),
            seen("door", 498_720, "red", 1),
        ];
        all.push(TermCount {
            hour: Hour::Media(3),
            ..seen("clip", 0, "自転車", 4)
        });
        let expected = "\
what    segments  first             last
dog            5  2026-11-22 23:00  2026-11-23 01:00
自転車         4  3:00:00           3:00:00
and 1 more

source    things  first             last
clip           1  3:00:00           3:00:00
door           2  2026-11-22 23:00  2026-11-23 00:00
yard           1  2026-11-23 01:00  2026-11-23 01:00
";
        assert_eq!(summary_table(&all, 2, 80, &TimeZone::UTC), expected);
    }

    #[test]
    fn a_very_long_name_is_cut_to_the_terminal() {
        let all = [seen("door", 498_719, &"long ".repeat(100), 2)];
        for columns in [60, 200] {
            for line in summary_table(&all, 5, columns, &TimeZone::UTC).lines() {
                assert!(width(line) <= columns, "{line}");
            }
        }
    }
}
