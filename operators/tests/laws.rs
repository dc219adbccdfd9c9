//! The laws that hold for every operator, whatever comes in which order: checked on real dataflows of one worker.
//! That all runs dry in the end, in few steps and with nothing held, is checked in every one of them (`World::finish`).
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "laws/world.rs"]
mod world;

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use atom_models::{Fault, Reason};
use atom_operators::{
    data::{MediaTime, NodeId, SourceId},
    flow::Bounds,
    offload::{Crew, Health, PATIENCE, Work, offload},
    sample::SampleSpec,
    seal::{Event, Waiting},
    segment::SegmentSpec,
    tick::Tick,
};
use proptest::{collection::vec, prelude::*};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::operators::{Inspect, core::UnorderedInput},
};
use world::*;

const YELLOW: [u8; 3] = [255, 255, 0];
const MAGENTA: [u8; 3] = [255, 0, 255];
const COLOURS: [[u8; 3]; 6] = [
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

/// Up to so many sources with up to so many records each, of which fewer fail than make a stage give up.
fn scripts(sources: usize, most: usize) -> impl Strategy<Value = Vec<Script>> {
    let colour = prop_oneof![
        10 => prop::sample::select(&COLOURS).prop_map(Some),
        1 => Just(Some(YELLOW)),
        1 => Just(Some(MAGENTA)),
        1 => Just(None),
    ];
    let script = vec((1..900u64, colour), 0..most);
    vec(script, 1..=sources).prop_map(|scripts| {
        let mut bad = 0;
        let mut script = |shots: Vec<(u64, Option<[u8; 3]>)>| {
            let mut now = 0;
            let place = |(gap, colour)| {
                now += gap;
                bad += u32::from([Some(YELLOW), Some(MAGENTA)].contains(&colour));
                (
                    MediaTime::from_millis(now),
                    if bad < PATIENCE {
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
    let sample = (
        0.5..12.0,
        prop::sample::select(&[0.0, 0.02, 0.3]),
        500..3000u64,
    );
    let segment = (
        prop::sample::select(&[1000, 1700, 4000]),
        prop::sample::select(&[0.3, 1.0]),
        0..1500u64,
    );
    (sample, segment, 1..4usize, 1..4usize).prop_map(|(sample, segment, frames, segments)| Setup {
        sample: SampleSpec {
            fps: sample.0,
            change: sample.1,
            keep_every_ms: sample.2,
        },
        segment: SegmentSpec {
            length_ms: segment.0,
            scene_change: segment.1,
            shortest_ms: segment.2,
        },
        asks: ["Is it red?", "Is it a picture of blue?"],
        bounds: Bounds { frames, segments },
        broken: false,
        batches: false,
        ends: true,
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec((0..4usize, 1..8usize, 0..6usize), 1..12)
}

/// Whole stretches of four seconds.
fn plain(mut setup: Setup) -> Setup {
    setup.segment = SegmentSpec {
        length_ms: 4000,
        scene_change: 1.0,
        shortest_ms: 0,
    };
    setup
}

/// The lines with those of one tick in no order.
fn unordered(ran: Ran) -> Lines {
    let mut lines = ran.lines;
    for ((stage, _), lines) in &mut lines {
        match *stage {
            "seal" => lines.sort(),
            "through" => drop(lines.drain(..lines.len() - 1)),
            _ => {}
        }
    }
    lines
}

fn at(line: &str) -> u64 {
    line.split(' ').next().unwrap().parse().unwrap()
}

fn starts<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
    let mut starts: Vec<_> = lines.into_iter().map(at).collect();
    starts.sort();
    starts
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn any_batching_and_interleaving_gives_the_same(scripts in scripts(4, 25), setup in setup(), turns in turns()) {
        let calm = run(&setup, &scripts, &[(0, 1, 30)]);
        let wild = run(&setup, &scripts, &turns);
        prop_assert_eq!(&calm.lines, &wild.lines);
        let batched = run(&Setup { batches: true, ..setup }, &scripts, &turns);
        prop_assert_eq!(unordered(calm), unordered(batched));
    }

    #[test]
    fn what_goes_in_comes_out_or_is_counted(scripts in scripts(3, 25), setup in setup(), turns in turns()) {
        let ran = run(&setup, &scripts, &turns);
        for (source, script) in scripts.iter().enumerate() {
            let tally = ran.tally.source(SourceId(source as u32));
            let frames = script.iter().filter(|(_, colour)| colour.is_some()).count() as u64;
            prop_assert_eq!(tally.frames_received(), frames);
            prop_assert_eq!(frames, tally.frames_sampled() + tally.frames_dropped().values().sum::<u64>());
            let sampled = ran.with("sample", source, "frame").len();
            prop_assert_eq!(sampled as u64, tally.frames_sampled());
            let lost = ran.with("encode", source, "failure encode").len();
            prop_assert_eq!(sampled, ran.with("encode", source, "frame").len() + lost);
            let segments = starts(ran.with("segment", source, "segment"));
            let told = ran.with("seal", source, " caption ").into_iter();
            prop_assert_eq!(&segments, &starts(told.chain(ran.with("seal", source, "failure caption"))));
            let answers = ran.with("seal", source, " answer ").len() + ran.with("seal", source, "failure reason").len();
            prop_assert_eq!(2 * segments.len(), answers);
            prop_assert_eq!(&segments, &starts(ran.with("index", source, "row of 3")));
        }
        prop_assert_eq!(ran.tally.tasks(), ran.expected);
    }

    #[test]
    fn failures_are_told_once_and_touch_nothing_else(
        scripts in scripts(2, 13), setup in setup(), turns in turns(), follow in 0..2usize, panics: bool,
    ) {
        let (word, ask) = if panics { ("panic", "please panic") } else { ("model", "please fail") };
        let mut failing = plain(setup);
        let (good, stages) = (run(&failing, &scripts, &turns), ["caption", "reason over segments", "reason over captions"]);
        failing.asks[follow] = ask;
        let ran = run(&failing, &scripts, &turns);
        for (source, script) in scripts.iter().enumerate() {
            for stage in ["intake", "sample", "encode", "segment", stages[0], stages[2 - follow], "through"] {
                prop_assert_eq!(ran.of(stage, source), good.of(stage, source));
            }
            let chosen = starts(ran.with("sample", source, "frame"));
            let mut expected: Vec<_> = script.iter().filter_map(|(at, colour)| match colour {
                None => Some(format!("{} failure source undecodable", at.millis())),
                Some(_) if !chosen.contains(&at.millis()) => None,
                Some(YELLOW) => Some(format!("{} failure encode model", at.millis())),
                Some(MAGENTA) => Some(format!("{} failure encode panic", at.millis())),
                Some(_) => None,
            }).collect();
            let asked = ran.with("segment", source, "segment");
            expected.extend(asked.iter().map(|line| format!("{} failure reason {word}", at(line))));
            let empty = ran.with("segment", source, "missing");
            expected.extend(empty.iter().map(|line| format!("{} failure encode missing", at(line))));
            let mut told = ran.with("seal", source, "failure");
            (told.sort(), expected.sort());
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_broken_decoder_is_given_up_and_the_graph_runs_dry(scripts in scripts(3, 60), setup in setup(), turns in turns()) {
        let ran = run(&Setup { broken: true, ..setup }, &scripts, &turns);
        let count = |stage, word: &str| (0..scripts.len()).map(|source| ran.with(stage, source, word).len()).sum::<usize>();
        let segments = count("segment", "segment");
        let failed = count("caption", "Model") + count("reason over segments", "Model");
        prop_assert_eq!(failed, (2 * segments).min(PATIENCE as usize));
        prop_assert_eq!(count("seal", "failure caption") , segments);
        prop_assert_eq!(count("seal", "failure reason"), 2 * segments);
        let rest = count("caption", "GivenUp") + count("reason over segments", "GivenUp");
        prop_assert_eq!(failed + rest, 2 * segments);
    }

    #[test]
    fn a_source_that_stalls_holds_back_nobody(
        scripts in scripts(3, 25).prop_filter("three sources", |s| s.len() == 3),
        setup in setup(), turns in turns(), stalled in 0..3usize, sent in 0..25usize,
    ) {
        let setup = plain(setup);
        let own = scripts.clone();
        world(&setup, &scripts, move |world| {
            let sent = sent.min(own[stalled].len());
            world.todo[stalled].truncate(sent);
            world.play(&turns);
            let shared = world.shared.clone();
            let stretch = |n: &usize| own[stalled][*n].0.millis() / 4000;
            let closed: Vec<_> = (1..sent).filter(|n| stretch(n) != stretch(&(n - 1))).collect();
            let last = |stage, source: usize| shared.log.borrow().get(&(stage, source as u32)).map(|l: &Vec<String>| l[l.len() - 1].clone());
            let count = |word: &str| shared.log.borrow().get(&("seal", stalled as u32)).map_or(0, |l| l.iter().filter(|l| l.contains(word)).count());
            world.until("two ends", |world| {
                let ended = |source| source == stalled || last("seal", source).is_some_and(|line| line.contains("end"));
                let idle = world.shared.flows.iter().all(|flow| flow.in_flight() == (0, 0));
                (0..3).all(ended) && count("closed") == closed.len() && idle
            });
            for (source, script) in own.iter().enumerate() {
                let end = script.last().map(|(at, _)| at.millis() + 1);
                let until = closed.last().map(|n| (stretch(&(n - 1)) + 1) * 4000);
                let expected = if source == stalled { until } else { end };
                let through = last("through", source).unwrap_or_else(|| "None".to_owned());
                assert_eq!(through, format!("{expected:?}"), "complete through, source {source}");
            }
            assert_eq!(world.frontier(), [Some(SourceId(stalled as u32))]);
        });
    }

    #[test]
    fn results_that_are_held_stop_the_intake_until_they_are_let_go(scripts in scripts(2, 60), setup in setup(), turns in turns()) {
        let most = setup.bounds;
        world(&setup, &scripts, move |world| {
            let shared = world.shared.clone();
            shared.holding.set(true);
            let mut before = vec![None; shared.flows.len()];
            world.play(&turns);
            world.until("all ends", move |_| {
                for (source, flow) in shared.flows.iter().enumerate() {
                    let taken = shared.log.borrow().get(&("intake", source as u32)).map_or(0, Vec::len);
                    let (_, segments) = flow.in_flight();
                    assert!(segments <= most.segments + 2 * most.frames, "{segments} segments alive");
                    let full = segments >= most.segments;
                    assert!(!full || before[source].is_none_or(|before| before == taken), "taken in beyond the bound");
                    before[source] = full.then_some(taken);
                }
                let held = shared.held.borrow().len();
                if held > 0 && before.iter().any(Option::is_some) {
                    shared.held.take();
                    before.fill(None);
                }
                let log = shared.log.borrow();
                (0..before.len() as u32).all(|source| log[&("intake", source)].last().unwrap().contains("end"))
            });
        });
    }

    #[test]
    fn a_source_that_vanishes_is_lost_once_and_ended_once(scripts in scripts(3, 20), setup in setup(), turns in turns()) {
        let ran = run(&Setup { ends: false, ..setup }, &scripts, &turns);
        for (source, script) in scripts.iter().enumerate() {
            let last = script.iter().filter(|(_, colour)| colour.is_some()).next_back().map_or(0, |(at, _)| at.millis());
            let (lost, end) = (format!("{last} failure source panic"), format!("{last} end whole=false"));
            prop_assert!(ran.of("intake", source).ends_with(&[lost.clone(), end.clone()]));
            prop_assert_eq!(ran.of("intake", source).len(), script.len() + 2);
            prop_assert_eq!(ran.with("seal", source, "source panic"), [lost]);
            prop_assert_eq!(ran.with("seal", source, "end"), [end]);
        }
    }

    #[test]
    fn a_resumed_run_equals_the_rest_of_an_undisturbed_one(
        rate in prop_oneof![Just(Some(25.0)), Just(Some(30000.0 / 1001.0)), Just(Some(60.0)), Just(None)],
        gaps in vec(1..400_000_000u64, 300), colours in vec((prop::sample::select(&COLOURS), 1..20usize), 10..60),
        setup in setup(), turns in turns(), multiple in 1..4u64,
    ) {
        let times = gaps.iter().scan(0, |now, gap| Some(std::mem::replace(now, *now + gap))).enumerate();
        let times = times.map(|(n, at)| rate.map_or(at, |rate: f64| (n as f64 * 1e9 / rate) as u64));
        let colours = colours.iter().flat_map(|(colour, count)| std::iter::repeat_n(*colour, *count)).cycle();
        let whole: Script = times.map(MediaTime::from_nanos).zip(colours.map(Some)).collect();
        let from = multiple * setup.segment.length_ms;
        let rest: Script = whole.iter().copied().filter(|(at, _)| at.nanos() + 2000 >= from * 1_000_000).collect();
        let (whole, rest) = (run(&setup, &[whole], &turns), run(&setup, &[rest], &turns));
        for stage in ["sample", "encode", "segment", "caption"] {
            let mut expected = whole.of(stage, 0).to_vec();
            expected.retain(|line| at(line) >= from);
            if rest.of("sample", 0).len() > 1 {
                prop_assert_eq!(&expected, rest.of(stage, 0));
            }
        }
    }

    #[test]
    fn offloaded_work_comes_out_in_order_at_its_own_time(batches in vec((0..3u32, vec(any::<bool>(), 1..5)), 0..30)) {
        let sent = batches.clone();
        let seen = timely::execute_directly(move |worker| {
            let (crew, seen) = (Crew::default(), Rc::new(RefCell::new(Vec::new())));
            let ((mut input, first), log) = (worker.dataflow::<Tick, _, _>(|scope| {
                let (input, items) = scope.new_unordered_input::<CapacityContainerBuilder<Vec<(u64, bool)>>>();
                let run = |&(n, bad): &(u64, bool)| if bad { panic!("as asked") } else { Ok::<_, Fault>(n) };
                let log = Rc::clone(&seen);
                offload(items, &crew, Work { name: "offloaded", health: Health::default(), run }).inspect_core(move |event| {
                    if let Ok((time, done)) = event {
                        let reasons = done.iter().map(|d| (*time.expect_singleton(), d.item.0, d.result.clone().map_err(|f| f.reason)));
                        log.borrow_mut().extend(reasons);
                    }
                });
                input
            }), seen);
            for (n, (source, batch)) in (0u64..).zip(sent) {
                let capability = first.delayed(&Tick::at(SourceId(source), n));
                input.activate().session(&capability).give_iterator((n * 10..).zip(batch));
                worker.step();
            }
            drop((input, first));
            let deadline = std::time::Instant::now() + Duration::from_secs(10);
            while worker.has_dataflows() {
                assert!(std::time::Instant::now() < deadline, "offloaded work does not end");
                worker.step_or_park(Some(Duration::from_millis(100)));
            }
            crew.join();
            log.take()
        });
        let mut bad_in_a_row = 0;
        let expected: Vec<_> = (0u64..).zip(batches).flat_map(|(n, (source, batch))| {
            (n * 10..).zip(batch).map(move |(item, bad)| (Tick::at(SourceId(source), n), item, bad)).collect::<Vec<_>>()
        }).map(|(tick, item, bad)| {
            let given_up = bad_in_a_row >= PATIENCE;
            bad_in_a_row = if bad || given_up { bad_in_a_row + 1 } else { 0 };
            (tick, item, if given_up { Err(Reason::GivenUp) } else if bad { Err(Reason::Panic) } else { Ok(item) })
        }).collect();
        prop_assert_eq!(seen, expected);
    }
}
