//! Chooses frames: on a grid of media time, and only where something changed.
//!
//! What is chosen in a stretch (the media time between two multiples of the segment length) depends only on frames of that
//! stretch: the grid is anchored at 0, and the state begins anew at every multiple. So a run that resumes at such a
//! multiple chooses what an undisturbed run would have chosen.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    data::{MediaTime, ROUNDING, SourceId, Taken},
    node::{SpecError, require},
    pace::Pace,
    signature::Signature,
    tally::{DropReason, Tally},
};

/// Chooses frames: at most `fps` a second on a grid of media time, and none that look like the last one chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSpec {
    /// Frames a second of media time, 0.01 to 60. More frames see quicker events and cost one encoder run each.
    pub fps: f64,
    /// How much a frame must differ from the last one chosen, as a mean difference of brightness from 0 (keep every frame) to 1. 0.01 skips a still picture and keeps a person walking through it.
    pub change: f64,
    /// After so many milliseconds of media time a frame is chosen even if nothing changed.
    pub keep_every_ms: u64,
    /// Of a live source: under lasting overload the rate goes down step by step to this, and up again when there is room. More
    /// than 0, at most `fps`; a quarter of `fps` if absent. A recording keeps its rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_fps: Option<f64>,
}

impl Default for SampleSpec {
    fn default() -> Self {
        Self {
            fps: 2.0,
            change: 0.01,
            keep_every_ms: 4000,
            min_fps: None,
        }
    }
}

impl SampleSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"sample\"\ninputs = [\"video\"]\nfps = 2\n";

    /// Rejects rates and thresholds outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        require(
            (0.01..=60.0).contains(&self.fps),
            "fps",
            self.fps,
            "0.01 to 60",
        )?;
        require(
            (0.0..=1.0).contains(&self.change),
            "change",
            self.change,
            "0 to 1",
        )?;
        require(
            self.keep_every_ms > 0,
            "keep_every_ms",
            self.keep_every_ms,
            "1 or more",
        )?;
        let least = self.least();
        require(
            least > 0.0 && least <= self.fps,
            "min_fps",
            least,
            "more than 0, at most fps",
        )
    }

    /// The lowest rate of a live source.
    pub fn least(&self) -> f64 {
        self.min_fps.unwrap_or(self.fps / 4.0)
    }
}

/// The places on the grid of media time; the first frame in each place is wanted.
///
/// A source may use it to spare the conversion of frames that no sampler wants: the choice is the same.
#[derive(Clone, Debug)]
pub struct Grid {
    fps: f64,
    /// Of a live source: what its rate follows, and the lowest one.
    pace: Option<(Arc<Pace>, f64)>,
    stretches_ms: Vec<u64>,
    last: Option<Place>,
}

/// The place of a frame: its stretch for each segment length, and its slot.
type Place = (Vec<u64>, u128);

impl Grid {
    /// A grid of `fps` places a second that begins anew at every multiple of each of the lengths.
    pub fn new(fps: f64, stretches_ms: &[u64]) -> Self {
        Self {
            fps,
            pace: None,
            stretches_ms: stretches_ms.to_vec(),
            last: None,
        }
    }

    /// The same grid, with a rate that follows `pace` but never goes below `least`.
    pub fn paced(self, pace: Arc<Pace>, least: f64) -> Self {
        Self {
            pace: Some((pace, least)),
            ..self
        }
    }

    /// Places in a second, now.
    pub fn fps(&self) -> f64 {
        match &self.pace {
            Some((pace, least)) => pace.rate(self.fps, *least),
            None => self.fps,
        }
    }

    /// Places in a second that are wanted, whatever the load.
    pub fn wanted_fps(&self) -> f64 {
        self.fps
    }

    /// Whether a frame is the first of its place. Frames are offered in order.
    pub fn wants(&mut self, at: MediaTime) -> bool {
        let place = self.place(at);
        if self.last.as_ref() == Some(&place) {
            return false;
        }
        self.last = Some(place);
        true
    }

    /// The earliest moment after a frame at `at` at which another one is wanted.
    pub fn next(&self, at: MediaTime) -> MediaTime {
        let (stretches, slot) = self.place(at);
        let rate = ((self.fps() * 1e6).round() as u128).max(1);
        let begins = ((slot + 1) * 1_000_000_000_000_000).div_ceil(rate);
        let stretches = self.stretches_ms.iter().zip(stretches);
        let ends = stretches.map(|(length, n)| (n + 1) * (length * 1_000_000).max(1));
        let next = ends.fold(u64::try_from(begins).unwrap_or(u64::MAX), u64::min);
        MediaTime::from_nanos(next.saturating_sub(ROUNDING))
    }

    fn place(&self, at: MediaTime) -> Place {
        // Containers round times to their own clock: a frame a microsecond before a boundary belongs to it.
        let nanos = at.nanos() + ROUNDING;
        // Places in a million seconds.
        let rate = (self.fps() * 1e6).round() as u128;
        let stretches = self
            .stretches_ms
            .iter()
            .map(|length| nanos / (length * 1_000_000).max(1))
            .collect();
        (stretches, u128::from(nanos) * rate / 1_000_000_000_000_000)
    }
}

/// The core: decides about one source's frames.
#[derive(Clone, Debug)]
pub struct Sampler {
    grid: Grid,
    change: f64,
    keep_every_ms: u64,
    kept: Option<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    at: MediaTime,
    stretches: Vec<u64>,
    signature: Signature,
}

impl Sampler {
    /// A sampler that has seen nothing.
    pub fn new(spec: &SampleSpec, stretches_ms: &[u64]) -> Self {
        let grid = Grid::new(spec.fps, stretches_ms);
        Self {
            grid,
            change: spec.change,
            keep_every_ms: spec.keep_every_ms,
            kept: None,
        }
    }

    /// The same for a live source: its rate follows `pace`.
    pub fn paced(self, pace: Arc<Pace>, least: f64) -> Self {
        Self {
            grid: self.grid.paced(pace, least),
            ..self
        }
    }

    /// Decides about the next frame; `None` keeps it.
    pub fn judge(&mut self, at: MediaTime, signature: &Signature) -> Option<DropReason> {
        if !self.grid.wants(at) {
            return Some(DropReason::Rate);
        }
        let (stretches, _) = self.grid.place(at);
        if self
            .kept
            .as_ref()
            .is_some_and(|kept| self.alike(kept, at, &stretches, signature))
        {
            return Some(DropReason::Gated);
        }
        self.kept = Some(Kept {
            at,
            stretches,
            signature: signature.clone(),
        });
        None
    }

    fn alike(&self, kept: &Kept, at: MediaTime, stretches: &[u64], signature: &Signature) -> bool {
        kept.stretches == stretches
            && at.millis().saturating_sub(kept.at.millis()) < self.keep_every_ms
            && kept.signature.difference(signature) < self.change
    }
}

/// Lets the wanted frames of `sources` through; everything else of them passes as it is.
pub fn sample<'s, T: Timestamp>(
    taken: StreamVec<'s, T, Taken>,
    spec: &SampleSpec,
    from: Sampling,
    tally: Tally,
) -> StreamVec<'s, T, Taken> {
    let fresh = Sampler::new(spec, &from.stretches_ms);
    let planned: BTreeMap<u32, Sampler> = from
        .planned
        .into_iter()
        .map(|(planned, pace)| match pace {
            Some(pace) => (planned, fresh.clone().paced(pace, spec.least())),
            None => (planned, fresh.clone()),
        })
        .collect();
    let mut samplers: BTreeMap<SourceId, Sampler> = BTreeMap::new();
    taken.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Sample",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let mut session = output.session(&capability);
                    for taken in batches.flat_map(|batch| batch.drain(..)) {
                        let source = taken.source();
                        let Some(fresh) = planned.get(&source.planned) else {
                            continue;
                        };
                        let sampler = samplers.entry(source).or_insert_with(|| fresh.clone());
                        if !keep(sampler, &taken, &tally) {
                            continue;
                        }
                        if let Taken::End(_) = &taken {
                            samplers.remove(&source);
                        }
                        session.give(taken);
                    }
                });
            }
        },
    )
}

/// Which sources a sample node reads, and where its state begins anew.
#[derive(Clone, Debug, Default)]
pub struct Sampling {
    /// The planned sources, live ones with what their rate follows.
    pub planned: Vec<(u32, Option<Arc<Pace>>)>,
    /// The segment lengths downstream.
    pub stretches_ms: Vec<u64>,
}

fn keep(sampler: &mut Sampler, taken: &Taken, tally: &Tally) -> bool {
    let Taken::Frame(frame) = taken else {
        return true;
    };
    let tally = tally.source(frame.source);
    match sampler.judge(frame.at, &frame.signature) {
        None => tally.sampled(),
        Some(reason) => {
            tally.dropped(reason, 1);
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use atom_models::Image;

    use super::*;

    fn grey(level: u8) -> Signature {
        Signature::of(&Image::filled(16, 16, [level; 3]))
    }

    /// The indices of the frames that are kept, of `count` frames at `fps`, each frame's grey given by its index.
    fn kept(spec: &SampleSpec, fps: f64, count: u64, level: impl Fn(u64) -> u8) -> Vec<u64> {
        let mut sampler = Sampler::new(spec, &[4000]);
        let at = |n: u64| MediaTime::from_nanos((n as f64 * 1e9 / fps) as u64);
        (0..count)
            .filter(|n| sampler.judge(at(*n), &grey(level(*n))).is_none())
            .collect()
    }

    #[test]
    fn takes_the_first_frame_of_each_place_on_the_grid() {
        let spec = SampleSpec {
            fps: 2.0,
            change: 0.0,
            ..SampleSpec::default()
        };
        assert_eq!(kept(&spec, 25.0, 50, |_| 0), [0, 13, 25, 38]);
        assert_eq!(kept(&spec, 1.0, 3, |_| 0), [0, 1, 2]);
        assert_eq!(
            kept(&spec, 30000.0 / 1001.0, 91, |_| 0),
            [0, 15, 30, 45, 60, 75, 90]
        );
    }

    #[test]
    fn knows_when_the_next_frame_is_wanted() {
        for (fps, stretches) in [
            (0.1, &[4000][..]),
            (0.3, &[]),
            (2.0, &[4000, 700]),
            (7.7, &[]),
        ] {
            let mut at = MediaTime::from_nanos(123_456_789);
            for _ in 0..50 {
                let mut grid = Grid::new(fps, stretches);
                grid.wants(at);
                let next = grid.next(at);
                assert!(next > at);
                assert!(
                    !grid.wants(MediaTime::from_nanos(next.nanos() - 1)),
                    "{fps}"
                );
                assert!(grid.wants(next), "{fps}");
                at = next;
            }
        }
    }

    #[test]
    fn skips_what_does_not_change_but_lets_one_through_now_and_then() {
        let spec = SampleSpec {
            fps: 1.0,
            change: 0.01,
            keep_every_ms: 3000,
            ..SampleSpec::default()
        };
        assert_eq!(kept(&spec, 1.0, 9, |_| 7), [0, 3, 4, 7, 8]); // 4 and 8 begin stretches
        assert_eq!(kept(&spec, 1.0, 4, |n| n as u8 * 40), [0, 1, 2, 3]);
    }

    #[test]
    fn a_run_resumed_at_a_stretch_keeps_the_same_frames() {
        let spec = SampleSpec {
            fps: 1.7,
            change: 0.02,
            keep_every_ms: 2500,
            ..SampleSpec::default()
        };
        let level = |n: u64| ((n / 7) * 11 % 50) as u8;
        let at = |n: u64| MediaTime::from_nanos((n as f64 * 1e9 / 29.97) as u64);
        let run = |from: u64| -> Vec<u64> {
            let mut sampler = Sampler::new(&spec, &[4000]);
            (0..600)
                .filter(|n| at(*n).reaches(MediaTime::from_millis(from)))
                .filter(|n| sampler.judge(at(*n), &grey(level(*n))).is_none())
                .collect()
        };
        let whole = run(0);
        for from in [4000, 8000, 16000] {
            let rest: Vec<_> = whole
                .iter()
                .copied()
                .filter(|n| at(*n).reaches(MediaTime::from_millis(from)))
                .collect();
            assert_eq!(run(from), rest, "resumed at {from} ms");
        }
    }
}
