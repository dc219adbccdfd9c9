//! Sources written by hand, and one worker that is stepped.

use std::{
    collections::VecDeque,
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use atom_models::{Fault, Image, Reason};
use atom_operators::{
    data::*,
    flow::Flow,
    intake::{Inlet, Record, intake},
    offload::{Crew, Health},
    tally::Tally,
    tick::{Lane, Tick},
};
use crossbeam::channel::{Sender, unbounded};
use timely::{dataflow::ProbeHandle, worker::Worker};

use crate::{
    at,
    chain::{DECODED, Lines, Setup, Shared, chain},
};

/// The records of one source: when, and which colour; no colour for a lost frame.
pub type Script = Vec<(MediaTime, Option<[u8; 3]>)>;
/// Hand so many records over on a lane, then make so many steps.
pub type Turn = (usize, usize, usize);

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The records of a source; its end is a millisecond after the last.
fn records(source: u32, script: &Script, ends: bool) -> VecDeque<Record> {
    let source = SourceId::of(source);
    let record = |&(at, colour): &(_, Option<_>)| match colour {
        Some(rgb) => Record::Frame(Frame::new(source, at, Image::filled(16, 16, rgb))),
        None => Record::Lost(Failure {
            stage: Stage::Source,
            source,
            at,
            fault: Fault::new(Reason::Undecodable, ""),
        }),
    };
    let last = script.last().map_or(0, |(at, _)| at.nanos() + 1_000_000);
    let (at, whole) = (MediaTime::from_nanos(last), true);
    let end = ends.then_some(Record::End(End { source, at, whole }));
    let mut before = None;
    let records = script.iter().flat_map(|shot| {
        let quiet = before
            .replace(shot.0)
            .and_then(|from| quiet_between(source, from, shot.0));
        quiet.into_iter().chain([record(shot)])
    });
    records.chain(end).collect()
}

/// What a live source says of a long time without frames.
fn quiet_between(source: SourceId, from: MediaTime, to: MediaTime) -> Option<Record> {
    let until = MediaTime::from_millis(to.millis().checked_sub(1)?);
    (until.millis() >= from.millis() + 1000).then_some(Record::Quiet(Quiet {
        source,
        from,
        until,
        why: None,
    }))
}

/// What is left of a world.
pub struct Ran {
    pub lines: Lines,
    pub tally: Tally,
    pub vision: Health,
}

impl Ran {
    /// What a stage gave of a source.
    pub fn of(&self, stage: &'static str, source: usize) -> &[String] {
        let lines = self.lines.get(&(stage, source as u32));
        lines.map_or(&[], Vec::as_slice)
    }

    /// The lines with this word.
    pub fn with(&self, stage: &'static str, source: usize, word: &str) -> Vec<&str> {
        let lines = self.of(stage, source).iter().map(String::as_str);
        lines.filter(|line| line.contains(word)).collect()
    }
}

/// A running graph with what was not yet handed over.
pub struct World<'w> {
    worker: &'w mut Worker,
    senders: Vec<Option<Sender<Record>>>,
    probe: ProbeHandle<Tick>,
    steps: usize,
    pub todo: Vec<VecDeque<Record>>,
    pub shared: Shared,
    /// Whether sealed results are kept.
    pub holding: bool,
}

/// Builds the graph for these sources, lets `live` do its part, and runs everything dry, which every law demands.
pub fn world(
    setup: &Setup,
    scripts: &[Script],
    live: impl FnOnce(&mut World) + Send + Sync + 'static,
) -> Ran {
    quiet();
    let (setup, scripts) = (setup.clone(), scripts.to_vec());
    timely::execute_directly(move |worker| {
        let crew = Crew::default();
        let mut world = World::new(worker, &setup, &scripts, &crew);
        live(&mut world);
        world.finish();
        crew.join();
        let mut lines = world.shared.log.take();
        // The decoder works on several requests at a time: which of a source is done first is left open.
        for ((stage, _), lines) in &mut lines {
            if DECODED.contains(stage) || ["minute", "span", "index"].contains(stage) {
                lines.sort_by_key(|line| at(line));
            }
        }
        Ran {
            lines,
            tally: world.shared.tally,
            vision: world.shared.vision,
        }
    })
}

/// Hands everything over in these turns.
pub fn run(setup: &Setup, scripts: &[Script], turns: &[Turn]) -> Ran {
    let turns = turns.to_vec();
    world(setup, scripts, move |world| world.play(&turns))
}

impl<'w> World<'w> {
    fn new(worker: &'w mut Worker, setup: &Setup, scripts: &[Script], crew: &Crew) -> Self {
        let lanes = match setup.lanes {
            0 => scripts.len(),
            lanes => lanes.min(scripts.len()),
        };
        let shared = Shared {
            log: Default::default(),
            held: Default::default(),
            tally: Tally::default(),
            vision: Health::default(),
            sources: scripts.len() as u32,
            flows: (0..lanes).map(|_| Flow::new(setup.bounds)).collect(),
        };
        let channels = (0..lanes).map(|_| unbounded());
        let (senders, channels): (Vec<_>, Vec<_>) = channels.map(|(s, r)| (Some(s), r)).unzip();
        let inlets = (0..).zip(channels).zip(&shared.flows);
        let inlets = inlets.map(|((lane, records), flow)| Inlet {
            lane: Lane(lane),
            records,
            flow: Arc::clone(flow),
        });
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            chain(intake(scope, inlets.collect()), setup, &shared, crew)
        });
        let mut todo: Vec<VecDeque<_>> = (0..lanes).map(|_| VecDeque::new()).collect();
        for (source, script) in scripts.iter().enumerate() {
            todo[source % lanes].extend(records(source as u32, script, setup.ends));
        }
        World {
            worker,
            senders,
            probe,
            steps: 0,
            todo,
            shared,
            holding: false,
        }
    }

    /// Hands over so many records on a lane, and hangs up after the last end.
    fn hand(&mut self, lane: usize, count: usize) {
        let count = count.min(self.todo[lane].len());
        let mut ended = false;
        for record in self.todo[lane].drain(..count) {
            if let Record::Frame(frame) = &record {
                self.shared.tally.source(frame.source).received(1);
            }
            ended = matches!(record, Record::End(_));
            self.senders[lane].as_ref().unwrap().send(record).unwrap();
            self.shared.flows[lane].wake();
        }
        if ended && self.todo[lane].is_empty() {
            self.senders[lane] = None;
            self.shared.flows[lane].wake();
        }
    }

    /// Hands everything over in these turns.
    pub fn play(&mut self, turns: &[Turn]) {
        for (lane, batch, steps) in turns.iter().cycle() {
            let lanes = 0..self.todo.len();
            let open: Vec<_> = lanes.filter(|lane| !self.todo[*lane].is_empty()).collect();
            if open.is_empty() {
                break;
            }
            self.hand(open[lane % open.len()], *batch);
            (0..*steps).for_each(|_| self.step(Duration::ZERO));
        }
    }

    /// One step; results are let go unless they are held.
    fn step(&mut self, wait: Duration) {
        self.steps += 1;
        self.worker.step_or_park(Some(wait));
        if !self.holding {
            self.shared.held.take();
        }
    }

    /// Steps until it is so, or fails.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self) {
            let late = Instant::now() > deadline;
            assert!(!late, "{what} does not come: {:#?}", self.shared.log);
            self.step(Duration::from_millis(100));
        }
    }

    /// The lanes that the frontier still waits for.
    pub fn frontier(&self) -> Vec<Option<Lane>> {
        let lanes = |frontier: timely::progress::frontier::AntichainRef<Tick>| {
            frontier.iter().map(|tick| tick.lane()).collect()
        };
        self.probe.with_frontier(lanes)
    }

    /// Whether nothing is in flight.
    pub fn idle(&self) -> bool {
        let mut flows = self.shared.flows.iter();
        flows.all(|flow| flow.in_flight() == (0, 0))
    }

    /// Hands over the rest, closes everything and runs dry: nothing may be held then.
    fn finish(&mut self) {
        self.holding = false;
        self.play(&[(0, 5, 1)]);
        self.senders.clear();
        self.shared.flows.iter().for_each(|flow| flow.wake());
        let before = self.steps;
        self.until("the end", |world| !world.worker.has_dataflows());
        let records: usize = self.shared.log.borrow().values().map(Vec::len).sum();
        let steps = self.steps - before;
        assert!(steps <= 100 + 10 * records, "{steps} steps after the end");
        assert!(self.frontier().is_empty() && self.idle());
    }
}

/// Panics that are asked for are not told.
pub fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let asked = ["vision", "decoder"].map(Some);
            if !asked.contains(&std::thread::current().name()) {
                loud(info);
            }
        }));
    });
}
