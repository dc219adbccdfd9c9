//! Median and range of several rounds.

use serde::Serialize;

/// The median of several rounds, and their range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RoundStatistics {
    /// The median (nearest rank).
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl RoundStatistics {
    /// Computes the statistics of these rounds; all are 0 if there is none.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let rounds: Vec<f64> = rounds.into_iter().collect();
        Self {
            median: percentile(&rounds, 50),
            min: percentile(&rounds, 0),
            max: percentile(&rounds, 100),
        }
    }
}

/// Returns a percentile of some values by nearest rank, so that it is one of them; 0 if there is none.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_rounds_is_one_of_them() {
        let statistics = RoundStatistics::of([3.0, 1.0, 2.0]);
        let RoundStatistics { median, min, max } = statistics;
        assert_eq!((median, min, max), (2.0, 1.0, 3.0));
        assert_eq!(RoundStatistics::of([]), RoundStatistics::default());
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(
            (percentile(&values, 50), percentile(&values, 95)),
            (10.0, 19.0)
        );
    }
}
