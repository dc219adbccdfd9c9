//! Adaptive sampling of live sources: a lower rate under lasting overload, a higher one again when there is room.
//!
//! A second counts as overloaded if a frame was dropped because nobody took it, or a result came too late. Three such
//! seconds within twelve lower the rate by a step; ten in a row without overload raise it. A rise that brings the
//! overload back makes the next rise wait longer. So a short burst changes nothing, and the rate does not oscillate.
//! Recordings wait instead and keep their rate.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The factor that scales a source's sample rate. Samplers read it; one [`RateController`] sets it.
#[derive(Debug)]
pub struct RateFactor(AtomicU64);

impl Default for RateFactor {
    fn default() -> Self {
        Self(AtomicU64::new(1.0_f64.to_bits()))
    }
}

impl RateFactor {
    /// Returns the factor: more than 0, at most 1.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    /// Scales a sampler's `fps`, never below `min_fps`.
    pub fn apply(&self, fps: f64, min_fps: f64) -> f64 {
        (fps * self.get()).max(min_fps.min(fps))
    }

    fn set(&self, factor: f64) {
        self.0.store(factor.to_bits(), Relaxed);
    }
}

/// Length of one interval of observation.
const INTERVAL: Duration = Duration::from_secs(1);
/// Factor of a step down; a step up divides by it.
const STEP: f64 = 0.7;
/// Overloaded intervals within the history that lower the rate.
const OVERLOAD_INTERVALS: u32 = 3;
/// Mask of the history, one bit for each interval: overload that recurs every few seconds, as segments do, counts as
/// lasting.
const HISTORY_MASK: u16 = (1 << 12) - 1;
/// Intervals in a row without overload that raise the rate.
const CALM_INTERVALS: u32 = 10;
/// Longest wait for a rise, in intervals, however often rises failed.
const MAX_CALM_INTERVALS: u32 = 60;

/// The core: watches the load and decides when the rate changes.
#[derive(Debug)]
pub struct RateController {
    /// Lowest useful factor: below it all samplers are at their lowest rate.
    min_factor: f64,
    factor: f64,
    interval_start: Instant,
    overloaded: bool,
    /// The last intervals, the newest in the lowest bit; a set bit means overload.
    history: u16,
    calm_intervals: u32,
    /// Intervals without overload until the next rise.
    calm_needed: u32,
    /// True if the last change was a rise.
    rose: bool,
}

impl RateController {
    /// Creates a controller at the full rate. `min_factor` is the lowest useful factor, 0 to 1.
    pub fn new(min_factor: f64, now: Instant) -> Self {
        Self {
            min_factor: min_factor.clamp(0.001, 1.0),
            factor: 1.0,
            interval_start: now,
            overloaded: false,
            history: 0,
            calm_intervals: 0,
            calm_needed: CALM_INTERVALS,
            rose: false,
        }
    }

    /// Records if the source was overloaded since the last call; returns the new factor if it changes.
    pub fn observe(&mut self, now: Instant, overloaded: bool, rate: &RateFactor) -> Option<f64> {
        self.overloaded |= overloaded;
        if now.duration_since(self.interval_start) < INTERVAL {
            return None;
        }
        self.interval_start = now;
        let before = self.factor;
        let overloaded = std::mem::take(&mut self.overloaded);
        self.history = (self.history << 1 | u16::from(overloaded)) & HISTORY_MASK;
        match overloaded {
            true => self.after_overload(),
            false => self.after_calm(),
        }
        rate.set(self.factor);
        (self.factor != before).then_some(self.factor)
    }

    fn after_overload(&mut self) {
        self.calm_intervals = 0;
        if self.history.count_ones() < OVERLOAD_INTERVALS {
            return;
        }
        self.history = 0;
        if self.rose {
            self.calm_needed = (self.calm_needed * 2).min(MAX_CALM_INTERVALS);
            self.rose = false;
        }
        self.factor = (self.factor * STEP).max(self.min_factor);
    }

    fn after_calm(&mut self) {
        self.calm_intervals += 1;
        if self.calm_intervals < self.calm_needed || self.factor >= 1.0 {
            return;
        }
        self.calm_intervals = 0;
        if self.rose {
            // The last rise held.
            self.calm_needed = CALM_INTERVALS;
        }
        self.rose = true;
        // The steps do not reach 1 exactly: less than a step below it counts as 1.
        let up = self.factor / STEP;
        self.factor = if up > 0.95 { 1.0 } else { up };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the factor after each of `seconds`; `overloaded` decides for each second, given the factor so far.
    fn factors(seconds: u64, min_factor: f64, overloaded: impl Fn(u64, f64) -> bool) -> Vec<f64> {
        let (start, rate) = (Instant::now(), RateFactor::default());
        let mut controller = RateController::new(min_factor, start);
        let after = |second| {
            let bad = overloaded(second, rate.get());
            controller.observe(start + Duration::from_secs(second), bad, &rate);
            rate.get()
        };
        (1..=seconds).map(after).collect()
    }

    #[test]
    fn a_short_burst_changes_nothing() {
        let factors = factors(60, 0.1, |second, _| second % 20 < 2);
        assert!(factors.iter().all(|factor| *factor == 1.0), "{factors:?}");
    }

    #[test]
    fn recurring_late_results_lower_the_rate_too() {
        let factors = factors(60, 0.1, |second, _| second % 4 == 0);
        assert_eq!(factors[10], 1.0);
        assert!(factors[11] < 1.0 && factors[59] < 0.3, "{factors:?}");
    }

    #[test]
    fn lasting_overload_lowers_the_rate_to_its_minimum_and_calm_raises_it_again() {
        let factors = factors(120, 0.25, |second, _| second <= 30);
        assert_eq!((factors[1], factors[2]), (1.0, 0.7));
        assert!((factors[5] - 0.49).abs() < 1e-9);
        assert_eq!(factors[29], 0.25);
        assert_eq!(factors[38], 0.25);
        assert!(factors[39] > 0.3);
        assert_eq!(factors[119], 1.0);
    }

    #[test]
    fn the_rate_settles_where_the_load_fits_and_rises_are_tried_less_and_less_often() {
        // Any factor above one half is too much.
        let factors = factors(600, 0.1, |_, factor| factor > 0.5);
        let rises = |part: &[f64]| part.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let (early, late) = (rises(&factors[..150]), rises(&factors[450..]));
        assert!(early > late && late <= 3, "{early} {late}");
        let too_much = factors[100..]
            .iter()
            .filter(|factor| **factor > 0.5)
            .count();
        assert!(too_much < 60, "{too_much} of 500 seconds");
    }

    #[test]
    fn a_rate_stays_between_its_minimum_and_the_configured_fps() {
        let rate = RateFactor::default();
        rate.set(0.1);
        assert_eq!(rate.apply(2.0, 0.5), 0.5);
        assert_eq!(rate.apply(0.2, 0.5), 0.2);
        assert_eq!(rate.apply(10.0, 0.5), 1.0);
    }
}
