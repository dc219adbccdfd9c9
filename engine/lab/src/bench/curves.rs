//! Draws how cost grows, a panel for each thing that was varied, both axes logarithmic: a power law is a line.

use std::error::Error;

use plotters::prelude::*;

use super::scale::Sweep;

const WIDTH: u32 = 1000;
const PANEL: (u32, u32) = (500, 300);
/// Two panels side by side.
const COLUMNS: usize = 2;
/// Of ColorBrewer's Dark2, by Cynthia Brewer, Apache-2.0.
const LINE: RGBColor = RGBColor(27, 158, 119);
const GREY: RGBColor = RGBColor(150, 150, 150);

/// The picture, as SVG.
///
/// # Errors
/// If it cannot be drawn.
pub fn picture(sweeps: &[Sweep]) -> Result<String, Box<dyn Error>> {
    let rows = sweeps.len().div_ceil(COLUMNS);
    let mut svg = String::new();
    {
        let size = (WIDTH, PANEL.1 * rows as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        for (area, sweep) in root.split_evenly((rows, COLUMNS)).iter().zip(sweeps) {
            panel(area, sweep)?;
        }
        root.present()?;
    }
    Ok(svg)
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    sweep: &Sweep,
) -> Result<(), Box<dyn Error>> {
    let (Some(first), Some(last)) = (sweep.points.first(), sweep.points.last()) else {
        return Ok(());
    };
    // What took no time at all has no place on a logarithmic axis.
    let cost = |value: f64| value.max(1e-6);
    let (start, end) = (first.at as f64, last.at as f64);
    let at_start = cost(first.cost.median);
    let in_proportion = at_start * end / start;
    let costs = || sweep.points.iter().map(|point| point.cost);
    let least = costs()
        .map(|figure| cost(figure.min))
        .fold(f64::MAX, f64::min);
    let most = costs().map(|figure| cost(figure.max)).fold(0.0, f64::max);
    let title = format!("{} ({}) by {}", sweep.cost, sweep.unit, sweep.of);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, ("sans-serif", 14))
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (start * 0.85..end * 1.3).log_scale(),
            (least * 0.7..most.max(least * 2.0) * 1.4).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    // What lies above the panel is cut off where it leaves it.
    let top = most.max(least * 2.0) * 1.4;
    let leaves = (start * top / at_start).min(end);
    let proportion = [
        (start, at_start),
        (leaves, in_proportion.min(leaves / start * at_start)),
    ];
    chart.draw_series(DashedLineSeries::new(proportion, 4, 4, GREY.into()))?;
    let middle = sweep
        .points
        .iter()
        .map(|point| (point.at as f64, cost(point.cost.median)));
    chart.draw_series(LineSeries::new(middle.clone(), LINE.stroke_width(2)))?;
    chart.draw_series(middle.map(|point| {
        // Between the ticks of a logarithmic axis nobody can read a value.
        EmptyElement::at(point)
            + Circle::new((0, 0), 4, LINE.filled())
            + Text::new(short(point.1), (-8, 8), ("sans-serif", 12))
    }))?;
    let spread = sweep.points.iter().map(|point| {
        let at = point.at as f64;
        let ends = vec![(at, cost(point.cost.min)), (at, cost(point.cost.max))];
        PathElement::new(ends, LINE.stroke_width(1))
    });
    chart.draw_series(spread)?;
    let words = format!("power {:.2}; dashed: in proportion", sweep.power);
    area.draw(&Text::new(
        words,
        (80, PANEL.1 as i32 - 18),
        ("sans-serif", 12),
    ))?;
    Ok(())
}

/// A number as a label, with about two digits.
fn short(value: f64) -> String {
    match value {
        v if v >= 1000.0 => format!("{:.0}k", v / 1000.0),
        v if v >= 10.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{}", (v * 10.0).round() / 10.0),
        v => format!("{}", (v * 100.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{figures::Figure, scale::Point};

    fn sweep(of: &'static str, points: &[(u64, f64)]) -> Sweep {
        let point = |(at, cost): &(u64, f64)| Point {
            at: *at,
            cost: Figure::of([*cost]),
        };
        Sweep {
            of,
            cost: "a run",
            unit: "s",
            points: points.iter().map(point).collect(),
            power: 0.5,
            said: String::new(),
        }
    }

    #[test]
    fn each_sweep_has_its_panel_even_one_that_took_no_time() {
        let svg = picture(&[
            sweep("sources", &[(1, 1.0), (4, 2.0)]),
            sweep("questions", &[(1, 0.0), (8, 0.0)]),
            sweep("lone", &[(5, 1.0)]),
        ])
        .unwrap();
        for title in ["a run (s) by sources", "by questions", "by lone"] {
            assert!(svg.contains(title), "{svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 5);
    }
}
