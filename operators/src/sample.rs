//! Frame sampling: on a grid of media time, and only where something changed.
//!
//! The choice within a window (the media time between two multiples of the segment length) depends only on frames of
//! that window: the grid is anchored at 0, and the state restarts at every multiple. So a run that resumes at such a
//! multiple chooses the frames that an undisturbed run would have chosen.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    counters::{Counters, DropReason},
    event::IntakeEvent,
    ids::SourceId,
    media_time::MediaTime,
    rate_control::RateFactor,
    sampling_grid::SamplingGrid,
    signature::Signature,
    spec::{SpecError, require},
};

/// Samples at most `fps` frames per second of media time, and skips frames that look like the last sampled one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSpec {
    /// Frames per second of media time, 0.01 to 60. A higher rate catches shorter events and needs one encoder run per
    /// frame.
    pub fps: f64,
    /// Smallest difference from the last sampled frame: the mean difference of brightness, from 0 (samples every frame)
    /// to 1. 0.01 skips a still scene and keeps a person walking through it.
    pub change: f64,
    /// Media time after which a frame is sampled even if nothing changed, in milliseconds.
    pub keep_every_ms: u64,
    /// Lowest rate of a live source. Under lasting overload the rate is reduced step by step, and raised again when the
    /// load falls. More than 0, at most `fps`; a quarter of `fps` if absent. The rate of a recording does not change.
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
    /// Smallest useful settings of this node in a pipeline file.
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
        let min_fps = self.lowest_fps();
        require(
            min_fps > 0.0 && min_fps <= self.fps,
            "min_fps",
            min_fps,
            "more than 0, at most fps",
        )
    }

    /// Returns the lowest rate of a live source.
    pub fn lowest_fps(&self) -> f64 {
        self.min_fps.unwrap_or(self.fps / 4.0)
    }
}

/// The core: decides about the frames of one source.
#[derive(Clone, Debug)]
struct Sampler {
    grid: SamplingGrid,
    change: f64,
    keep_every_ms: u64,
    last: Option<LastChosen>,
}

#[derive(Clone, Debug)]
struct LastChosen {
    at: MediaTime,
    windows: Vec<u64>,
    signature: Signature,
}

impl Sampler {
    /// Creates a sampler that has seen no frame.
    fn new(spec: &SampleSpec, window_lengths_ms: &[u64]) -> Self {
        Self {
            grid: SamplingGrid::new(spec.fps, window_lengths_ms),
            change: spec.change,
            keep_every_ms: spec.keep_every_ms,
            last: None,
        }
    }

    /// Scales the rate of a live source by `rate`, but never below `min_fps`.
    fn with_rate(self, rate: Arc<RateFactor>, min_fps: f64) -> Self {
        Self {
            grid: self.grid.with_rate(rate, min_fps),
            ..self
        }
    }

    /// Decides about the next frame; `None` means that it is chosen.
    fn decide(&mut self, at: MediaTime, signature: &Signature) -> Option<DropReason> {
        if !self.grid.wants(at) {
            return Some(DropReason::Rate);
        }
        let windows = self.grid.windows(at);
        let unchanged = |last: &LastChosen| self.is_unchanged(last, at, &windows, signature);
        if self.last.as_ref().is_some_and(unchanged) {
            return Some(DropReason::Gated);
        }
        self.last = Some(LastChosen {
            at,
            windows,
            signature: signature.clone(),
        });
        None
    }

    fn is_unchanged(
        &self,
        last: &LastChosen,
        at: MediaTime,
        windows: &[u64],
        signature: &Signature,
    ) -> bool {
        last.windows == windows
            && at.millis().saturating_sub(last.at.millis()) < self.keep_every_ms
            && last.signature.difference(signature) < self.change
    }

    /// Counts a record; returns true if it passes. Only frames can be dropped.
    fn passes(&mut self, event: &IntakeEvent, counters: &Counters) -> bool {
        let IntakeEvent::Frame(frame) = event else {
            return true;
        };
        let counters = counters.source(frame.source);
        let dropped = self.decide(frame.at, &frame.signature);
        match dropped {
            None => counters.add_sampled(),
            Some(reason) => counters.add_dropped(reason, 1),
        }
        dropped.is_none()
    }
}

/// The sources that a sample node reads, and the segment lengths at whose multiples its state is reset.
#[derive(Clone, Debug, Default)]
pub struct SampledSources {
    /// Planned sources; a live one has the factor that scales its rate.
    pub planned: Vec<(u32, Option<Arc<RateFactor>>)>,
    /// Segment lengths downstream, in milliseconds.
    pub window_lengths_ms: Vec<u64>,
}

impl SampledSources {
    /// Returns the sampler that each recording of a planned source starts with.
    fn samplers(self, spec: &SampleSpec) -> BTreeMap<u32, Sampler> {
        let fresh = Sampler::new(spec, &self.window_lengths_ms);
        let sampler = |(planned, rate)| match rate {
            Some(rate) => (planned, fresh.clone().with_rate(rate, spec.lowest_fps())),
            None => (planned, fresh.clone()),
        };
        self.planned.into_iter().map(sampler).collect()
    }
}

/// Passes on the chosen frames of `sources`, and all their other records unchanged.
///
/// ```
/// use std::sync::{Arc, mpsc};
///
/// use atom_models::Image;
/// use atom_operators::{
///     counters::Counters, event::IntakeEvent, frame::Frame, ids::SourceId, media_time::MediaTime,
///     sample::{SampleSpec, SampledSources, sample},
/// };
/// use timely::dataflow::operators::{Inspect, vec::ToStream};
///
/// // Ten frames a second, each of another grey, so that none is skipped as unchanged.
/// let frame = |n: u8| {
///     let at = MediaTime::from_millis(u64::from(n) * 100);
///     let image = Image::filled(16, 16, [n * 10; 3]);
///     IntakeEvent::Frame(Arc::new(Frame::new(SourceId::new(0), at, image)))
/// };
/// let (output, chosen) = mpsc::channel();
/// timely::example(move |scope| {
///     let sources = SampledSources { planned: vec![(0, None)], window_lengths_ms: vec![4000] };
///     let frames = (0..10).map(frame).to_stream(scope);
///     sample(frames, &SampleSpec::default(), sources, Counters::default()).inspect(move |event| {
///         if let IntakeEvent::Frame(frame) = event {
///             output.send(frame.at.millis()).unwrap();
///         }
///     });
/// });
/// assert_eq!(chosen.iter().collect::<Vec<_>>(), [0, 500]); // two frames a second
/// ```
pub fn sample<'s, T: Timestamp>(
    events: StreamVec<'s, T, IntakeEvent>,
    spec: &SampleSpec,
    sources: SampledSources,
    counters: Counters,
) -> StreamVec<'s, T, IntakeEvent> {
    let planned = sources.samplers(spec);
    let mut samplers: BTreeMap<SourceId, Sampler> = BTreeMap::new();
    events.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Sample",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let mut session = output.session(&capability);
                    for event in batches.flat_map(|batch| batch.drain(..)) {
                        let source = event.source();
                        let Some(fresh) = planned.get(&source.planned) else {
                            continue;
                        };
                        let sampler = samplers.entry(source).or_insert_with(|| fresh.clone());
                        if !sampler.passes(&event, &counters) {
                            continue;
                        }
                        if let IntakeEvent::End(_) = &event {
                            samplers.remove(&source);
                        }
                        session.give(event);
                    }
                });
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use atom_models::Image;

    use super::*;

    fn grey(level: u8) -> Signature {
        Signature::new(&Image::filled(16, 16, [level; 3]))
    }

    /// Returns the indices of the chosen frames, of `count` frames at `fps`, each frame's grey given by its index.
    fn chosen(spec: &SampleSpec, fps: f64, count: u64, level: impl Fn(u64) -> u8) -> Vec<u64> {
        let mut sampler = Sampler::new(spec, &[4000]);
        let at = |n: u64| MediaTime::from_nanos((n as f64 * 1e9 / fps) as u64);
        (0..count)
            .filter(|n| sampler.decide(at(*n), &grey(level(*n))).is_none())
            .collect()
    }

    #[test]
    fn chooses_the_first_frame_of_each_cell_of_the_grid() {
        let spec = SampleSpec {
            fps: 2.0,
            change: 0.0,
            ..SampleSpec::default()
        };
        assert_eq!(chosen(&spec, 25.0, 50, |_| 0), [0, 13, 25, 38]);
        assert_eq!(chosen(&spec, 1.0, 3, |_| 0), [0, 1, 2]);
        assert_eq!(
            chosen(&spec, 30000.0 / 1001.0, 91, |_| 0),
            [0, 15, 30, 45, 60, 75, 90]
        );
    }

    #[test]
    fn skips_unchanged_frames_but_chooses_one_now_and_then() {
        let spec = SampleSpec {
            fps: 1.0,
            change: 0.01,
            keep_every_ms: 3000,
            ..SampleSpec::default()
        };
        assert_eq!(chosen(&spec, 1.0, 9, |_| 7), [0, 3, 4, 7, 8]); // 4 and 8 begin windows
        assert_eq!(chosen(&spec, 1.0, 4, |n| n as u8 * 40), [0, 1, 2, 3]);
    }

    #[test]
    fn a_run_resumed_at_a_window_chooses_the_same_frames() {
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
                .filter(|n| sampler.decide(at(*n), &grey(level(*n))).is_none())
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
