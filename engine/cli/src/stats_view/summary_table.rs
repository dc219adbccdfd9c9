//! What was seen, by how many segments, from when to when; and the same of each source.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use atom_index::stats::{Hour, Seen, What, by_frequency};

use super::label::{cut, fitted, width};

/// What the columns beside the name take, with their gaps.
const BESIDE: usize = 2 + 8 + 2 + 16 + 2 + 16;
/// A name keeps at least so many columns, however narrow the terminal is.
const LEAST_NAME: usize = 8;

/// The table of the most frequent things, at most so many, and of all sources, in lines of so many columns. Hours are those in which the
/// first and the last segment begin.
pub fn table(seen: &[Seen], top: usize, columns: usize, zone: &TimeZone) -> String {
    let ranked = by_frequency(seen);
    let mut things = Table::new("what", "segments");
    for (what, segments) in ranked.iter().take(top) {
        let hours = seen.iter().filter(|one| one.what == **what);
        things.add(what.label(), *segments, hours.map(|one| one.hour));
    }
    let mut sources = Table::new("source", "things");
    for (source, of_source) in by_source(seen) {
        let different: BTreeSet<&What> = of_source.iter().map(|one| &one.what).collect();
        let hours = of_source.iter().map(|one| one.hour);
        sources.add(source.to_owned(), different.len() as u64, hours);
    }
    let mut text = things.lines(columns, zone);
    if let Some(more @ 1..) = ranked.len().checked_sub(top) {
        text.push_str(&format!("and {more} more\n"));
    }
    text.push('\n');
    text.push_str(&sources.lines(columns, zone));
    text
}

fn by_source(seen: &[Seen]) -> BTreeMap<&str, Vec<&Seen>> {
    let mut sources: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for one in seen {
        sources.entry(&one.source).or_default().push(one);
    }
    sources
}

struct Table {
    heads: [&'static str; 2],
    lines: Vec<Told>,
}

/// A name, its number, and its first and last hour.
struct Told {
    name: String,
    number: u64,
    hours: Option<(Hour, Hour)>,
}

impl Table {
    fn new(name: &'static str, number: &'static str) -> Self {
        Self {
            heads: [name, number],
            lines: Vec::new(),
        }
    }

    fn add(&mut self, name: String, number: u64, hours: impl Iterator<Item = Hour>) {
        let hours = span(hours);
        self.lines.push(Told {
            name,
            number,
            hours,
        });
    }

    fn lines(&self, columns: usize, zone: &TimeZone) -> String {
        let names = self.lines.iter().map(|told| width(&told.name));
        let longest = names.chain([width(self.heads[0])]).max().unwrap_or(0);
        let name_columns = longest.min(columns.saturating_sub(BESIDE).max(LEAST_NAME));
        let line = |name: &str, number: &str, first: &str, last: &str| {
            let name = fitted(name, name_columns);
            let line = format!("{name}  {number:>8}  {first:<16}  {last}");
            format!("{}\n", line.trim_end())
        };
        let mut text = line(self.heads[0], self.heads[1], "first", "last");
        for Told {
            name,
            number,
            hours,
        } in &self.lines
        {
            let words = |hour: Hour| cut(&hour.text(zone), 16);
            let hours = hours.map(|(first, last)| (words(first), words(last)));
            let (first, last) = hours.unzip();
            text.push_str(&line(
                name,
                &number.to_string(),
                &first.unwrap_or_default(),
                &last.unwrap_or_default(),
            ));
        }
        text
    }
}

/// The first and the last of some hours; those of the clock if there are any.
fn span(hours: impl Iterator<Item = Hour>) -> Option<(Hour, Hour)> {
    let hours: BTreeSet<Hour> = hours.collect();
    let clock: Vec<Hour> = hours
        .iter()
        .copied()
        .filter(|hour| hour.is_wall())
        .collect();
    let of_one_kind = match clock.is_empty() {
        true => hours.into_iter().collect(),
        false => clock,
    };
    Some((*of_one_kind.first()?, *of_one_kind.last()?))
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    #[test]
    fn tells_things_by_frequency_and_sources_by_name_with_their_first_and_last_hour() {
        let mut all = vec![
            seen("door", 498_719, "dog", 2),
            seen("yard", 498_721, "dog", 3),
            seen("door", 498_720, "red", 1),
        ];
        all.push(Seen {
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
        assert_eq!(table(&all, 2, 80, &TimeZone::UTC), expected);
    }

    #[test]
    fn a_very_long_name_is_cut_to_the_terminal() {
        let all = [seen("door", 498_719, &"long ".repeat(100), 2)];
        for columns in [60, 200] {
            for line in table(&all, 5, columns, &TimeZone::UTC).lines() {
                assert!(width(line) <= columns, "{line}");
            }
        }
    }
}
