//! The 95 % confidence interval of a metric, by bootstrap (Efron 1979).
//!
//! As many files as there are are drawn with replacement, a thousand times; the interval holds the middle 95 % of the
//! values of the metric. Files are drawn, not captions: the captions of one file are not independent. The draws come from
//! a fixed seed, so that an evaluation gives the same interval each time, and all its metrics see the same draws.

/// Number of draws.
const ROUNDS: usize = 1000;
/// The share of the draws below the interval, and above it.
const TAIL: f64 = 0.025;
/// The seed of the draws.
const SEED: u64 = 20_150_607;

/// Returns the interval of a metric over `files` files; `metric` gets the numbers of the drawn files.
pub fn interval(files: usize, mut metric: impl FnMut(&[usize]) -> f64) -> [f64; 2] {
    let mut random = SplitMix64(SEED);
    let mut drawn = vec![0; files];
    let mut values: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            drawn.fill_with(|| random.below(files));
            metric(&drawn)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let tail = (TAIL * ROUNDS as f64) as usize;
    [values[tail], values[ROUNDS - 1 - tail]]
}

/// The random generator SplitMix64 (Steele, Lea and Flood 2014). A library might change its numbers in a new version, and
/// with them published intervals.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below a bound, uniform but for one part in 2^64 / bound.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(values: &[f64]) -> [f64; 2] {
        let mean =
            |drawn: &[usize]| drawn.iter().map(|at| values[*at]).sum::<f64>() / drawn.len() as f64;
        interval(values.len(), mean)
    }

    #[test]
    fn generates_the_published_numbers_of_its_seed() {
        // The first numbers of SplitMix64 from 1234567, as published with its reference code.
        let mut random = SplitMix64(1_234_567);
        let first = [random.next(), random.next()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn the_interval_is_the_same_each_time() {
        let values: Vec<f64> = (0..50).map(|n| f64::from(n * n % 17)).collect();
        assert_eq!(mean_of(&values), mean_of(&values));
    }

    #[test]
    fn the_interval_is_about_two_standard_errors_to_each_side() {
        let values: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
        let [low, high] = mean_of(&values); // standard error 0.025
        assert!(
            (low - 0.451).abs() < 0.01 && (high - 0.549).abs() < 0.01,
            "{low} {high}"
        );
    }

    #[test]
    fn the_interval_of_one_file_is_its_value() {
        assert_eq!(mean_of(&[0.3]), [0.3, 0.3]);
    }
}
