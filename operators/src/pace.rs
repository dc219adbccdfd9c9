//! How fast a live source is sampled: lower under lasting overload, and back up when there is room again.
//!
//! A second is overloaded if a frame was let go because nobody took it, or a result came too late. Three such seconds within
//! twelve lower the rate by a step, ten in a row without raise it; a rise that brings the overload back makes the next one
//! wait longer. So a short burst changes nothing, and the rate does not swing. A recording waits instead and keeps its rate.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The share of its rate at which a source is sampled now. Whoever samples reads it, one [`Governor`] sets it.
#[derive(Debug)]
pub struct Pace(AtomicU64);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU64::new(1.0_f64.to_bits()))
    }
}

impl Pace {
    /// More than 0, at most 1.
    pub fn share(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    /// The rate at which a sampler that wants `fps` works now, never below `least`.
    pub fn rate(&self, fps: f64, least: f64) -> f64 {
        (fps * self.share()).max(least.min(fps))
    }

    fn set(&self, share: f64) {
        self.0.store(share.to_bits(), Relaxed);
    }
}

/// How long one look at the load lasts.
const LOOK: Duration = Duration::from_secs(1);
/// A step down or up.
const STEP: f64 = 0.7;
/// So many of the last looks with overload, and the rate is lowered.
const LASTING: u32 = 3;
/// The last looks, a bit each: what comes once in a few seconds, as segments do, lasts too.
const LAST: u16 = (1 << 12) - 1;
/// So many looks in a row without, and the rate is raised.
const CALM: u32 = 10;
/// A rise waits for no more looks than this, however often it failed.
const LONGEST_CALM: u32 = 60;

/// The core: what the load was, and when the rate changes.
#[derive(Debug)]
pub struct Governor {
    /// No share below this is of use: all samplers are at their least rate.
    floor: f64,
    share: f64,
    looked: Instant,
    overloaded: bool,
    /// The last looks, the newest in the lowest bit: whether each was overloaded.
    looks: u16,
    calm: u32,
    /// Looks without overload until the next rise.
    patience: u32,
    /// Whether the last change was a rise.
    rose: bool,
}

impl Governor {
    /// Begins at the full rate. `floor` is the least share of use, 0 to 1.
    pub fn new(floor: f64, now: Instant) -> Self {
        Self {
            floor: floor.clamp(0.001, 1.0),
            share: 1.0,
            looked: now,
            overloaded: false,
            looks: 0,
            calm: 0,
            patience: CALM,
            rose: false,
        }
    }

    /// Takes note whether frames were let go since the last call; gives the new share if it changes.
    pub fn observe(&mut self, now: Instant, overloaded: bool, pace: &Pace) -> Option<f64> {
        self.overloaded |= overloaded;
        if now.duration_since(self.looked) < LOOK {
            return None;
        }
        self.looked = now;
        let before = self.share;
        let overloaded = std::mem::take(&mut self.overloaded);
        self.looks = (self.looks << 1 | u16::from(overloaded)) & LAST;
        match overloaded {
            true => self.busy(),
            false => self.calm(),
        }
        pace.set(self.share);
        (self.share != before).then_some(self.share)
    }

    fn busy(&mut self) {
        self.calm = 0;
        if self.looks.count_ones() < LASTING {
            return;
        }
        self.looks = 0;
        if self.rose {
            self.patience = (self.patience * 2).min(LONGEST_CALM);
            self.rose = false;
        }
        self.share = (self.share * STEP).max(self.floor);
    }

    fn calm(&mut self) {
        self.calm += 1;
        if self.calm < self.patience || self.share >= 1.0 {
            return;
        }
        self.calm = 0;
        if self.rose {
            // The last rise held.
            self.patience = CALM;
        }
        self.rose = true;
        // What is a step short of all is all: steps do not come out even.
        let up = self.share / STEP;
        self.share = if up > 0.95 { 1.0 } else { up };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shares after each of `seconds`, when `overloaded` says what each second is like at the share so far.
    fn shares(seconds: u64, floor: f64, overloaded: impl Fn(u64, f64) -> bool) -> Vec<f64> {
        let (begin, pace) = (Instant::now(), Pace::default());
        let mut governor = Governor::new(floor, begin);
        let after = |second| {
            let bad = overloaded(second, pace.share());
            governor.observe(begin + Duration::from_secs(second), bad, &pace);
            pace.share()
        };
        (1..=seconds).map(after).collect()
    }

    #[test]
    fn a_short_burst_changes_nothing() {
        let shares = shares(60, 0.1, |second, _| second % 20 < 2);
        assert!(shares.iter().all(|share| *share == 1.0), "{shares:?}");
    }

    #[test]
    fn what_is_too_late_every_few_seconds_lowers_the_rate_too() {
        let shares = shares(60, 0.1, |second, _| second % 4 == 0);
        assert_eq!(shares[10], 1.0);
        assert!(shares[11] < 1.0 && shares[59] < 0.3, "{shares:?}");
    }

    #[test]
    fn lasting_overload_lowers_the_rate_to_its_floor_and_calm_raises_it_again() {
        let shares = shares(120, 0.25, |second, _| second <= 30);
        assert_eq!((shares[1], shares[2]), (1.0, 0.7));
        assert!((shares[5] - 0.49).abs() < 1e-9);
        assert_eq!(shares[29], 0.25);
        assert_eq!(shares[38], 0.25);
        assert!(shares[39] > 0.3);
        assert_eq!(shares[119], 1.0);
    }

    #[test]
    fn settles_where_the_load_fits_and_tries_the_next_step_ever_more_seldom() {
        // Whatever is above half is too much.
        let shares = shares(600, 0.1, |_, share| share > 0.5);
        let rises = |part: &[f64]| part.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let (early, late) = (rises(&shares[..150]), rises(&shares[450..]));
        assert!(early > late && late <= 3, "{early} {late}");
        let too_much = shares[100..].iter().filter(|share| **share > 0.5).count();
        assert!(too_much < 60, "{too_much} of 500 seconds");
    }

    #[test]
    fn a_rate_never_goes_below_its_least_nor_above_what_is_wanted() {
        let pace = Pace::default();
        pace.set(0.1);
        assert_eq!(pace.rate(2.0, 0.5), 0.5);
        assert_eq!(pace.rate(0.2, 0.5), 0.2);
        assert_eq!(pace.rate(10.0, 0.5), 1.0);
    }
}
