//! A heat map as a picture: SVG that needs nothing besides itself.
//!
//! Each cell tells its number when it is pointed at. Invariant: every text is escaped, so that no name can end an element.

use jiff::tz::TimeZone;

use atom_index::stats::Seen;

use super::{
    Heat, heats,
    label::{cut, width},
    terminal::span,
};

/// From few to many.
const COLOURS: [&str; 5] = ["#dbe9f6", "#a6cee4", "#5aa2cf", "#2272b5", "#08306b"];
const EMPTY: &str = "#f7f7f7";
/// Columns of a map at most: a week by the hour.
const MOST_COLUMNS: usize = 168;
/// Pixels that the columns share.
const MAP: usize = 1000;
const ROW: usize = 22;
const MARGIN: usize = 16;
/// Pixels that a column of a terminal takes in the picture's letters.
const LETTER: usize = 8;
/// A name has at most so many columns of a terminal.
const LONGEST_NAME: usize = 40;
/// Pixels below a map: two axes, the legend, and room to the next one.
const BELOW: usize = 88;

/// The heat maps of the most frequent things, so many at most, one below the other.
pub fn picture(seen: &[Seen], top: usize, zone: &TimeZone) -> String {
    let maps = heats(seen, top, MOST_COLUMNS, zone);
    let labels = maps.iter().flat_map(|map| &map.lines);
    let longest = labels.map(|line| width(&line.label)).max().unwrap_or(0);
    let left = MARGIN + longest.min(LONGEST_NAME) * LETTER + 8;
    let mut drawing = Drawing {
        left,
        top: MARGIN,
        widest: left + 60 * LETTER,
        body: String::new(),
    };
    if maps.is_empty() {
        drawing.text((MARGIN, MARGIN + ROW), "start", "Nothing was seen.");
        drawing.top += 2 * ROW;
    }
    for map in &maps {
        drawing.map(map, zone);
    }
    drawing.whole()
}

/// A picture as far as it is drawn.
struct Drawing {
    left: usize,
    top: usize,
    widest: usize,
    body: String,
}

impl Drawing {
    fn whole(&self) -> String {
        let (wide, high) = (self.widest + MARGIN, self.top + MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" \
             font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
             <title>What was seen when</title>\n\
             <rect width=\"{wide}\" height=\"{high}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn map(&mut self, heat: &Heat, zone: &TimeZone) {
        let cell = (MAP / heat.begins.len().max(1)).clamp(5, 48);
        for line in &heat.lines {
            let middle = self.top + ROW / 2 + 4;
            self.text(
                (self.left - 8, middle),
                "end",
                &cut(&line.label, LONGEST_NAME),
            );
            for (at, segments) in line.cells.iter().enumerate() {
                let title = format!("{}, {}: {segments}", line.label, heat.column(at, zone));
                let place = (self.left + at * cell, self.top);
                self.cell(place, (cell - 1, ROW - 1), colour(heat, *segments), &title);
            }
            self.top += ROW;
        }
        self.widest = self.widest.max(self.left + heat.begins.len() * cell);
        self.axes(heat, cell, zone);
        self.legend(heat);
        self.top += BELOW;
    }

    fn axes(&mut self, heat: &Heat, cell: usize, zone: &TimeZone) {
        let (mut time_free, mut day_free) = (0, 0);
        for (at, (day, time)) in heat.times(zone).into_iter().enumerate() {
            let x = self.left + at * cell;
            if heat.has_times() && x >= time_free {
                self.text((x, self.top + 16), "start", &time);
                time_free = x + (width(&time) + 1) * LETTER;
            }
            if let Some(day) = day.filter(|_| x >= day_free) {
                self.text((x, self.top + 34), "start", &day);
                day_free = x + (width(&day) + 1) * LETTER;
            }
        }
        self.widest = self.widest.max(time_free).max(day_free);
    }

    fn legend(&mut self, heat: &Heat) {
        let shades = COLOURS.len() as u64;
        let (mut x, y) = (self.left, self.top + 44);
        for shade in 1..=shades {
            let Some((least, most)) = heat.numbers(shade, shades) else {
                continue;
            };
            let numbers = match least == most {
                true => least.to_string(),
                false => format!("{least}-{most}"),
            };
            let colour = COLOURS[shade as usize - 1];
            self.cell((x, y), (14, 14), colour, &numbers);
            self.text((x + 18, y + 12), "start", &numbers);
            x += 18 + (width(&numbers) + 2) * LETTER;
        }
        let told = format!("segments in {}", span(heat.step));
        self.text((x, y + 12), "start", &told);
        self.widest = self.widest.max(x + width(&told) * LETTER);
    }

    fn cell(
        &mut self,
        (x, y): (usize, usize),
        (wide, high): (usize, usize),
        colour: &str,
        title: &str,
    ) {
        self.body.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" fill=\"{colour}\"><title>{}</title></rect>\n",
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

fn colour(heat: &Heat, segments: u64) -> &'static str {
    match heat.shade(segments, COLOURS.len() as u64) {
        0 => EMPTY,
        shade => COLOURS[shade as usize - 1],
    }
}

/// A text in which nothing is markup, of characters that XML may hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => escaped.push(' '),
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
    fn each_cell_says_what_when_and_how_often() {
        let all = [
            seen("door", MIDNIGHT, "dog", 3),
            seen("door", MIDNIGHT + 1, "cat", 1),
        ];
        let picture = picture(&all, 9, &TimeZone::UTC);
        for part in [
            "<title>dog, 2026-11-23 00:00 - 2026-11-23 01:00: 3</title>",
            "<title>cat, 2026-11-23 00:00 - 2026-11-23 01:00: 0</title>",
            "text-anchor=\"end\">dog</text>",
            ">00:00</text>",
            ">2026-11-23</text>",
            "segments in an hour",
        ] {
            assert!(picture.contains(part), "{part} not in\n{picture}");
        }
        assert_eq!(picture.matches("<rect").count(), 1 + 4 + 3);
    }

    #[test]
    fn no_name_is_markup_and_nothing_is_told_as_nothing() {
        let all = [seen(
            "door",
            MIDNIGHT,
            "</title><script>\"&\u{1b}\u{ffff}",
            1,
        )];
        let drawn = picture(&all, 9, &TimeZone::UTC);
        assert!(!drawn.contains("<script"), "{drawn}");
        let escaped = ">&lt;/title&gt;&lt;script&gt;&quot;&amp; </text>";
        assert!(drawn.contains(escaped), "{drawn}");
        assert!(picture(&[], 9, &TimeZone::UTC).contains("Nothing was seen."));
    }

    #[test]
    fn hundreds_of_hours_and_long_names_stay_within_a_page() {
        let all: Vec<Seen> = (0..900)
            .map(|hour| seen("door", MIDNIGHT + hour, &"word ".repeat(60), 1))
            .collect();
        let drawn = picture(&all, 9, &TimeZone::UTC);
        let wide = drawn
            .split("width=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let wide: usize = wide.unwrap().parse().unwrap();
        assert!((1000..1500).contains(&wide), "{wide}");
    }
}
