//! The cells of a heat map: the most frequent things by hour, without any drawing.
//!
//! Hours of the clock and hours of videos are different time lines, so each has a heat map of its own. If there are more
//! hours than columns, a column covers several hours; it starts at midnight where possible.

use jiff::tz::TimeZone;

use atom_index::stats::{Hour, Term, TermCount, by_frequency};
use atom_operators::printable::printable;

/// Hours that a column may cover; beyond these, one week doubled any number of times.
const COLUMN_HOURS: [i64; 10] = [1, 2, 3, 4, 6, 8, 12, 24, 48, 96];
const WEEK_HOURS: i64 = 168;

/// The most frequent things by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatMap {
    /// The things, the most frequent one first.
    pub rows: Vec<HeatMapRow>,
    /// The first hour of each column.
    pub column_starts: Vec<Hour>,
    /// Hours that a column covers.
    pub column_hours: i64,
    /// The largest number in a cell.
    pub max: u64,
}

/// A thing by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatMapRow {
    /// The name of the thing.
    pub label: String,
    /// Its segments in each column.
    pub cells: Vec<u64>,
}

impl HeatMapRow {
    /// Returns the segments in all columns.
    pub fn total(&self) -> u64 {
        self.cells.iter().sum()
    }
}

impl HeatMap {
    /// Returns the labels of each column: the day, where a new one starts, and the time.
    pub(super) fn column_labels(&self, zone: &TimeZone) -> Vec<(Option<String>, String)> {
        let mut last_date = None;
        let mut labels = Vec::new();
        for start in &self.column_starts {
            // After a change of clocks, a column of days starts an hour off midnight; its noon is on the right day.
            let noon = if self.has_times() { 0 } else { 12 };
            let date = start
                .with_number(start.number().saturating_add(noon))
                .date(zone);
            let new_date = date.clone().filter(|_| date != last_date);
            labels.push((new_date, start.time(zone)));
            last_date = date;
        }
        labels
    }

    /// Returns true if a column is shorter than a day, so that times of day are worth showing.
    pub(super) fn has_times(&self) -> bool {
        self.column_hours < 24
            || self
                .column_starts
                .first()
                .is_some_and(|first| !first.is_wall())
    }

    /// Formats the start and the end of a column.
    pub(super) fn column_range(&self, column: usize, zone: &TimeZone) -> String {
        let start = self.column_starts[column];
        let end = start.with_number(start.number().saturating_add(self.column_hours));
        format!("{} - {}", start.text(zone), end.text(zone))
    }

    /// Returns the shade of a number: 0 for none, up to `shades` for the largest.
    pub(super) fn shade(&self, segments: u64, shades: u64) -> u64 {
        segments.saturating_mul(shades).div_ceil(self.max.max(1))
    }

    /// Returns the smallest and the largest number of a shade, or `None` if no number has it.
    pub(super) fn shade_range(&self, shade: u64, shades: u64) -> Option<(u64, u64)> {
        let (min, max) = (
            self.max * (shade - 1) / shades + 1,
            self.max * shade / shades,
        );
        (min <= max).then_some((min, max))
    }
}

/// Returns the heat maps of the `top` most frequent things, by the clock and then by the time of videos, each with at
/// most `columns` columns.
pub fn heat_maps(seen: &[TermCount], top: usize, columns: usize, zone: &TimeZone) -> Vec<HeatMap> {
    let (clock, media): (Vec<&TermCount>, Vec<&TermCount>) =
        seen.iter().partition(|one| one.hour.is_wall());
    [clock, media]
        .into_iter()
        .filter_map(|seen| heat_map(&seen, top, columns.max(1) as i64, zone))
        .collect()
}

fn heat_map(seen: &[&TermCount], top: usize, columns: i64, zone: &TimeZone) -> Option<HeatMap> {
    let hours = seen.iter().map(|one| one.hour);
    let (first, last) = (hours.clone().min()?, hours.max()?);
    let offset = first.ahead(zone);
    let column = |hour: Hour, size: i64| (hour.number() + offset).div_euclid(size);
    let size = column_sizes().find(|size| column(last, *size) - column(first, *size) < columns)?;
    let (left, right) = (column(first, size), column(last, size));
    let row = |(what, _): (&Term, u64)| {
        let mut cells = vec![0; (right - left + 1) as usize];
        for one in seen.iter().filter(|one| one.term == *what) {
            cells[(column(one.hour, size) - left) as usize] += one.segments;
        }
        HeatMapRow {
            label: printable(&what.label()).into_owned(),
            cells,
        }
    };
    let ranked = by_frequency(seen.iter().copied()).into_iter();
    let rows: Vec<HeatMapRow> = ranked.take(top).map(row).collect();
    let max = rows.iter().flat_map(|row| &row.cells).max();
    Some(HeatMap {
        max: max.copied().unwrap_or(0),
        column_starts: (left..=right)
            .map(|column| first.with_number(column * size - offset))
            .collect(),
        rows,
        column_hours: size,
    })
}

fn column_sizes() -> impl Iterator<Item = i64> {
    let weeks = (0..40).map(|doublings| WEEK_HOURS << doublings);
    COLUMN_HOURS.into_iter().chain(weeks)
}

/// Formats the hours that a column covers.
pub(super) fn hours_in_words(hours: i64) -> String {
    match (hours, hours % WEEK_HOURS, hours % 24) {
        (1, ..) => "an hour".to_owned(),
        (24, ..) => "a day".to_owned(),
        (WEEK_HOURS, ..) => "a week".to_owned(),
        (_, 0, _) => format!("{} weeks", hours / WEEK_HOURS),
        (_, _, 0) => format!("{} days", hours / 24),
        _ => format!("{hours} hours"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    /// Midnight of 2026-11-23 (UTC).
    const MIDNIGHT: i64 = 498_720;

    fn only(seen: &[TermCount], columns: usize, zone: &TimeZone) -> HeatMap {
        let mut maps = heat_maps(seen, 10, columns, zone);
        assert_eq!(maps.len(), 1);
        maps.remove(0)
    }

    #[test]
    fn each_hour_has_a_column_where_there_is_room_and_the_most_frequent_comes_first() {
        let all = [
            seen("door", MIDNIGHT, "cat", 1),
            seen("door", MIDNIGHT, "dog", 4),
            seen("yard", MIDNIGHT, "dog", 3),
            seen("door", MIDNIGHT + 2, "dog", 1),
        ];
        let map = only(&all, 80, &TimeZone::UTC);
        let rows: Vec<_> = map
            .rows
            .iter()
            .map(|row| (row.label.as_str(), &row.cells[..]))
            .collect();
        assert_eq!(rows, [("dog", &[7, 0, 1][..]), ("cat", &[1, 0, 0])]);
        assert_eq!((map.column_hours, map.max), (1, 7));
        assert_eq!(map.rows[0].total(), 8);
    }

    #[test]
    fn hundreds_of_hours_are_merged_into_columns_that_start_at_local_midnight() {
        let all: Vec<TermCount> = (0..300)
            .map(|hour| seen("door", MIDNIGHT + 5 + hour, "dog", 1))
            .collect();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (columns, step, count) in [(400, 1, 300), (60, 6, 50), (20, 24, 13)] {
            let map = only(&all, columns, &berlin);
            assert_eq!((map.column_hours, map.column_starts.len()), (step, count));
            assert_eq!(map.rows[0].total(), 300);
        }
        assert!(only(&all, 2, &berlin).column_starts.len() <= 2);
        let days = only(&all, 20, &berlin);
        assert!(
            days.column_starts
                .iter()
                .all(|start| start.time(&berlin) == "00:00")
        );
    }

    #[test]
    fn days_keep_their_dates_after_clocks_are_put_back() {
        // Berlin put its clocks back on 2026-10-25.
        let midnight = MIDNIGHT - 30 * 24 - 2;
        let all: Vec<TermCount> = (0..20)
            .map(|day| seen("door", midnight + day * 24 + 5, "dog", 1))
            .collect();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let days = only(&all, 20, &berlin);
        assert_eq!(days.column_hours, 24);
        let dates: Vec<_> = days
            .column_labels(&berlin)
            .into_iter()
            .filter_map(|day| day.0)
            .collect();
        assert_eq!(dates[0], "2026-10-24");
        assert_eq!((dates.len(), dates[19].as_str()), (20, "2026-11-12"));
    }

    #[test]
    fn the_clock_and_the_time_of_videos_have_a_heat_map_each() {
        let media = TermCount {
            hour: Hour::Media(4),
            ..seen("clip", 0, "dog", 1)
        };
        let all = [seen("door", MIDNIGHT, "dog", 1), media];
        let maps = heat_maps(&all, 10, 10, &TimeZone::UTC);
        let starts: Vec<_> = maps.iter().map(|map| map.column_starts.clone()).collect();
        assert_eq!(starts, [[Hour::Wall(MIDNIGHT)], [Hour::Media(4)]]);
        assert!(heat_maps(&[], 10, 10, &TimeZone::UTC).is_empty());
    }

    #[test]
    fn every_number_belongs_to_a_shade() {
        for most in [1, 2, 3, 4, 5, 7, 100] {
            let map = HeatMap {
                rows: Vec::new(),
                column_starts: Vec::new(),
                column_hours: 1,
                max: most,
            };
            assert_eq!(map.shade(0, 4), 0);
            assert_eq!(map.shade(most, 4), 4);
            for n in 1..=most {
                let (min, max) = map.shade_range(map.shade(n, 4), 4).unwrap();
                assert!((min..=max).contains(&n), "{n} of {most}");
            }
        }
    }

    #[test]
    fn hours_that_are_years_apart_still_fit() {
        let all = [seen("door", 0, "dog", 1), seen("door", MIDNIGHT, "dog", 1)];
        let map = only(&all, 10, &TimeZone::UTC);
        assert!(map.column_starts.len() <= 10 && map.column_hours % WEEK_HOURS == 0);
    }

    #[test]
    fn hours_are_formatted_in_the_largest_unit() {
        assert_eq!(
            [1, 3, 24, 48, 168, 336].map(hours_in_words),
            ["an hour", "3 hours", "a day", "2 days", "a week", "2 weeks"]
        );
    }
}
