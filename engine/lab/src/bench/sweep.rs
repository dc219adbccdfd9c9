//! A sweep: the cost at several values of one quantity, and the power law that fits it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::round_statistics::RoundStatistics;

/// The cost at several values of one quantity.
#[derive(Clone, Debug, Serialize)]
pub struct Sweep {
    /// The quantity that was varied.
    #[serde(rename = "of")]
    pub varied: &'static str,
    /// The cost that was measured.
    pub cost: &'static str,
    /// The unit of the cost.
    pub unit: &'static str,
    /// The costs, from the smallest value to the largest.
    pub points: Vec<SweepPoint>,
    /// The exponent of the power law: cost grows with this power of the value.
    pub power: f64,
    /// The growth in words.
    #[serde(rename = "said")]
    pub summary: String,
}

/// The cost at one value.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SweepPoint {
    /// The value of the quantity.
    #[serde(rename = "at")]
    pub value: u64,
    /// Its cost.
    pub cost: RoundStatistics,
}

/// Seconds or milliseconds of each round, by value.
pub(crate) type Costs = BTreeMap<u64, Vec<f64>>;

impl Sweep {
    pub(crate) fn new(
        varied: &'static str,
        cost: &'static str,
        unit: &'static str,
        costs: &Costs,
    ) -> Self {
        let point = |(value, rounds): (&u64, &Vec<f64>)| SweepPoint {
            value: *value,
            cost: RoundStatistics::of(rounds.iter().copied()),
        };
        let points: Vec<SweepPoint> = costs.iter().map(point).collect();
        let power = exponent(&points);
        Self {
            summary: summary(varied, cost, &points, power),
            varied,
            cost,
            unit,
            points,
            power,
        }
    }
}

/// Returns the exponent of the power law that fits best, by least squares of the logarithms; 0 for a single point.
fn exponent(points: &[SweepPoint]) -> f64 {
    let ln = |value: f64| value.max(f64::MIN_POSITIVE).ln();
    let points: Vec<(f64, f64)> = points
        .iter()
        .map(|point| (ln(point.value as f64), ln(point.cost.median)))
        .collect();
    let count = points.len().max(1) as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (x / count, y / count);
    let (covariance, variance) = points.iter().fold((0.0, 0.0), |(xy, xx), point| {
        let dx = point.0 - mean_x;
        (xy + dx * (point.1 - mean_y), xx + dx * dx)
    });
    match variance > 0.0 {
        true => covariance / variance,
        false => 0.0,
    }
}

/// Describes the growth from the first point to the last one.
fn summary(varied: &str, cost: &str, points: &[SweepPoint], power: f64) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let growth = match power {
        p if p < -0.1 => "the cost falls",
        p if p < 0.1 => "the cost hardly changes",
        p if p < 0.9 => "the cost grows more slowly than in proportion",
        p if p <= 1.1 => "the cost grows in proportion",
        _ => "the cost grows faster than in proportion",
    };
    format!(
        "From {} to {} {varied}, {cost} takes {:.2} times as long: {growth} (exponent {power:.2}).",
        first.value,
        last.value,
        last.cost.median / first.cost.median.max(f64::MIN_POSITIVE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(costs: &[(u64, f64)]) -> Sweep {
        let costs = costs
            .iter()
            .map(|(value, cost)| (*value, vec![*cost]))
            .collect();
        Sweep::new("sources", "a run", "s", &costs)
    }

    #[test]
    fn the_exponent_is_that_of_a_power_law_and_is_described_in_words() {
        let squares = sweep(&[(1, 2.0), (2, 8.0), (4, 32.0)]);
        assert!((squares.power - 2.0).abs() < 1e-9);
        assert_eq!(
            squares.summary,
            "From 1 to 4 sources, a run takes 16.00 times as long: the cost grows faster than in proportion (exponent 2.00)."
        );
        let roots = sweep(&[(1, 3.0), (100, 30.0)]);
        assert!((roots.power - 0.5).abs() < 1e-9 && roots.summary.contains("more slowly"));
        let level = sweep(&[(10, 5.0), (1000, 5.0)]);
        assert!(level.power.abs() < 1e-9 && level.summary.contains("hardly changes"));
        let linear = sweep(&[(1, 5.0), (2, 10.0)]);
        assert!(linear.summary.contains("grows in proportion"));
        assert!(sweep(&[(1, 10.0), (2, 5.0)]).summary.contains("falls"));
        assert_eq!(sweep(&[(7, 10.0)]).power, 0.0);
    }
}
