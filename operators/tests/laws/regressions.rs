//! Faults that the laws once found: one test for each, named after its symptom.

use std::{sync::Arc, time::Instant};

use atom_models::{Fault, Image, Reason};
use atom_operators::{
    counters::Task,
    credits::{CreditLimits, Credits},
    event::IntakeEvent,
    failure::{Failure, Stage},
    frame::Frame,
    ids::{NodeId, SourceId},
    intake::{FrameReceiver, Record, intake},
    media_time::MediaTime,
    sample::SampleSpec,
    seal::{ResultEvent, SealBuffer},
    segment::SegmentSpec,
    tick::{Partition, Tick},
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
        limits: CreditLimits::default(),
        broken: false,
        ends: true,
        partitions: 0,
    }
}

#[test]
fn a_vision_encoder_that_never_succeeded_is_known_after_the_end() {
    let script = vec![(MediaTime::from_millis(0), Some(YELLOW))];
    let ran = run(&still(), &[script], &[(0, 9, 1)]);
    assert!(ran.vision.never_succeeded().is_some());
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
    assert!(ran.vision.tripped().is_some());
}

#[test]
fn requests_that_fail_are_counted_too() {
    let script = vec![(MediaTime::from_millis(0), Some(COLOURS[0]))];
    let asks = ["please fail", "please panic"];
    let ran = run(&Setup { asks, ..still() }, &[script], &[(0, 9, 1)]);
    let requests = |task| {
        ran.counters
            .tasks()
            .get(&task)
            .map_or(0, |task| task.requests)
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
fn failures_at_one_media_time_are_reported_in_one_order() {
    let sealed = |stages: [Stage; 2]| {
        let mut buffer = SealBuffer::new([(0, vec![NodeId(0)])]);
        for stage in stages {
            let (source, at, fault) = (
                SourceId::new(0),
                MediaTime::default(),
                Fault::new(Reason::Model, ""),
            );
            let failure = Failure {
                stage,
                source,
                at,
                fault,
            };
            buffer.push(Tick::new(Partition(0), 0), ResultEvent::Failure(failure));
        }
        format!("{:?}", buffer.release(|_| true))
    };
    assert_eq!(
        sealed([Stage::Caption, Stage::Reason]),
        sealed([Stage::Reason, Stage::Caption])
    );
}

#[test]
fn the_intake_is_woken_when_permits_come_back_on_other_threads() {
    let credits = Credits::new(CreditLimits {
        frames: 2,
        segments: 1,
        late_after: None,
    });
    let (sender, records) = unbounded();
    let (out, frames) = unbounded::<IntakeEvent>();
    for n in 0..200_000 {
        let at = MediaTime::from_nanos(n);
        let frame = Frame::new(SourceId::new(0), at, Image::filled(1, 1, [0; 3]));
        sender.send(Record::Frame(frame)).unwrap();
    }
    for frames in [frames.clone(), frames] {
        std::thread::spawn(move || frames.iter().for_each(drop));
    }
    timely::execute_directly(move |worker| {
        let receiver = FrameReceiver {
            partition: Partition(0),
            records: records.clone(),
            credits: Arc::clone(&credits),
        };
        worker.dataflow::<Tick, _, _>(|scope| {
            let events = intake(scope, vec![receiver]);
            events.inspect(move |event| out.send(event.clone()).unwrap());
        });
        while !records.is_empty() {
            let (before, started) = (records.len(), Instant::now());
            worker.step_or_park(Some(DEADLINE / 10));
            let still = records.len() == before && credits.in_flight() == (0, 0);
            let stuck = still && started.elapsed() >= DEADLINE / 10;
            assert!(
                !stuck,
                "{before} records wait although credits are available"
            );
        }
        drop(sender);
        credits.wake_intake();
    });
}
