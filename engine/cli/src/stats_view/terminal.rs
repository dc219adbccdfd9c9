//! A heat map in shades, for a terminal of any width.
//!
//! Invariant: no line is wider than the terminal, if that has 40 columns or more.

use jiff::tz::TimeZone;

use atom_index::stats::Seen;

use super::{
    Heat, heats,
    label::{cut, fitted, width},
};

/// From few to many.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];
/// The same in colours of a terminal with 256, from dull to bright.
const COLOURS: [u8; 4] = [24, 31, 38, 214];
/// A column is no wider than this where there are few.
const WIDEST_COLUMN: usize = 6;
/// A name is no wider than this, however wide the terminal is.
const WIDEST_NAME: usize = 60;
/// Columns that a map has at least.
const NARROWEST: usize = 16;

/// The heat maps of the most frequent things, so many at most, in lines of so many columns.
pub fn shades(seen: &[Seen], top: usize, columns: usize, colour: bool, zone: &TimeZone) -> String {
    let names = heats(seen, top, 1, zone);
    let lines = || names.iter().flat_map(|heat| &heat.lines);
    let name = lines().map(|line| width(&line.label)).max().unwrap_or(0);
    let number = lines().map(|line| line.total().to_string().len()).max();
    let number = number.unwrap_or(0);
    let name = name.min(columns * 2 / 5).min(WIDEST_NAME);
    let room = columns.saturating_sub(name + number + 2).max(NARROWEST);
    let sheet = Sheet {
        name,
        number,
        room,
        colour,
        zone,
    };
    let maps = heats(seen, top, room, zone);
    let maps: Vec<String> = maps.iter().map(|heat| sheet.map(heat)).collect();
    maps.join("\n")
}

/// How a map is laid out.
struct Sheet<'z> {
    name: usize,
    number: usize,
    room: usize,
    colour: bool,
    zone: &'z TimeZone,
}

impl Sheet<'_> {
    fn map(&self, heat: &Heat) -> String {
        let cell = (self.room / heat.begins.len().max(1)).clamp(1, WIDEST_COLUMN);
        let mut text = String::new();
        for line in &heat.lines {
            let name = fitted(&line.label, self.name);
            let cells: String = line
                .cells
                .iter()
                .map(|n| self.cell(heat, *n, cell))
                .collect();
            let number = format!("{:>1$}", line.total(), self.number);
            text.push_str(&format!("{name} {cells} {number}\n"));
        }
        let times = heat.times(self.zone);
        let (days, hours): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        if heat.has_times() {
            text.push_str(&self.axis(hours.into_iter().map(Some), cell));
        }
        text.push_str(&self.axis(days.into_iter(), cell));
        text.push_str(&self.legend(heat));
        text
    }

    fn cell(&self, heat: &Heat, segments: u64, wide: usize) -> String {
        let shades = SHADES.len() as u64;
        match heat.shade(segments, shades) {
            0 => " ".repeat(wide),
            shade => self.shaded(shade as usize - 1, wide),
        }
    }

    fn shaded(&self, shade: usize, wide: usize) -> String {
        let signs = SHADES[shade].to_string().repeat(wide);
        match self.colour {
            true => format!("\x1b[38;5;{}m{signs}\x1b[0m", COLOURS[shade]),
            false => signs,
        }
    }

    /// A line of words below their columns. One for which there is no room stands below the next column that has no word of its own,
    /// or nowhere.
    fn axis(&self, words: impl Iterator<Item = Option<String>>, cell: usize) -> String {
        let (mut line, mut waiting) = (String::new(), None);
        for (at, word) in words.enumerate() {
            let begins = at * cell;
            let free = line.is_empty() || width(&line) < begins;
            waiting = word.or(waiting);
            let fits = |word: &mut String| free && begins + width(word) <= self.room;
            if let Some(word) = waiting.take_if(fits) {
                line.push_str(&" ".repeat(begins - width(&line)));
                line.push_str(&word);
            }
        }
        match line.is_empty() {
            true => line,
            false => format!("{} {line}\n", " ".repeat(self.name)),
        }
    }

    fn legend(&self, heat: &Heat) -> String {
        let shades = SHADES.len() as u64;
        let numbers = (1..=shades).filter_map(|shade| {
            let (least, most) = heat.numbers(shade, shades)?;
            let sign = self.shaded(shade as usize - 1, 1);
            Some(match least == most {
                true => format!("{sign} {least}"),
                false => format!("{sign} {least}-{most}"),
            })
        });
        let numbers = numbers.collect::<Vec<_>>().join("  ");
        let columns = format!("segments in {}", span(heat.step));
        let room = (self.name + self.number + self.room + 2).saturating_sub(1);
        match self.colour {
            // Signs that show nothing take no columns.
            true => format!("{numbers}  {columns}\n"),
            false => format!("{}\n", cut(&format!("{numbers}  {columns}"), room)),
        }
    }
}

/// So many hours in words.
pub(super) fn span(hours: i64) -> String {
    match (hours, hours % 168, hours % 24) {
        (1, ..) => "an hour".to_owned(),
        (24, ..) => "a day".to_owned(),
        (168, ..) => "a week".to_owned(),
        (_, 0, _) => format!("{} weeks", hours / 168),
        (_, _, 0) => format!("{} days", hours / 24),
        _ => format!("{hours} hours"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    const MIDNIGHT: i64 = 498_720;

    #[test]
    fn shows_few_hours_wide_with_their_times_and_days() {
        let all = [
            seen("door", MIDNIGHT - 1, "dog", 8),
            seen("door", MIDNIGHT, "dog", 1),
            seen("door", MIDNIGHT + 1, "自転車", 4),
        ];
        let expected = "\
dog    ██████░░░░░░       9
自転車             ▒▒▒▒▒▒ 4
       23:00 00:00 01:00
       2026-11-22  2026-11-23
░ 1-2  ▒ 3-4  ▓ 5-6  █ 7-8  segments in an hour
";
        assert_eq!(shades(&all, 9, 60, false, &TimeZone::UTC), expected);
    }

    #[test]
    fn one_hour_is_a_map_too_and_nothing_is_none() {
        let all = [seen("door", MIDNIGHT, "dog", 1)];
        let expected = "\
dog ██████ 1
    00:00
    2026-11-23
█ 1  segments in an hour
";
        assert_eq!(shades(&all, 9, 60, false, &TimeZone::UTC), expected);
        assert_eq!(shades(&[], 9, 60, false, &TimeZone::UTC), "");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let names = [
            "dog",
            "a very long name ".repeat(20).as_str(),
            "自転車に乗る人".repeat(9).as_str(),
            "כלב גדול",
        ]
        .map(str::to_owned);
        let all: Vec<Seen> = (0..700)
            .map(|n| {
                seen(
                    "door",
                    MIDNIGHT + n as i64,
                    &names[n % 4],
                    1 + (n as u64 * 7919) % 1000,
                )
            })
            .collect();
        for columns in [40, 60, 80, 200, 500] {
            let map = shades(&all, 9, columns, false, &TimeZone::UTC);
            let widest = map.lines().map(width).max().unwrap();
            assert!(widest <= columns, "{columns}\n{map}");
            assert!(widest > columns / 2, "{columns}\n{map}");
        }
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let all = [
            seen("door", MIDNIGHT, "dog", 9),
            seen("door", MIDNIGHT, "cat", 2),
        ];
        let plain = shades(&all, 9, 60, false, &TimeZone::UTC);
        let mut coloured = shades(&all, 9, 60, true, &TimeZone::UTC);
        assert!(coloured.contains("\x1b[38;5;214m██████\x1b[0m"));
        for colour in COLOURS {
            coloured = coloured.replace(&format!("\x1b[38;5;{colour}m"), "");
        }
        assert_eq!(coloured.replace("\x1b[0m", ""), plain);
    }

    #[test]
    fn a_column_is_told_in_the_largest_unit() {
        let told = [1, 3, 24, 48, 168, 336].map(span);
        assert_eq!(
            told,
            ["an hour", "3 hours", "a day", "2 days", "a week", "2 weeks"]
        );
    }
}
