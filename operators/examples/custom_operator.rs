//! A custom operator, in the form of all operators of this crate: a core and a shell.
//!
//! It measures motion: the largest difference between neighbouring frames, for each second of a source. Run it with
//! `cargo run -p atom-operators --example custom_operator`. It prints:
//!
//! ```text
//! second 0: motion 0.00
//! second 1: motion 0.75
//! ```

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, mpsc},
};

use atom_models::Image;
use atom_operators::{
    event::{IntakeEvent, SourceEnd},
    frame::Frame,
    ids::SourceId,
    media_time::MediaTime,
    signature::Signature,
};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        StreamVec,
        channels::pact::Pipeline,
        operators::{Inspect, Operator, vec::ToStream},
    },
    progress::Timestamp,
};

/// The motion in one second of a source.
#[derive(Clone, Debug)]
struct Motion {
    second: u64,
    /// Largest difference between two neighbouring frames, 0 to 1.
    difference: f64,
}

/// The core: the open second of one source. It knows no timely, so tests can call it with plain values.
#[derive(Default)]
struct MotionMeter {
    last: Option<Signature>,
    open: Option<Motion>,
}

impl MotionMeter {
    /// Adds a record; returns the second that it closed. A second closes on data: on the first frame of a later second,
    /// or on the end of the source.
    fn push(&mut self, event: &IntakeEvent) -> Option<Motion> {
        match event {
            IntakeEvent::Frame(frame) => {
                let second = frame.at.millis() / 1000;
                let closed = self.open.take_if(|open| open.second != second);
                let last = self.last.replace(frame.signature.clone());
                let difference = last.map_or(0.0, |last| last.difference(&frame.signature));
                let open = self.open.get_or_insert(Motion {
                    second,
                    difference: 0.0,
                });
                open.difference = open.difference.max(difference);
                closed
            }
            IntakeEvent::End(_) => self.open.take(),
            IntakeEvent::Lost(_) | IntakeEvent::Idle(_) => None,
        }
    }
}

/// The shell: moves records from input to output. Each result leaves at the time of the record that closed its second,
/// so the shell holds no capability between calls.
fn measure_motion<'s, T: Timestamp>(
    events: StreamVec<'s, T, IntakeEvent>,
) -> StreamVec<'s, T, Motion> {
    let mut meters: BTreeMap<SourceId, MotionMeter> = BTreeMap::new();
    events.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "MeasureMotion",
        // Only a source keeps the initial capability. Any other operator drops it, or the graph never ends.
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let mut session = output.session(&capability);
                    for event in batches.flat_map(|batch| batch.drain(..)) {
                        let meter = meters.entry(event.source()).or_default();
                        session.give_iterator(meter.push(&event).into_iter());
                        // The state of a source ends with the source.
                        if let IntakeEvent::End(end) = &event {
                            meters.remove(&end.source);
                        }
                    }
                });
            }
        },
    )
}

/// Returns two seconds of video at four frames a second: a still scene, then a flash.
fn flash() -> Vec<IntakeEvent> {
    let source = SourceId::new(0);
    let greys = [10, 10, 10, 10, 10, 200, 10, 10];
    let frame = |(n, grey): (u64, u8)| {
        let at = MediaTime::from_millis(n * 250);
        let image = Image::filled(64, 48, [grey; 3]);
        IntakeEvent::Frame(Arc::new(Frame::new(source, at, image)))
    };
    let end = IntakeEvent::End(SourceEnd {
        source,
        at: MediaTime::from_millis(2000),
        complete: true,
    });
    (0..).zip(greys).map(frame).chain([end]).collect()
}

fn main() -> io::Result<()> {
    let (output, motions) = mpsc::channel();
    timely::example(move |scope| {
        measure_motion(flash().to_stream(scope)).inspect(move |motion| {
            output
                .send(motion.clone())
                .expect("the receiver outlives the graph");
        });
    });
    for Motion { second, difference } in motions {
        writeln!(io::stdout(), "second {second}: motion {difference:.2}")?;
    }
    Ok(())
}
