//! The most frequent things by hour: what stands in which cell of a heat map.
//!
//! Hours of the clock and hours of videos are different lines of time, so each has a map of its own. Where there are more hours than
//! columns, a column stands for several, which begin at midnight if they can.

use jiff::tz::TimeZone;

use atom_index::stats::{Hour, Seen, What, by_frequency};

/// Hours that a column may stand for; after these, any number of weeks.
const STEPS: [i64; 10] = [1, 2, 3, 4, 6, 8, 12, 24, 48, 96];
const WEEK: i64 = 168;

/// Things by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heat {
    /// The most frequent thing first.
    pub lines: Vec<Line>,
    /// The first hour of each column.
    pub begins: Vec<Hour>,
    /// Hours of a column.
    pub step: i64,
    /// The largest number in a cell.
    pub most: u64,
}

/// A thing by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The thing.
    pub label: String,
    /// Its segments in each column.
    pub cells: Vec<u64>,
}

impl Line {
    /// Its segments in all columns.
    pub fn total(&self) -> u64 {
        self.cells.iter().sum()
    }
}

impl Heat {
    /// The day, where a new one begins, and the time at each column.
    pub(super) fn times(&self, zone: &TimeZone) -> Vec<(Option<String>, String)> {
        let mut before = None;
        let mut times = Vec::new();
        for begin in &self.begins {
            // Where clocks were changed, a column of days begins an hour beside midnight: its noon is in the day that is meant.
            let noon = if self.has_times() { 0 } else { 12 };
            let date = begin
                .with_number(begin.number().saturating_add(noon))
                .date(zone);
            let new = date.clone().filter(|_| date != before);
            times.push((new, begin.time(zone)));
            before = date;
        }
        times
    }

    /// Whether a column is shorter than a day, so that times of day tell something.
    pub(super) fn has_times(&self) -> bool {
        self.step < 24 || self.begins.first().is_some_and(|first| !first.is_wall())
    }

    /// From when to when a column goes.
    pub(super) fn column(&self, at: usize, zone: &TimeZone) -> String {
        let begin = self.begins[at];
        let end = begin.with_number(begin.number().saturating_add(self.step));
        format!("{} - {}", begin.text(zone), end.text(zone))
    }

    /// The shade of a number, from 0 for none to so many for the most.
    pub(super) fn shade(&self, segments: u64, shades: u64) -> u64 {
        segments.saturating_mul(shades).div_ceil(self.most.max(1))
    }

    /// The smallest and the largest number of a shade, if any has it.
    pub(super) fn numbers(&self, shade: u64, shades: u64) -> Option<(u64, u64)> {
        let (least, most) = (
            self.most * (shade - 1) / shades + 1,
            self.most * shade / shades,
        );
        (least <= most).then_some((least, most))
    }
}

/// The heat maps of the most frequent things, so many at most, by the clock and then by the time of videos; each of at most so many
/// columns.
pub fn heats(seen: &[Seen], top: usize, columns: usize, zone: &TimeZone) -> Vec<Heat> {
    let (clock, media): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|one| one.hour.is_wall());
    let maps = [clock, media].into_iter();
    maps.filter_map(|seen| heat(&seen, top, columns.max(1) as i64, zone))
        .collect()
}

fn heat(seen: &[&Seen], top: usize, columns: i64, zone: &TimeZone) -> Option<Heat> {
    let hours = seen.iter().map(|one| one.hour);
    let (first, last) = (hours.clone().min()?, hours.max()?);
    let ahead = first.ahead(zone);
    let column = |hour: Hour, step: i64| (hour.number() + ahead).div_euclid(step);
    let step = steps().find(|step| column(last, *step) - column(first, *step) < columns)?;
    let (left, right) = (column(first, step), column(last, step));
    let line = |(what, _): (&What, u64)| {
        let mut cells = vec![0; (right - left + 1) as usize];
        for one in seen.iter().filter(|one| one.what == *what) {
            cells[(column(one.hour, step) - left) as usize] += one.segments;
        }
        Line {
            label: what.label(),
            cells,
        }
    };
    let ranked = by_frequency(seen.iter().copied()).into_iter();
    let lines: Vec<Line> = ranked.take(top).map(line).collect();
    let most = lines.iter().flat_map(|line| &line.cells).max();
    Some(Heat {
        most: most.copied().unwrap_or(0),
        begins: (left..=right)
            .map(|column| first.with_number(column * step - ahead))
            .collect(),
        lines,
        step,
    })
}

fn steps() -> impl Iterator<Item = i64> {
    let weeks = (0..40).map(|doublings| WEEK << doublings);
    STEPS.into_iter().chain(weeks)
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    /// Midnight of 2026-11-23 (UTC).
    const MIDNIGHT: i64 = 498_720;

    fn only(seen: &[Seen], columns: usize, zone: &TimeZone) -> Heat {
        let mut heats = heats(seen, 10, columns, zone);
        assert_eq!(heats.len(), 1);
        heats.remove(0)
    }

    #[test]
    fn each_hour_has_a_column_where_there_is_room_and_the_most_frequent_comes_first() {
        let all = [
            seen("door", MIDNIGHT, "cat", 1),
            seen("door", MIDNIGHT, "dog", 4),
            seen("yard", MIDNIGHT, "dog", 3),
            seen("door", MIDNIGHT + 2, "dog", 1),
        ];
        let heat = only(&all, 80, &TimeZone::UTC);
        let lines: Vec<_> = heat
            .lines
            .iter()
            .map(|line| (line.label.as_str(), &line.cells[..]))
            .collect();
        assert_eq!(lines, [("dog", &[7, 0, 1][..]), ("cat", &[1, 0, 0])]);
        assert_eq!((heat.step, heat.most), (1, 7));
        assert_eq!(heat.lines[0].total(), 8);
    }

    #[test]
    fn hundreds_of_hours_are_merged_and_begin_at_midnight_of_the_place() {
        let all: Vec<Seen> = (0..300)
            .map(|hour| seen("door", MIDNIGHT + 5 + hour, "dog", 1))
            .collect();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (columns, step, count) in [(400, 1, 300), (60, 6, 50), (20, 24, 13)] {
            let heat = only(&all, columns, &berlin);
            assert_eq!((heat.step, heat.begins.len()), (step, count));
            assert_eq!(heat.lines[0].total(), 300);
        }
        assert!(only(&all, 2, &berlin).begins.len() <= 2);
        let days = only(&all, 20, &berlin);
        assert!(
            days.begins
                .iter()
                .all(|begin| begin.time(&berlin) == "00:00")
        );
    }

    #[test]
    fn days_have_their_names_also_after_clocks_were_put_back() {
        // Berlin put its clocks back on 2026-10-25.
        let midnight = MIDNIGHT - 30 * 24 - 2;
        let all: Vec<Seen> = (0..20)
            .map(|day| seen("door", midnight + day * 24 + 5, "dog", 1))
            .collect();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let days = only(&all, 20, &berlin);
        assert_eq!(days.step, 24);
        let dates: Vec<_> = days
            .times(&berlin)
            .into_iter()
            .filter_map(|day| day.0)
            .collect();
        assert_eq!(dates[0], "2026-10-24");
        assert_eq!((dates.len(), dates[19].as_str()), (20, "2026-11-12"));
    }

    #[test]
    fn the_clock_and_the_time_of_videos_have_a_map_each() {
        let media = Seen {
            hour: Hour::Media(4),
            ..seen("clip", 0, "dog", 1)
        };
        let all = [seen("door", MIDNIGHT, "dog", 1), media];
        let heats = heats(&all, 10, 10, &TimeZone::UTC);
        let begins: Vec<_> = heats.iter().map(|heat| heat.begins.clone()).collect();
        assert_eq!(begins, [[Hour::Wall(MIDNIGHT)], [Hour::Media(4)]]);
        assert!(super::heats(&[], 10, 10, &TimeZone::UTC).is_empty());
    }

    #[test]
    fn shades_divide_the_numbers_and_leave_none_out() {
        for most in [1, 2, 3, 4, 5, 7, 100] {
            let heat = Heat {
                lines: Vec::new(),
                begins: Vec::new(),
                step: 1,
                most,
            };
            assert_eq!(heat.shade(0, 4), 0);
            assert_eq!(heat.shade(most, 4), 4);
            for n in 1..=most {
                let (least, largest) = heat.numbers(heat.shade(n, 4), 4).unwrap();
                assert!((least..=largest).contains(&n), "{n} of {most}");
            }
        }
    }

    #[test]
    fn years_between_two_hours_still_fit() {
        let all = [seen("door", 0, "dog", 1), seen("door", MIDNIGHT, "dog", 1)];
        let heat = only(&all, 10, &TimeZone::UTC);
        assert!(heat.begins.len() <= 10 && heat.step % WEEK == 0);
    }
}
