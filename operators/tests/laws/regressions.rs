//! What the laws once found broken: one test for each fault, named after its symptom.

use std::{sync::Arc, time::Instant};

use atom_models::{Fault, Image, Reason};
use atom_operators::{
    data::{Failure, Frame, MediaTime, NodeId, SourceId, Stage, Taken},
    flow::{Bounds, Flow},
    intake::{Inlet, Record, intake},
    sample::SampleSpec,
    seal::{Event, Waiting},
    segment::SegmentSpec,
    tally::Task,
    tick::{Lane, Tick},
};
use crossbeam::channel::unbounded;
use timely::dataflow::operators::Inspect;

use crate::{
    COLOURS, YELLOW,
    chain::Setup,
    world::{DEADLINE, run},
};

fn still() -> Setup {
    Setup {
        sample: SampleSpec::default(),
        segment: SegmentSpec::default(),
        asks: ["Is it red?", "Is it red?"],
        bounds: Bounds::default(),
        broken: false,
        ends: true,
        lanes: 0,
    }
}

#[test]
fn a_vision_encoder_that_never_worked_is_known_after_the_end() {
    let script = vec![(MediaTime::from_millis(0), Some(YELLOW))];
    let ran = run(&still(), &[script], &[(0, 9, 1)]);
    assert!(ran.vision.never_worked().is_some());
}

#[test]
fn losses_between_failures_do_not_hide_a_broken_encoder() {
    let script = |n: u64| {
        (
            MediaTime::from_millis(n * 500),
            n.is_multiple_of(2).then_some(YELLOW),
        )
    };
    let mut setup = still();
    setup.sample.change = 0.0;
    let ran = run(&setup, &[(0..40).map(script).collect()], &[(0, 9, 1)]);
    assert!(ran.vision.given_up().is_some());
}

#[test]
fn requests_that_fail_are_counted_too() {
    let script = vec![(MediaTime::from_millis(0), Some(COLOURS[0]))];
    let asks = ["please fail", "please panic"];
    let ran = run(&Setup { asks, ..still() }, &[script], &[(0, 9, 1)]);
    let requests = |task| {
        ran.tally
            .tasks()
            .get(&task)
            .map_or(0, |tally| tally.requests)
    };
    assert_eq!((requests(Task::Caption), requests(Task::Reason)), (1, 2));
}

#[test]
fn complete_through_never_goes_back() {
    let script = [0, 3_999_999_000].map(|at| (MediaTime::from_nanos(at), Some(COLOURS[0])));
    let setup = Setup {
        ends: false,
        ..still()
    };
    let ran = run(&setup, &[script.to_vec()], &[(0, 9, 1)]);
    assert!(
        ran.of("through", 0).is_sorted(),
        "{:?}",
        ran.of("through", 0)
    );
}

#[test]
fn failures_of_one_moment_are_told_in_one_order() {
    let told = |stages: [Stage; 2]| {
        let mut waiting = Waiting::new([(0, vec![NodeId(0)])]);
        for stage in stages {
            let (source, at, fault) = (
                SourceId::of(0),
                MediaTime::default(),
                Fault::new(Reason::Model, ""),
            );
            let failure = Failure {
                stage,
                source,
                at,
                fault,
            };
            waiting.push(Tick::at(Lane(0), 0), Event::Failure(failure));
        }
        format!("{:?}", waiting.release(|_| true))
    };
    assert_eq!(
        told([Stage::Caption, Stage::Reason]),
        told([Stage::Reason, Stage::Caption])
    );
}

#[test]
fn the_intake_is_woken_when_places_come_back_on_other_threads() {
    let flow = Flow::new(Bounds {
        frames: 2,
        segments: 1,
        late_after: None,
    });
    let (sender, records) = unbounded();
    let (out, frames) = unbounded::<Taken>();
    for n in 0..200_000 {
        let at = MediaTime::from_nanos(n);
        let frame = Frame::new(SourceId::of(0), at, Image::filled(1, 1, [0; 3]));
        sender.send(Record::Frame(frame)).unwrap();
    }
    for frames in [frames.clone(), frames] {
        std::thread::spawn(move || frames.iter().for_each(drop));
    }
    timely::execute_directly(move |worker| {
        let inlet = Inlet {
            lane: Lane(0),
            records: records.clone(),
            flow: Arc::clone(&flow),
        };
        worker.dataflow::<Tick, _, _>(|scope| {
            let taken = intake(scope, vec![inlet]);
            taken.inspect(move |taken| out.send(taken.clone()).unwrap());
        });
        while !records.is_empty() {
            let (before, begun) = (records.len(), Instant::now());
            worker.step_or_park(Some(DEADLINE / 10));
            let still = records.len() == before && flow.in_flight() == (0, 0);
            let stuck = still && begun.elapsed() >= DEADLINE / 10;
            assert!(!stuck, "{before} records wait before an open flow");
        }
        drop(sender);
        flow.wake();
    });
}
