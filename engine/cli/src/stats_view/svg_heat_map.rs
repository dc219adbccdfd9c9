//! A heat map as a self-contained SVG file.
//!
//! Each cell shows its number as a tooltip. Invariant: every text is escaped, so that no name can close an element.

use jiff::tz::TimeZone;

use atom_index::stats::TermCount;
use atom_operators::printable::is_unprintable;

use super::{
    heat_map_cells::{HeatMap, heat_maps, hours_in_words},
    label_fitting::{shortened, width},
};

/// Colours of cells, from few to many.
const COLOURS: [&str; 5] = ["#dbe9f6", "#a6cee4", "#5aa2cf", "#2272b5", "#08306b"];
const EMPTY_COLOUR: &str = "#f7f7f7";
/// Largest number of columns: a week by the hour.
const MAX_COLUMNS: usize = 168;
/// Width of all columns together, in pixels.
const COLUMNS_WIDTH: usize = 1000;
/// Height of a row, in pixels.
const ROW_HEIGHT: usize = 22;
/// Space around the drawing, in pixels.
const MARGIN: usize = 16;
/// Width of a character, in pixels.
const CHAR_WIDTH: usize = 8;
/// Largest width of a name, in characters.
const MAX_NAME_WIDTH: usize = 40;
/// Pixels below a heat map: two axes, the legend, and space to the next one.
const FOOTER_HEIGHT: usize = 88;

/// Returns an SVG of the heat maps of the `top` most frequent things, one below the other.
pub fn svg_heat_map(seen: &[TermCount], top: usize, zone: &TimeZone) -> String {
    let maps = heat_maps(seen, top, MAX_COLUMNS, zone);
    let rows = maps.iter().flat_map(|map| &map.rows);
    let longest = rows.map(|row| width(&row.label)).max().unwrap_or(0);
    let left = MARGIN + longest.min(MAX_NAME_WIDTH) * CHAR_WIDTH + 8;
    let mut drawing = Drawing {
        left,
        top: MARGIN,
        width: left + 60 * CHAR_WIDTH,
        body: String::new(),
    };
    if maps.is_empty() {
        drawing.text((MARGIN, MARGIN + ROW_HEIGHT), "start", "Nothing was seen.");
        drawing.top += 2 * ROW_HEIGHT;
    }
    for map in &maps {
        drawing.heat_map(map, zone);
    }
    drawing.document()
}

/// An SVG drawing under construction; lengths are in pixels.
struct Drawing {
    /// The left edge of all columns.
    left: usize,
    /// The upper edge of the next element.
    top: usize,
    width: usize,
    /// The elements drawn so far.
    body: String,
}

impl Drawing {
    fn document(&self) -> String {
        let (width, height) = (self.width + MARGIN, self.top + MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
             <title>What was seen when</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn heat_map(&mut self, map: &HeatMap, zone: &TimeZone) {
        let cell = (COLUMNS_WIDTH / map.column_starts.len().max(1)).clamp(5, 48);
        for row in &map.rows {
            let middle = self.top + ROW_HEIGHT / 2 + 4;
            self.text(
                (self.left - 8, middle),
                "end",
                &shortened(&row.label, MAX_NAME_WIDTH),
            );
            for (at, segments) in row.cells.iter().enumerate() {
                let title = format!("{}, {}: {segments}", row.label, map.column_range(at, zone));
                let position = (self.left + at * cell, self.top);
                self.cell(
                    position,
                    (cell - 1, ROW_HEIGHT - 1),
                    colour(map, *segments),
                    &title,
                );
            }
            self.top += ROW_HEIGHT;
        }
        self.width = self.width.max(self.left + map.column_starts.len() * cell);
        self.axes(map, cell, zone);
        self.legend(map);
        self.top += FOOTER_HEIGHT;
    }

    fn axes(&mut self, map: &HeatMap, cell: usize, zone: &TimeZone) {
        let (mut time_free, mut day_free) = (0, 0);
        for (at, (day, time)) in map.column_labels(zone).into_iter().enumerate() {
            let x = self.left + at * cell;
            if map.has_times() && x >= time_free {
                self.text((x, self.top + 16), "start", &time);
                time_free = x + (width(&time) + 1) * CHAR_WIDTH;
            }
            if let Some(day) = day.filter(|_| x >= day_free) {
                self.text((x, self.top + 34), "start", &day);
                day_free = x + (width(&day) + 1) * CHAR_WIDTH;
            }
        }
        self.width = self.width.max(time_free).max(day_free);
    }

    fn legend(&mut self, map: &HeatMap) {
        let shades = COLOURS.len() as u64;
        let (mut x, y) = (self.left, self.top + 44);
        for shade in 1..=shades {
            let Some((min, max)) = map.shade_range(shade, shades) else {
                continue;
            };
            let numbers = match min == max {
                true => min.to_string(),
                false => format!("{min}-{max}"),
            };
            let colour = COLOURS[shade as usize - 1];
            self.cell((x, y), (14, 14), colour, &numbers);
            self.text((x + 18, y + 12), "start", &numbers);
            x += 18 + (width(&numbers) + 2) * CHAR_WIDTH;
        }
        let unit = format!("segments in {}", hours_in_words(map.column_hours));
        self.text((x, y + 12), "start", &unit);
        self.width = self.width.max(x + width(&unit) * CHAR_WIDTH);
    }

    fn cell(
        &mut self,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
        colour: &str,
        title: &str,
    ) {
        self.body.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"><title>{}</title></rect>\n",
            escaped(title)
        ));
    }

    fn text(&mut self, (x, y): (usize, usize), anchor: &str, text: &str) {
        self.body.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n",
            escaped(text)
        ));
    }
}

fn colour(map: &HeatMap, segments: u64) -> &'static str {
    match map.shade(segments, COLOURS.len() as u64) {
        0 => EMPTY_COLOUR,
        shade => COLOURS[shade as usize - 1],
    }
}

/// Escapes markup, and removes characters that XML does not allow.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if is_unprintable(c) => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    const MIDNIGHT: i64 = 498_720;

    #[test]
    fn each_cell_has_a_tooltip_of_what_when_and_how_often() {
        let all = [
            seen("door", MIDNIGHT, "dog", 3),
            seen("door", MIDNIGHT + 1, "cat", 1),
        ];
        let svg = svg_heat_map(&all, 9, &TimeZone::UTC);
        for part in [
            "<title>dog, 2026-11-23 00:00 - 2026-11-23 01:00: 3</title>",
            "<title>cat, 2026-11-23 00:00 - 2026-11-23 01:00: 0</title>",
            "text-anchor=\"end\">dog</text>",
            ">00:00</text>",
            ">2026-11-23</text>",
            "segments in an hour",
        ] {
            assert!(svg.contains(part), "{part} not in\n{svg}");
        }
        assert_eq!(svg.matches("<rect").count(), 1 + 4 + 3);
    }

    #[test]
    fn names_are_escaped_and_an_empty_heat_map_says_so() {
        let all = [seen(
            "door",
            MIDNIGHT,
            "</title><script>\"&\u{1b}\u{ffff}",
            1,
        )];
        let svg = svg_heat_map(&all, 9, &TimeZone::UTC);
        assert!(!svg.contains("<script"), "{svg}");
        let escaped = ">&lt;/title&gt;&lt;script&gt;&quot;&amp; </text>";
        assert!(svg.contains(escaped), "{svg}");
        assert!(svg_heat_map(&[], 9, &TimeZone::UTC).contains("Nothing was seen."));
    }

    #[test]
    fn hundreds_of_hours_and_long_names_fit_on_a_page() {
        let all: Vec<TermCount> = (0..900)
            .map(|hour| seen("door", MIDNIGHT + hour, &"word ".repeat(60), 1))
            .collect();
        let svg = svg_heat_map(&all, 9, &TimeZone::UTC);
        let wide = svg
            .split("width=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let wide: usize = wide.unwrap().parse().unwrap();
        assert!((1000..1500).contains(&wide), "{wide}");
    }
}
