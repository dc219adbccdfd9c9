//! Measures the throughput of the graph alone, with modules that cost next to nothing, and the time of each operator.
//!
//! Frames wait in memory before the clock starts, and each differs from the one before, so that none is gated. The
//! measurement covers the dataflow of three branches, from the intake to the seal.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use atom_models::{Image, Meters, ModelError, Pack, Scheduler, SchedulerSettings};
use atom_operators::{
    circuit_breaker::CircuitBreaker,
    counters::Counters,
    credits::{CreditLimits, Credits},
    event::SourceEnd,
    frame::Frame,
    ids::SourceId,
    intake::{FrameReceiver, Record},
    media_time::MediaTime,
    offload::ThreadGroup,
    tick::Partition,
};
use atom_pipelines::{Plan, built_in_pipelines, parse, plan};
use crossbeam::channel::{Receiver, unbounded};
use serde::Serialize;
use timely::{
    logging::{StartStop, TimelyEvent, TimelyEventBuilder},
    worker::Worker,
};

use atom_runtime::{GraphBuilder, GraphInputs, LanguageModules};

/// The throughput of the graph with a number of sources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GraphThroughput {
    /// Number of sources.
    pub sources: u64,
    /// Frames of all sources together.
    pub frames: u64,
    /// Frames per second.
    pub frames_per_second: f64,
    /// Wall time per frame, in nanoseconds.
    pub frame_ns: f64,
    /// Time of each operator per frame, in nanoseconds, from a separate run, because logging slows the graph down.
    pub operator_ns: BTreeMap<String, f64>,
}

/// Moves `frames` frames of each of `sources` sources.
///
/// # Errors
/// If the fake pack cannot be opened.
pub fn measure(sources: usize, frames: u64) -> Result<GraphThroughput, ModelError> {
    let pack = Pack::open("fake")?;
    let plan = three_branches(sources);
    let receivers = || receivers(sources, frames);
    let time = run_graph(plan.clone(), &pack, receivers(), None)?;
    let profiler = OperatorProfiler::default();
    run_graph(plan, &pack, receivers(), Some(profiler.clone()))?;
    let all = frames * sources as u64;
    Ok(GraphThroughput {
        sources: sources as u64,
        frames: all,
        frames_per_second: all as f64 / time.as_secs_f64(),
        frame_ns: time.as_nanos() as f64 / all as f64,
        operator_ns: profiler.ns_per_frame(all),
    })
}

/// Plans the library's three branches over this number of sources.
fn three_branches(sources: usize) -> Plan {
    let text = built_in_pipelines::text("three-branches").expect("the library holds it");
    let names: Vec<_> = (0..sources).map(|n| format!("s{n}")).collect();
    let tables = names
        .iter()
        .map(|name| format!("[source.{name}]\nuri = \"test://ball\"\n"));
    let inputs = format!("inputs = [\"{}\"]", names.join("\", \""));
    let text = text
        .replace("[source.video]", &tables.collect::<String>())
        .replace("inputs = [\"video\"]", &inputs);
    plan(&[parse(Path::new("graph.toml"), &text).expect("it is a pipeline file")])
}

fn receivers(sources: usize, frames: u64) -> Vec<FrameReceiver> {
    let receiver = |n| FrameReceiver {
        partition: Partition(n as u32),
        records: records(SourceId::new(n as u32), frames),
        credits: Credits::new(CreditLimits::default()),
    };
    (0..sources).map(receiver).collect()
}

/// Returns a source whose frames all wait already, two a second.
fn records(source: SourceId, frames: u64) -> Receiver<Record> {
    let (sender, records) = unbounded();
    for n in 0..frames {
        let image = Image::filled(64, 48, [(n % 2) as u8 * 200, (n % 5) as u8 * 30, 40]);
        let frame = Frame::new(source, MediaTime::from_millis(n * 500), image);
        sender
            .send(Record::Frame(frame))
            .expect("the receiver is here");
    }
    let end = SourceEnd {
        source,
        at: MediaTime::from_millis(frames * 500),
        complete: true,
    };
    sender.send(Record::End(end)).expect("the receiver is here");
    records
}

/// Runs a plan over these sources until everything is sealed, and returns the time it took.
fn run_graph(
    plan: Plan,
    pack: &Pack,
    receivers: Vec<FrameReceiver>,
    profiler: Option<OperatorProfiler>,
) -> Result<Duration, ModelError> {
    let inputs = graph_inputs(pack, receivers)?;
    // timely wants the closure to be shareable, but its one worker takes the inputs once.
    let inputs = Mutex::new(Some(inputs));
    Ok(timely::execute_directly(move |worker| {
        if let Some(profiler) = &profiler {
            profiler.attach(worker);
        }
        let inputs = inputs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let inputs = inputs.expect("one worker takes the inputs once");
        let threads = ThreadGroup::default();
        let start = Instant::now();
        let builder = GraphBuilder {
            plan: &plan,
            threads: &threads,
        };
        worker.dataflow(|scope| builder.build(scope, inputs, drop));
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
        let time = start.elapsed();
        threads.join();
        time
    }))
}

fn graph_inputs(pack: &Pack, receivers: Vec<FrameReceiver>) -> Result<GraphInputs, ModelError> {
    let meters = Meters::default();
    let decoder = pack.decoder(meters.decoder)?;
    Ok(GraphInputs {
        receivers,
        rate_factors: BTreeMap::new(),
        vision: Some(pack.vision(meters.vision)?),
        vision_breaker: CircuitBreaker::default(),
        language: LanguageModules {
            decoder: Some(Scheduler::new(decoder, SchedulerSettings::default())),
            ..LanguageModules::default()
        },
        questions: None,
        prompts: pack.prompts().clone(),
        counters: Counters::default(),
    })
}

/// Sums the time that timely logs for each operator.
#[derive(Clone, Default)]
struct OperatorProfiler(Arc<Mutex<OperatorTimes>>);

#[derive(Default)]
struct OperatorTimes {
    /// The address and the name of each operator, by id.
    operators: HashMap<usize, (Vec<usize>, String)>,
    /// The start of operators that run now, by id.
    running_since: HashMap<usize, Duration>,
    /// The time of each operator, by id.
    spent: HashMap<usize, Duration>,
}

impl OperatorProfiler {
    fn attach(&self, worker: &Worker) {
        let times = Arc::clone(&self.0);
        let Some(mut register) = worker.log_register() else {
            return;
        };
        register.insert::<TimelyEventBuilder, _>("timely", move |_, events| {
            let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, event) in events.iter().flatten() {
                times.record(*at, event);
            }
        });
    }

    /// Returns the nanoseconds per frame of each operator that is no scope, summed by name.
    fn ns_per_frame(&self, frames: u64) -> BTreeMap<String, f64> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let addresses = || times.operators.values().map(|(address, _)| address);
        let is_scope = |address: &[usize]| {
            addresses().any(|other| other.len() > address.len() && other.starts_with(address))
        };
        let mut by_name = BTreeMap::new();
        for (id, spent) in &times.spent {
            let Some((address, name)) = times.operators.get(id) else {
                continue;
            };
            if !is_scope(address) {
                *by_name.entry(name.clone()).or_default() +=
                    spent.as_nanos() as f64 / frames as f64;
            }
        }
        by_name
    }
}

impl OperatorTimes {
    fn record(&mut self, at: Duration, event: &TimelyEvent) {
        match event {
            TimelyEvent::Operates(operates) => {
                let operator = (operates.addr.clone(), operates.name.clone());
                self.operators.insert(operates.id, operator);
            }
            TimelyEvent::Schedule(schedule) => match schedule.start_stop {
                StartStop::Start => drop(self.running_since.insert(schedule.id, at)),
                StartStop::Stop => {
                    if let Some(start) = self.running_since.remove(&schedule.id) {
                        *self.spent.entry(schedule.id).or_default() += at.saturating_sub(start);
                    }
                }
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_counted_and_every_operator_has_a_name() {
        let throughput = measure(2, 40).unwrap();
        assert_eq!((throughput.sources, throughput.frames), (2, 80));
        assert!(throughput.frames_per_second > 0.0);
        assert!(
            throughput.operator_ns.contains_key("Intake"),
            "{throughput:?}"
        );
        assert!(throughput.operator_ns.len() > 5, "{throughput:?}");
    }
}
