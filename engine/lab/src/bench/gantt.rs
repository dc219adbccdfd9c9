//! Draws when which module was at work, a panel for each shape, all on one line of time.

use std::error::Error;

use plotters::prelude::*;

/// When the modules of a shape were at work, in seconds from its start.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The shape.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
    /// When each of its programs began, and what it did.
    pub programs: Vec<(f64, String)>,
    /// What its modules did.
    pub bars: Vec<Bar>,
}

/// A module at work.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Which.
    pub module: String,
    /// Whether it was loaded then.
    pub load: bool,
    /// When it began.
    pub begin: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The rows of a panel, from above, with their colours (of ColorBrewer's Dark2, by Cynthia Brewer, Apache-2.0).
const ROWS: [(&str, RGBColor); 3] = [
    ("vision", RGBColor(27, 158, 119)),
    ("decoder", RGBColor(217, 95, 2)),
    ("text", RGBColor(117, 112, 179)),
];
const LOAD: RGBColor = RGBColor(170, 170, 170);
const WIDTH: u32 = 1000;
const PANEL: u32 = 150;
const FOOT: u32 = 30;
const LEFT: i32 = 80;
const RIGHT: i32 = 20;
/// Pixels of a row, and from one to the next.
const BAR: (i32, i32) = (18, 24);

/// The picture, as SVG.
///
/// # Errors
/// If it cannot be drawn.
pub fn picture(timelines: &[Timeline]) -> Result<String, Box<dyn Error>> {
    let longest = timelines
        .iter()
        .map(|line| line.seconds)
        .fold(0.1, f64::max);
    let mut svg = String::new();
    {
        let size = (WIDTH, PANEL * timelines.len() as u32 + FOOT);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        for (n, timeline) in timelines.iter().enumerate() {
            let top = (PANEL * n as u32) as i32;
            panel(&root, top, timeline, longest)?;
        }
        legend(&root, (PANEL * timelines.len() as u32) as i32)?;
        root.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Done = Result<(), Box<dyn Error>>;

fn panel(root: &Area, top: i32, timeline: &Timeline, longest: f64) -> Done {
    let text = ("sans-serif", 13).into_font();
    let small = ("sans-serif", 11).into_font();
    let wide = f64::from(WIDTH as i32 - LEFT - RIGHT);
    let x = |seconds: f64| LEFT + (seconds / longest * wide).round() as i32;
    let title = format!("{}: {:.1} s", timeline.name, timeline.seconds);
    root.draw(&Text::new(title, (LEFT, top + 8), text.clone()))?;
    let (first, last) = (top + 44, top + 44 + BAR.1 * ROWS.len() as i32);
    for (n, (module, colour)) in ROWS.iter().enumerate() {
        let y = first + BAR.1 * n as i32;
        root.draw(&Text::new(*module, (8, y + 3), text.clone()))?;
        let frame = Rectangle::new(
            [(LEFT, y), (x(longest), y + BAR.0)],
            BLACK.mix(0.04).filled(),
        );
        root.draw(&frame)?;
        for bar in timeline.bars.iter().filter(|bar| bar.module == *module) {
            let colour = if bar.load { LOAD } else { *colour };
            let from = x(bar.begin);
            // What is too short to be seen is a pixel wide.
            let to = x(bar.begin + bar.seconds).max(from + 1);
            root.draw(&Rectangle::new(
                [(from, y), (to, y + BAR.0)],
                colour.filled(),
            ))?;
        }
    }
    for (begin, tasks) in &timeline.programs {
        let at = x(*begin);
        root.draw(&PathElement::new(
            vec![(at, first - 14), (at, last)],
            BLACK.mix(0.5),
        ))?;
        root.draw(&Text::new(
            tasks.clone(),
            (at + 4, first - 15),
            small.clone(),
        ))?;
    }
    let end = x(timeline.seconds);
    root.draw(&PathElement::new(
        vec![(end, first - 14), (end, last)],
        BLACK.stroke_width(2),
    ))?;
    Ok(())
}

fn legend(root: &Area, top: i32) -> Done {
    let text = ("sans-serif", 12).into_font();
    root.draw(&Rectangle::new(
        [(LEFT, top), (LEFT + 14, top + 14)],
        LOAD.filled(),
    ))?;
    let words = "being loaded; other colours: at work. A line begins a program, the thick one ends the last.";
    root.draw(&Text::new(words, (LEFT + 20, top + 1), text))?;
    Ok(())
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
                load: false,
                begin: 0.5,
                seconds: 1.0,
            }],
        };
        let svg = picture(&[timeline.clone(), timeline]).unwrap();
        assert_eq!(svg.matches("kept &lt;apart&gt;: 2.0 s").count(), 2);
        assert_eq!(svg.to_lowercase().matches("#d95f02").count(), 2, "{svg}");
        assert!(svg.contains("caption") && svg.trim_end().ends_with("</svg>"));
    }
}
