//! A heat map in shades of characters, for a terminal of any width.
//!
//! Invariant: no line is wider than the terminal if that has at least 40 columns.

use jiff::tz::TimeZone;

use atom_index::stats::TermCount;

use super::{
    heat_map_cells::{HeatMap, heat_maps, hours_in_words},
    label_fitting::{padded, shortened, width},
};

/// Characters of cells, from few to many.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];
/// Their colours in the palette of 256 colours, from dull to bright.
const COLOURS: [u8; 4] = [24, 31, 38, 214];
/// Largest width of a column of the map.
const MAX_CELL_WIDTH: usize = 6;
/// Largest width of a name, however wide the terminal is.
const MAX_NAME_WIDTH: usize = 60;
/// Smallest width of all cells of a row.
const MIN_CELLS_WIDTH: usize = 16;

/// The properties of the output that matter for drawing.
#[derive(Clone, Copy)]
pub struct TextHeatMapOptions {
    /// Its width.
    pub columns: usize,
    /// True if ANSI colours are used.
    pub colour: bool,
}

/// Returns the heat maps of the `top` most frequent things, one below the other.
pub fn text_heat_map(
    seen: &[TermCount],
    top: usize,
    options: TextHeatMapOptions,
    zone: &TimeZone,
) -> String {
    let columns = options.columns;
    // The names and the totals do not depend on the number of columns.
    let narrow = heat_maps(seen, top, 1, zone);
    let rows = || narrow.iter().flat_map(|map| &map.rows);
    let name = rows().map(|row| width(&row.label)).max().unwrap_or(0);
    let name = name.min(columns * 2 / 5).min(MAX_NAME_WIDTH);
    let total = rows().map(|row| row.total().to_string().len()).max();
    let total = total.unwrap_or(0);
    let cells = columns
        .saturating_sub(name + total + 2)
        .max(MIN_CELLS_WIDTH);
    let layout = Layout {
        name,
        total,
        cells,
        colour: options.colour,
        zone,
    };
    let maps = heat_maps(seen, top, cells, zone);
    let maps: Vec<String> = maps.iter().map(|map| layout.draw(map)).collect();
    maps.join("\n")
}

/// The widths of the parts of a row: name, cells, total.
struct Layout<'z> {
    name: usize,
    cells: usize,
    total: usize,
    colour: bool,
    zone: &'z TimeZone,
}

impl Layout<'_> {
    fn draw(&self, map: &HeatMap) -> String {
        let cell = (self.cells / map.column_starts.len().max(1)).clamp(1, MAX_CELL_WIDTH);
        let mut text = String::new();
        for row in &map.rows {
            let name = padded(&row.label, self.name);
            let cells = row.cells.iter().map(|n| self.cell(map, *n, cell));
            let cells: String = cells.collect();
            let total = format!("{:>1$}", row.total(), self.total);
            text.push_str(&format!("{name} {cells} {total}\n"));
        }
        let labels = map.column_labels(self.zone);
        let (days, times): (Vec<_>, Vec<_>) = labels.into_iter().unzip();
        if map.has_times() {
            text.push_str(&self.axis(times.into_iter().map(Some), cell));
        }
        text.push_str(&self.axis(days.into_iter(), cell));
        text.push_str(&self.legend(map));
        text
    }

    fn cell(&self, map: &HeatMap, segments: u64, width: usize) -> String {
        let shades = SHADES.len() as u64;
        match map.shade(segments, shades) {
            0 => " ".repeat(width),
            shade => self.shaded(shade as usize - 1, width),
        }
    }

    fn shaded(&self, shade: usize, width: usize) -> String {
        let characters = SHADES[shade].to_string().repeat(width);
        match self.colour {
            true => format!("\x1b[38;5;{}m{characters}\x1b[0m", COLOURS[shade]),
            false => characters,
        }
    }

    /// Returns a line of labels below their columns. A label that does not fit moves to the next column without a label,
    /// or is dropped.
    fn axis(&self, labels: impl Iterator<Item = Option<String>>, cell: usize) -> String {
        let (mut line, mut pending) = (String::new(), None);
        for (column, label) in labels.enumerate() {
            let start = column * cell;
            let free = line.is_empty() || width(&line) < start;
            pending = label.or(pending);
            let fits = |label: &mut String| free && start + width(label) <= self.cells;
            if let Some(label) = pending.take_if(fits) {
                line.push_str(&" ".repeat(start - width(&line)));
                line.push_str(&label);
            }
        }
        match line.is_empty() {
            true => line,
            false => format!("{} {line}\n", " ".repeat(self.name)),
        }
    }

    fn legend(&self, map: &HeatMap) -> String {
        let shades = SHADES.len() as u64;
        let ranges = (1..=shades).filter_map(|shade| {
            let (min, max) = map.shade_range(shade, shades)?;
            let sign = self.shaded(shade as usize - 1, 1);
            Some(match min == max {
                true => format!("{sign} {min}"),
                false => format!("{sign} {min}-{max}"),
            })
        });
        let ranges = ranges.collect::<Vec<_>>().join("  ");
        let unit = format!("segments in {}", hours_in_words(map.column_hours));
        let columns = (self.name + self.total + self.cells + 2).saturating_sub(1);
        match self.colour {
            // Escape sequences take no columns, so the width of the text is not that of the line.
            true => format!("{ranges}  {unit}\n"),
            false => format!("{}\n", shortened(&format!("{ranges}  {unit}"), columns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    const MIDNIGHT: i64 = 498_720;

    fn drawn(seen: &[TermCount], columns: usize, colour: bool) -> String {
        let options = TextHeatMapOptions { columns, colour };
        text_heat_map(seen, 9, options, &TimeZone::UTC)
    }

    #[test]
    fn few_hours_have_wide_columns_with_times_and_days() {
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
        assert_eq!(drawn(&all, 60, false), expected);
    }

    #[test]
    fn one_hour_is_drawn_and_nothing_draws_nothing() {
        let all = [seen("door", MIDNIGHT, "dog", 1)];
        let expected = "\
dog ██████ 1
    00:00
    2026-11-23
█ 1  segments in an hour
";
        assert_eq!(drawn(&all, 60, false), expected);
        assert_eq!(drawn(&[], 60, false), "");
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
        let all: Vec<TermCount> = (0..700)
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
            let map = drawn(&all, columns, false);
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
        let plain = drawn(&all, 60, false);
        let mut coloured = drawn(&all, 60, true);
        assert!(coloured.contains("\x1b[38;5;214m██████\x1b[0m"));
        for colour in COLOURS {
            coloured = coloured.replace(&format!("\x1b[38;5;{colour}m"), "");
        }
        assert_eq!(coloured.replace("\x1b[0m", ""), plain);
    }
}
