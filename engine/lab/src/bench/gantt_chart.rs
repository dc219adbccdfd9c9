//! A Gantt chart of module activity as SVG: a panel for each shape, all on one time axis.

use std::io;

use plotters::{coord::Shift, drawing::DrawingAreaErrorKind, prelude::*};

use crate::LabError;

/// The activity of the modules of a shape, in seconds from its start.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The name of the shape.
    pub name: String,
    /// Its duration.
    pub seconds: f64,
    /// The start of each of its processes, and the names of its tasks.
    pub programs: Vec<(f64, String)>,
    /// The activity of its modules.
    pub bars: Vec<Bar>,
}

/// A time in which a module is loaded or runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The name of the module.
    pub module: String,
    /// True if it is being loaded, false if it runs.
    pub loading: bool,
    /// The start.
    pub start: f64,
    /// The duration.
    pub seconds: f64,
}

/// The rows of a panel, from above, with their colours (of ColorBrewer's Dark2, by Cynthia Brewer, Apache-2.0).
const ROWS: [(&str, RGBColor); 3] = [
    ("vision", RGBColor(27, 158, 119)),
    ("decoder", RGBColor(217, 95, 2)),
    ("text", RGBColor(117, 112, 179)),
];
const LOADING_COLOUR: RGBColor = RGBColor(170, 170, 170);
const WIDTH: u32 = 1000;
const PANEL_HEIGHT: u32 = 150;
const LEGEND_HEIGHT: u32 = 30;
const LEFT: i32 = 80;
const RIGHT: i32 = 20;
/// Pixels from the top of a panel to its first row.
const TITLE_HEIGHT: i32 = 44;
/// Height of a bar, in pixels.
const BAR_HEIGHT: i32 = 18;
/// Pixels from the top of a row to that of the next one.
const ROW_HEIGHT: i32 = 24;

/// The outcome of drawing.
pub(super) type DrawResult = Result<(), DrawingAreaErrorKind<io::Error>>;

/// Draws timelines as SVG.
///
/// # Errors
/// If the library cannot draw.
pub fn gantt_chart(timelines: &[Timeline]) -> Result<String, LabError> {
    let seconds = timelines.iter().map(|timeline| timeline.seconds);
    let longest = seconds.fold(0.1, f64::max);
    let mut svg = String::new();
    {
        let size = (WIDTH, PANEL_HEIGHT * timelines.len() as u32 + LEGEND_HEIGHT);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        let chart = Chart { area, longest };
        let mut top = 0;
        for timeline in timelines {
            chart.panel(top, timeline)?;
            top += PANEL_HEIGHT as i32;
        }
        chart.legend(top)?;
        chart.area.present()?;
    }
    Ok(svg)
}

/// The drawing area, and the seconds that its width represents.
struct Chart<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    longest: f64,
}

impl Chart<'_> {
    fn x(&self, seconds: f64) -> i32 {
        let width = f64::from(WIDTH as i32 - LEFT - RIGHT);
        LEFT + (seconds / self.longest * width).round() as i32
    }

    fn panel(&self, top: i32, timeline: &Timeline) -> DrawResult {
        let title = format!("{}: {:.1} s", timeline.name, timeline.seconds);
        self.text(&title, (LEFT, top + 8), 13)?;
        let first_row = top + TITLE_HEIGHT;
        let mut y = first_row;
        for (module, colour) in ROWS {
            self.row(y, timeline, (module, colour))?;
            y += ROW_HEIGHT;
        }
        for (start, tasks) in &timeline.programs {
            let x = self.x(*start);
            let line = vec![(x, first_row - 14), (x, y)];
            self.area.draw(&PathElement::new(line, BLACK.mix(0.5)))?;
            self.text(tasks, (x + 4, first_row - 15), 11)?;
        }
        let end = self.x(timeline.seconds);
        let line = vec![(end, first_row - 14), (end, y)];
        self.area
            .draw(&PathElement::new(line, BLACK.stroke_width(2)))
    }

    /// Draws the bars of a module.
    fn row(&self, y: i32, timeline: &Timeline, (module, colour): (&str, RGBColor)) -> DrawResult {
        self.text(module, (8, y + 3), 13)?;
        let frame = [(LEFT, y), (self.x(self.longest), y + BAR_HEIGHT)];
        let background = BLACK.mix(0.04).filled();
        self.area.draw(&Rectangle::new(frame, background))?;
        for bar in timeline.bars.iter().filter(|bar| bar.module == module) {
            let colour = if bar.loading { LOADING_COLOUR } else { colour };
            let start = self.x(bar.start);
            // A bar is at least a pixel wide, so that it is visible.
            let end = self.x(bar.start + bar.seconds).max(start + 1);
            let corners = [(start, y), (end, y + BAR_HEIGHT)];
            self.area.draw(&Rectangle::new(corners, colour.filled()))?;
        }
        Ok(())
    }

    fn legend(&self, top: i32) -> DrawResult {
        let corners = [(LEFT, top), (LEFT + 14, top + 14)];
        self.area
            .draw(&Rectangle::new(corners, LOADING_COLOUR.filled()))?;
        let words = "loading; other colours: running. Thin lines: start of a process; thick line: end of the last one.";
        self.text(words, (LEFT + 20, top + 1), 12)
    }

    fn text(&self, text: &str, position: (i32, i32), size: i32) -> DrawResult {
        self.area
            .draw(&Text::new(text, position, ("sans-serif", size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_its_title_and_its_bars() {
        let timeline = Timeline {
            name: "kept <apart>".to_owned(),
            seconds: 2.0,
            programs: vec![(0.0, "caption".to_owned())],
            bars: vec![Bar {
                module: "decoder".to_owned(),
                loading: false,
                start: 0.5,
                seconds: 1.0,
            }],
        };
        let svg = gantt_chart(&[timeline.clone(), timeline]).unwrap();
        assert_eq!(svg.matches("kept &lt;apart&gt;: 2.0 s").count(), 2);
        assert_eq!(svg.to_lowercase().matches("#d95f02").count(), 2, "{svg}");
        assert!(svg.contains("caption") && svg.trim_end().ends_with("</svg>"));
    }
}
