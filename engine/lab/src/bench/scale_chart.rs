//! Charts of how cost grows as SVG: a panel for each sweep, both axes logarithmic, so that a power law is a line.

use std::ops::Range;

use plotters::{
    coord::{Shift, combinators::LogCoord},
    prelude::*,
};

use super::{gantt_chart::DrawResult, sweep::Sweep};
use crate::LabError;

const WIDTH: u32 = 1000;
const PANEL_SIZE: (u32, u32) = (500, 300);
/// Panels side by side.
const COLUMNS: usize = 2;
/// The first colour of ColorBrewer's Dark2, by Cynthia Brewer, Apache-2.0.
const LINE_COLOUR: RGBColor = RGBColor(27, 158, 119);
const PROPORTION_COLOUR: RGBColor = RGBColor(150, 150, 150);
/// A cost of zero is drawn at this value: it has no place on a logarithmic axis.
const MIN_COST: f64 = 1e-6;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type LogChart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, LogCoord<f64>>>;

/// Draws sweeps as SVG.
///
/// # Errors
/// If the library cannot draw.
pub fn scale_chart(sweeps: &[Sweep]) -> Result<String, LabError> {
    let rows = sweeps.len().div_ceil(COLUMNS);
    let mut svg = String::new();
    {
        let size = (WIDTH, PANEL_SIZE.1 * rows as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        for (area, sweep) in area.split_evenly((rows, COLUMNS)).iter().zip(sweeps) {
            draw_panel(area, sweep)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn draw_panel(area: &Area<'_>, sweep: &Sweep) -> DrawResult {
    let Some(bounds) = Bounds::of(sweep) else {
        return Ok(());
    };
    let title = format!("{} ({}) by {}", sweep.cost, sweep.unit, sweep.varied);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, ("sans-serif", 14))
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(bounds.x().log_scale(), bounds.y().log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| short_number(*value))
        .y_label_formatter(&|value| short_number(*value))
        .draw()?;
    draw_proportion(&mut chart, bounds)?;
    draw_costs(&mut chart, sweep)?;
    let exponent = format!("exponent {:.2}; dashed: in proportion", sweep.power);
    let position = (80, PANEL_SIZE.1 as i32 - 18);
    area.draw(&Text::new(exponent, position, ("sans-serif", 12)))
}

/// The first and the last value of a sweep, and the range of its costs.
#[derive(Clone, Copy)]
struct Bounds {
    first: f64,
    last: f64,
    first_cost: f64,
    min_cost: f64,
    max_cost: f64,
}

impl Bounds {
    fn of(sweep: &Sweep) -> Option<Self> {
        let (first, last) = (sweep.points.first()?, sweep.points.last()?);
        let costs = || sweep.points.iter().map(|point| point.cost);
        let min_cost = costs().map(|cost| cost.min.max(MIN_COST));
        let min_cost = min_cost.fold(f64::MAX, f64::min);
        let max_cost = costs().map(|cost| cost.max.max(MIN_COST));
        let max_cost = max_cost.fold(0.0, f64::max);
        Some(Self {
            first: first.value as f64,
            last: last.value as f64,
            first_cost: first.cost.median.max(MIN_COST),
            min_cost,
            max_cost: max_cost.max(min_cost * 2.0),
        })
    }

    fn x(&self) -> Range<f64> {
        self.first * 0.85..self.last * 1.3
    }

    fn y(&self) -> Range<f64> {
        self.min_cost * 0.7..self.max_cost * 1.4
    }
}

/// Draws the cost if it grew in proportion from the first point, up to where the line leaves the panel.
fn draw_proportion(chart: &mut LogChart<'_, '_>, bounds: Bounds) -> DrawResult {
    let Bounds {
        first,
        last,
        first_cost,
        ..
    } = bounds;
    let leaves = (first * bounds.y().end / first_cost).min(last);
    let end_cost = (first_cost * last / first).min(leaves / first * first_cost);
    let line = [(first, first_cost), (leaves, end_cost)];
    chart.draw_series(DashedLineSeries::new(line, 4, 4, PROPORTION_COLOUR.into()))?;
    Ok(())
}

/// Draws the medians with their values, and the range of the rounds.
fn draw_costs(chart: &mut LogChart<'_, '_>, sweep: &Sweep) -> DrawResult {
    let points = || {
        let points = sweep.points.iter();
        points.map(|point| (point.value as f64, point.cost))
    };
    let medians = || points().map(|(value, cost)| (value, cost.median.max(MIN_COST)));
    chart.draw_series(LineSeries::new(medians(), LINE_COLOUR.stroke_width(2)))?;
    chart.draw_series(medians().map(|point| {
        // A logarithmic axis is too coarse to read values from.
        EmptyElement::at(point)
            + Circle::new((0, 0), 4, LINE_COLOUR.filled())
            + Text::new(short_number(point.1), (-8, 8), ("sans-serif", 12))
    }))?;
    chart.draw_series(points().map(|(value, cost)| {
        let range = [cost.min, cost.max].map(|cost| (value, cost.max(MIN_COST)));
        PathElement::new(range.to_vec(), LINE_COLOUR.stroke_width(1))
    }))?;
    Ok(())
}

/// Formats a number with about two digits.
fn short_number(value: f64) -> String {
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
    use crate::bench::{round_statistics::RoundStatistics, sweep::SweepPoint};

    fn sweep(varied: &'static str, points: &[(u64, f64)]) -> Sweep {
        let point = |(value, cost): &(u64, f64)| SweepPoint {
            value: *value,
            cost: RoundStatistics::of([*cost]),
        };
        Sweep {
            varied,
            cost: "a run",
            unit: "s",
            points: points.iter().map(point).collect(),
            power: 0.5,
            summary: String::new(),
        }
    }

    #[test]
    fn each_sweep_has_its_panel_even_if_it_took_no_time() {
        let svg = scale_chart(&[
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
