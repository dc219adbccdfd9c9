//! The graph alone: how many frames a second it moves with modules that cost next to nothing, and where their time goes.
//!
//! Frames wait in memory before the clock starts, and each is unlike the one before, so that none is gated: what is measured
//! is the dataflow of three branches, from the intake to what is sealed.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use atom_models::{Image, Meters, ModelError, Pack, Scheduler, SchedulerSettings};
use atom_operators::{
    data::{End, Frame, MediaTime, SourceId},
    flow::{Bounds, Flow},
    intake::{Inlet, Record},
    offload::{Crew, Health},
    tally::Tally,
    tick::Lane,
};
use atom_pipelines::{Plan, library, parse, plan};
use crossbeam::channel::{Receiver, unbounded};
use serde::Serialize;
use timely::{
    logging::{StartStop, TimelyEvent, TimelyEventBuilder},
    worker::Worker,
};

use atom_runtime::{GraphBuilder, GraphInputs, LanguageModules};

/// What the graph did with so many sources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GraphFigures {
    /// The sources.
    pub sources: u64,
    /// Frames of all of them.
    pub frames: u64,
    /// Frames a second.
    pub frames_per_second: f64,
    /// Wall time for a frame, in nanoseconds.
    pub frame_ns: f64,
    /// Time in each operator for a frame, in nanoseconds, in a run of its own: who is watched is slower.
    pub operator_ns: BTreeMap<String, f64>,
}

/// Moves so many frames of each of so many sources.
///
/// # Errors
/// If the fake pack cannot be opened.
pub fn measure(sources: usize, frames: u64) -> Result<GraphFigures, ModelError> {
    let pack = Pack::open("fake")?;
    let plan = three_branches(sources);
    let took = work_through(&plan, &pack, inlets(sources, frames), None)?;
    let watched = Watched::default();
    work_through(&plan, &pack, inlets(sources, frames), Some(watched.clone()))?;
    let all = frames * sources as u64;
    Ok(GraphFigures {
        sources: sources as u64,
        frames: all,
        frames_per_second: all as f64 / took.as_secs_f64(),
        frame_ns: took.as_nanos() as f64 / all as f64,
        operator_ns: watched.by_operator(all),
    })
}

/// The library's three branches over so many sources.
fn three_branches(sources: usize) -> Plan {
    let text = library::text("three-branches").expect("the library holds it");
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

fn inlets(sources: usize, frames: u64) -> Vec<Inlet> {
    let inlet = |n| Inlet {
        lane: Lane(n as u32),
        records: records(SourceId::of(n as u32), frames),
        flow: Flow::new(Bounds::default()),
    };
    (0..sources).map(inlet).collect()
}

/// A source whose frames all wait already, two a second.
fn records(source: SourceId, frames: u64) -> Receiver<Record> {
    let (sender, records) = unbounded();
    for n in 0..frames {
        let image = Image::filled(64, 48, [(n % 2) as u8 * 200, (n % 5) as u8 * 30, 40]);
        let frame = Frame::new(source, MediaTime::from_millis(n * 500), image);
        sender
            .send(Record::Frame(frame))
            .expect("the receiver is here");
    }
    let end = End {
        source,
        at: MediaTime::from_millis(frames * 500),
        whole: true,
    };
    sender.send(Record::End(end)).expect("the receiver is here");
    records
}

/// Works until everything is sealed; how long that took.
fn work_through(
    plan: &Plan,
    pack: &Pack,
    inlets: Vec<Inlet>,
    watched: Option<Watched>,
) -> Result<Duration, ModelError> {
    let (meters, plan) = (Meters::default(), plan.clone());
    let decoder = pack.decoder(meters.decoder)?;
    let parts = GraphInputs {
        receivers: inlets,
        rate_controllers: BTreeMap::new(),
        vision: Some(pack.vision(meters.vision)?),
        vision_health: Health::default(),
        language: LanguageModules {
            decoder: Some(Scheduler::new(decoder, SchedulerSettings::default())),
            ..LanguageModules::default()
        },
        questions: None,
        prompts: pack.prompts().clone(),
        counters: Tally::default(),
    };
    // timely wants what it is given to be shareable; one worker takes it all.
    let parts = Mutex::new(Some(parts));
    Ok(timely::execute_directly(move |worker| {
        if let Some(watched) = &watched {
            watched.watch(worker);
        }
        let parts = parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let parts = parts.expect("one worker takes the parts once");
        let crew = Crew::default();
        let begun = Instant::now();
        let builder = GraphBuilder {
            plan: &plan,
            threads: &crew,
        };
        worker.dataflow(|scope| builder.build(scope, parts, drop));
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
        let took = begun.elapsed();
        crew.join();
        took
    }))
}

/// Times of operators, as timely logs them.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Operators>>);

#[derive(Default)]
struct Operators {
    names: HashMap<usize, (Vec<usize>, String)>,
    begun: HashMap<usize, Duration>,
    spent: HashMap<usize, Duration>,
}

impl Watched {
    fn watch(&self, worker: &Worker) {
        let operators = Arc::clone(&self.0);
        let Some(mut register) = worker.log_register() else {
            return;
        };
        register.insert::<TimelyEventBuilder, _>("timely", move |_, events| {
            let mut operators = operators.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, event) in events.iter().flatten() {
                operators.note(*at, event);
            }
        });
    }

    /// Nanoseconds for a frame of each operator that is no scope, by name; equal ones together.
    fn by_operator(&self, frames: u64) -> BTreeMap<String, f64> {
        let operators = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<&Vec<usize>> = operators
            .names
            .values()
            .map(|(address, _)| address)
            .collect();
        let is_scope = |address: &[usize]| {
            all.iter()
                .any(|other| other.len() > address.len() && other.starts_with(address))
        };
        let mut by_name = BTreeMap::new();
        for (id, spent) in &operators.spent {
            let Some((address, name)) = operators.names.get(id) else {
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

impl Operators {
    fn note(&mut self, at: Duration, event: &TimelyEvent) {
        match event {
            TimelyEvent::Operates(operates) => {
                let operator = (operates.addr.clone(), operates.name.clone());
                self.names.insert(operates.id, operator);
            }
            TimelyEvent::Schedule(schedule) => match schedule.start_stop {
                StartStop::Start => drop(self.begun.insert(schedule.id, at)),
                StartStop::Stop => {
                    if let Some(begun) = self.begun.remove(&schedule.id) {
                        *self.spent.entry(schedule.id).or_default() += at.saturating_sub(begun);
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
    fn every_frame_is_counted_and_operators_have_names() {
        let figures = measure(2, 40).unwrap();
        assert_eq!((figures.sources, figures.frames), (2, 80));
        assert!(figures.frames_per_second > 0.0);
        assert!(figures.operator_ns.contains_key("Intake"), "{figures:?}");
        assert!(figures.operator_ns.len() > 5, "{figures:?}");
    }
}
