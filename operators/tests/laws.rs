//! The laws that hold for every operator, for any order of arrival, on real dataflows of one worker.
//!
//! In each of them, `World::finish` checks that the graph runs dry in bounded time and steps and that nothing is
//! held then, and the log of the intake checks that no more frames are alive than the limit allows.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "laws/chain.rs"]
mod chain;
#[path = "laws/offloaded.rs"]
mod offloaded;
#[path = "laws/questions.rs"]
mod questions;
#[path = "laws/regressions.rs"]
mod regressions;
#[path = "laws/world.rs"]
mod world;

use atom_operators::{
    circuit_breaker::FAILURES_TO_TRIP, counters::Task, credits::CreditLimits, ids::SourceId,
    media_time::MediaTime, sample::SampleSpec, segment::SegmentSpec, tick::Partition,
};
use chain::{DECODED, Setup};
use proptest::{collection::vec, prelude::*, sample::select};
use world::*;

type Colour = [u8; 3];
const YELLOW: Colour = [255, 255, 0];
const MAGENTA: Colour = [255, 0, 255];
const COLOURS: [Colour; 6] = [
    [250, 0, 0],
    [0, 250, 0],
    [0, 0, 250],
    [250; 3],
    [0; 3],
    [90; 3],
];

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    }
}

/// Returns up to `sources` scripts of up to `most` records each; too few frames fail to trip a circuit breaker.
fn scripts(sources: usize, most: usize) -> impl Strategy<Value = Vec<Script>> {
    let odd = select(&[Some(YELLOW), Some(MAGENTA), None]);
    let colour = prop_oneof![4 => select(&COLOURS).prop_map(Some), 1 => odd];
    vec(vec((1..900u64, colour), 0..most), 1..=sources).prop_map(|scripts| {
        let mut bad = 0;
        let mut script = |shots: Vec<(u64, Option<Colour>)>| {
            let mut now = 0;
            let place = |(gap, colour)| {
                now += gap;
                bad += u32::from([Some(YELLOW), Some(MAGENTA)].contains(&colour));
                (
                    MediaTime::from_millis(now),
                    if bad < FAILURES_TO_TRIP {
                        colour
                    } else {
                        Some(COLOURS[0])
                    },
                )
            };
            shots.into_iter().map(place).collect()
        };
        scripts.into_iter().map(&mut script).collect()
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let sample = (0.5..12.0, select(&[0.0, 0.02, 0.3]), 500..3000u64);
    let segment = (select(&[1000, 1700, 4000]), select(&[0.3, 1.0]), 0..1500u64);
    let bound = || prop_oneof![1..4usize, 4..99usize];
    (sample, segment, bound(), bound()).prop_map(
        |((fps, change, keep_every_ms), cut, frames, segments)| Setup {
            sample: SampleSpec {
                fps,
                change,
                keep_every_ms,
                min_fps: None,
            },
            segment: SegmentSpec {
                length_ms: cut.0,
                scene_change: cut.1,
                shortest_ms: cut.2,
            },
            asks: ["Is it red?", "Is it a picture of blue?"],
            limits: limits(frames, segments),
            broken: false,
            ends: true,
            partitions: 0,
        },
    )
}

fn limits(frames: usize, segments: usize) -> CreditLimits {
    CreditLimits {
        frames,
        segments,
        late_after: None,
    }
}

/// Returns setups with segments of four seconds without scene cuts, few of which may be in flight.
fn plain() -> impl Strategy<Value = Setup> {
    (setup(), 1..4usize, 1..4usize).prop_map(|(setup, frames, segments)| Setup {
        segment: SegmentSpec {
            length_ms: 4000,
            scene_change: 1.0,
            shortest_ms: 0,
        },
        limits: limits(frames, segments),
        ..setup
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec((0..4usize, 1..30usize, 0..6usize), 1..12)
}

fn at(line: &str) -> u64 {
    line.split(' ').next().unwrap().parse().unwrap()
}

/// Returns the media times of these lines in order.
fn times<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
    let mut times: Vec<_> = lines.into_iter().map(at).collect();
    times.sort();
    times
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_batching_and_interleaving_gives_the_same(
        scripts in scripts(4, 25), setup in setup(), turns in turns(), partitions in 0..3usize,
    ) {
        let narrow = Setup { limits: limits(1, 1), ..setup.clone() };
        let setup = Setup { partitions, ..setup };
        let (calm, wild) = (run(&narrow, &scripts, &[(0, 1, 30)]), run(&setup, &scripts, &turns));
        for (operator, lines) in &calm.lines {
            prop_assert_eq!(Some(lines), wild.lines.get(operator), "{:?}", operator);
        }
        prop_assert_eq!(calm.lines.len(), wild.lines.len());
    }

    #[test]
    fn every_frame_comes_out_or_is_counted_as_dropped(scripts in scripts(3, 25), setup in setup(), turns in turns()) {
        let ran = run(&setup, &scripts, &turns);
        let [mut captions, mut answers] = [(0, 0, 0); 2];
        for (source, script) in scripts.iter().enumerate() {
            let counters = ran.counters.source(SourceId::new(source as u32));
            let frames = script.iter().filter(|(_, colour)| colour.is_some()).count() as u64;
            prop_assert_eq!(counters.frames_received(), frames);
            prop_assert_eq!(frames, counters.frames_sampled() + counters.frames_dropped().values().sum::<u64>());
            let sampled = ran.with("sample", source, "frame").len();
            prop_assert_eq!(sampled as u64, counters.frames_sampled());
            let lost = ran.with("encode", source, "(Encode").len();
            prop_assert_eq!(sampled, ran.with("encode", source, "frame").len() + lost);
            let segments = times(ran.with("segment", source, "Ok"));
            let reported = ran.sealed(source, "caption").into_iter();
            prop_assert_eq!(&segments, &times(reported.chain(ran.with("seal", source, "(Caption"))));
            let reported = ran.sealed(source, "answer").len() + ran.with("seal", source, "(Reason").len();
            prop_assert_eq!(2 * segments.len(), reported);
            prop_assert_eq!(&segments, &times(ran.with("index", source, "row of 3")));
            let minute = |at: u64| at / (2 * setup.segment.length_ms);
            let mut minutes: Vec<_> = segments.iter().map(|at| minute(*at)).collect();
            minutes.dedup();
            let mut summed: Vec<_> = ran.of("minute", source).iter().map(|line| minute(at(line))).collect();
            summed.sort();
            prop_assert_eq!(&minutes, &summed, "each minute once");
            let parts = |span: &u64| minutes.iter().filter(|minute| *minute / 3 == *span).count();
            let mut spans: Vec<_> = minutes.iter().map(|minute| minute / 3).collect();
            spans.dedup();
            spans.retain(|span| parts(span) > 1);
            prop_assert_eq!(spans.len(), ran.of("span", source).len());
            let reported = ran.sealed(source, "summary").len() + ran.with("seal", source, "(Summary").len();
            prop_assert_eq!(minutes.len() + spans.len(), reported);
            let through = times(ran.of("through", source).iter().map(String::as_str));
            prop_assert_eq!(&through, &ran.of("through", source).iter().map(|line| at(line)).collect::<Vec<_>>());
            for (n, stage) in DECODED.iter().enumerate().skip(1) {
                let (requests, prefilled, generated) = if n == 1 { &mut captions } else { &mut answers };
                for line in ran.with(stage, source, "Ok") {
                    let words: Vec<_> = line.split(' ').collect();
                    *requests += 1;
                    *prefilled += words[1].parse::<u64>().unwrap();
                    *generated += words.len() as u64 - 2;
                }
            }
        }
        for (task, expected) in [(Task::Caption, captions), (Task::Reason, answers)] {
            let counted = ran.counters.tasks().get(&task).copied().unwrap_or_default();
            prop_assert_eq!((counted.requests, counted.prefilled + counted.reused, counted.generated), expected);
        }
    }

    #[test]
    fn failures_are_reported_once_and_affect_nothing_else(
        scripts in scripts(2, 13), setup in plain(), turns in turns(), failing in 0..2usize, panics: bool,
    ) {
        let (word, ask) = if panics { ("panic", "please panic") } else { ("model", "please fail") };
        let good = run(&setup, &scripts, &turns);
        let asks = if failing == 0 { [ask, setup.asks[1]] } else { [setup.asks[0], ask] };
        let ran = run(&Setup { asks, ..setup }, &scripts, &turns);
        for (source, script) in scripts.iter().enumerate() {
            for stage in ["intake", "sample", "encode", "segment", DECODED[1], DECODED[3 - failing], "through"] {
                prop_assert_eq!(ran.of(stage, source), good.of(stage, source));
            }
            let chosen = times(ran.with("sample", source, "frame"));
            let frame = |(at, colour): &(MediaTime, Option<Colour>)| match colour {
                None => Some(format!("{} failure (Source, \"undecodable\")", at.millis())),
                Some(_) if !chosen.contains(&at.millis()) => None,
                Some(YELLOW) => Some(format!("{} failure (Encode, \"model\")", at.millis())),
                Some(MAGENTA) => Some(format!("{} failure (Encode, \"panic\")", at.millis())),
                Some(_) => None,
            };
            let asked = ran.with("segment", source, "Ok").into_iter();
            let asked = asked.map(|line| format!("{} failure (Reason, \"{word}\")", at(line)));
            let empty = ran.with("segment", source, "Missing").into_iter();
            let empty = empty.map(|line| format!("{} failure (Encode, \"missing\")", at(line)));
            let mut expected: Vec<_> = script.iter().filter_map(frame).chain(asked).chain(empty).collect();
            let mut reported = ran.with("seal", source, "failure");
            reported.sort();
            expected.sort();
            prop_assert_eq!(reported, expected);
        }
    }

    #[test]
    fn a_broken_decoder_trips_its_breaker_and_the_graph_runs_dry(
        scripts in scripts(3, 60), setup in setup(), turns in turns(),
    ) {
        let ran = &run(&Setup { broken: true, ..setup }, &scripts, &turns);
        let count = |stages: &[&'static str], word: &str| -> usize {
            let lines = |source| stages.iter().map(move |stage| ran.with(stage, source, word).len()).sum::<usize>();
            (0..scripts.len()).map(lines).sum()
        };
        let segments = count(&["segment"], "Ok");
        let failed = (2 * segments).min(FAILURES_TO_TRIP as usize);
        prop_assert_eq!(count(&DECODED[1..3], "Err(Model)"), failed);
        prop_assert_eq!(count(&DECODED[1..3], "Err(GivenUp)"), 2 * segments - failed);
        prop_assert_eq!(count(&DECODED[3..], "Err(Missing)") + count(&DECODED[3..], "Err(GivenUp)"), segments);
        prop_assert_eq!((count(&["seal"], "(Caption"), count(&["seal"], "(Reason")), (segments, 2 * segments));
    }

    #[test]
    fn a_stalled_source_delays_no_other_source(
        mut scripts in vec(scripts(1, 25).prop_map(|mut one| one.remove(0)), 3), setup in plain(), turns in turns(),
        stalled in 0..3usize, sent in 0..25usize,
    ) {
        let sent = sent.min(scripts[stalled].len());
        scripts[stalled].truncate(sent);
        let own = scripts.clone();
        world(&setup, &scripts, move |world| {
            world.todo[stalled].truncate(sent); // without its end
            world.play(&turns);
            let windows = own[stalled].iter().map(|(at, _)| at.millis() / 4000);
            let closed: Vec<_> = windows.clone().zip(windows.skip(1)).filter(|(a, b)| a != b).collect();
            let shared = world.shared.clone();
            let count = |source: usize, word: &str| {
                let log = shared.log.borrow();
                log.get(&("seal", source as u32)).map_or(0, |lines| lines.iter().filter(|l| l.contains(word)).count())
            };
            world.until("the rest", |world| {
                let ended = |source| source == stalled || count(source, " end ") == 1;
                (0..3).all(ended) && count(stalled, "closed") == closed.len() && world.idle()
            });
            for (source, script) in own.iter().enumerate() {
                let end = script.last().map_or(0, |(at, _)| at.nanos() + 1_000_000);
                let until = closed.last().map_or(0, |(window, _)| (window + 1) * 4_000_000_000);
                let expected = if source == stalled { until } else { end };
                let log = shared.log.borrow();
                let through = log.get(&("through", source as u32)).map_or(0, |lines| at(&lines[lines.len() - 1]));
                assert_eq!(through, expected, "complete through, source {source}");
            }
            assert_eq!(world.frontier(), [Some(Partition(stalled as u32))]);
        });
    }

    #[test]
    fn held_results_stop_the_intake_until_they_are_released(
        scripts in scripts(2, 60), setup in plain(), turns in turns(),
    ) {
        let most = setup.limits;
        world(&setup, &scripts, move |world| {
            world.holding = true;
            world.play(&turns);
            let shared = world.shared.clone();
            let mut full_at = vec![None; shared.credits.len()];
            world.until("all ends", move |_| {
                let log = shared.log.borrow();
                let intake_log = |source| log.get(&("intake", source as u32)).map_or(&[][..], Vec::as_slice);
                for (source, credits) in shared.credits.iter().enumerate() {
                    let (_, segments) = credits.in_flight();
                    assert!(segments <= most.segments + 2 * most.frames, "{segments} segments alive");
                    let now = (segments >= most.segments).then(|| intake_log(source).len());
                    assert!(full_at[source].is_none_or(|before| now == Some(before)), "records taken in beyond the limit");
                    full_at[source] = now;
                }
                let waits = full_at.iter().any(Option::is_some);
                if waits && !shared.held.borrow().is_empty() {
                    shared.held.take();
                    full_at.fill(None);
                }
                (0..full_at.len()).all(|source| intake_log(source).last().is_some_and(|line| line.contains(" end ")))
            });
        });
    }

    #[test]
    fn a_source_that_disappears_is_reported_lost_once_and_ended_once(
        scripts in scripts(3, 20), setup in setup(), turns in turns(),
    ) {
        let ran = run(&Setup { ends: false, ..setup }, &scripts, &turns);
        for (source, script) in scripts.iter().enumerate() {
            // A source that never sent a record is unknown.
            if script.is_empty() {
                prop_assert!(ran.of("intake", source).is_empty());
                continue;
            }
            let last = script.iter().rev().find(|(_, colour)| colour.is_some()).map_or(0, |(at, _)| at.millis());
            let (lost, end) = (format!("{last} failure (Source, \"panic\")"), format!("{last} end false"));
            prop_assert!(ran.of("intake", source).ends_with(&[lost.clone(), end.clone()]));
            prop_assert_eq!(ran.of("intake", source).len(), script.len() + 2);
            prop_assert_eq!(ran.with("seal", source, "(Source, \"panic\")"), [lost]);
            prop_assert_eq!(ran.with("seal", source, " end "), [end]);
        }
    }

    #[test]
    fn a_resumed_run_equals_the_rest_of_an_undisturbed_one(
        rate in select(&[Some(25.0), Some(30000.0 / 1001.0), Some(60.0), None]), gaps in vec(1..400u64, 300),
        colours in vec((select(&COLOURS), 1..20usize), 10..60), setup in setup(), turns in turns(), multiple in 1..4u64,
    ) {
        // Whole milliseconds, as in the lines that are compared.
        let times = gaps.iter().scan(0, |now, gap| Some(std::mem::replace(now, *now + gap * 1_000_000))).enumerate();
        let times = times.map(|(n, at)| rate.map_or(at, |rate: f64| (n as f64 * 1e9 / rate) as u64));
        let colours = colours.iter().flat_map(|(colour, count)| std::iter::repeat_n(Some(*colour), *count)).cycle();
        let whole: Script = times.map(MediaTime::from_nanos).zip(colours).collect();
        let from = multiple * setup.segment.length_ms;
        let rest: Script = whole.iter().copied().filter(|(at, _)| at.nanos() + 2000 >= from * 1_000_000).collect();
        prop_assume!(!rest.is_empty());
        let (whole, rest) = (run(&setup, &[whole], &turns), run(&setup, &[rest], &turns));
        for stage in ["sample", "encode", "segment", "caption", "index"] {
            let mut expected = whole.of(stage, 0).to_vec();
            expected.retain(|line| at(line) >= from);
            prop_assert_eq!(&expected, rest.of(stage, 0));
        }
    }
}
