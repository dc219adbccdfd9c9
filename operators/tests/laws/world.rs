//! Scripted sources, and one worker that is stepped by hand.

use std::{
    collections::VecDeque,
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use atom_models::{Fault, Image, Reason};
use atom_operators::{
    circuit_breaker::CircuitBreaker,
    counters::Counters,
    credits::Credits,
    event::{IdleHeartbeat, SourceEnd},
    failure::{Failure, Stage},
    frame::Frame,
    ids::SourceId,
    intake::{FrameReceiver, Record, intake},
    media_time::MediaTime,
    offload::ThreadGroup,
    tick::{Partition, Tick},
};
use crossbeam::channel::{Sender, unbounded};
use timely::{dataflow::ProbeHandle, worker::Worker};

use crate::{
    at,
    chain::{DECODED, Lines, Setup, Shared, chain},
};

/// The records of one source: media time and colour of each frame; no colour for a lost frame.
pub type Script = Vec<(MediaTime, Option<[u8; 3]>)>;
/// A turn: the partition, the number of records to send on it, and the number of worker steps after.
pub type Turn = (usize, usize, usize);

/// Time limit of every wait.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Returns the records of a source; its end is a millisecond after the last one.
fn records(source: u32, script: &Script, ends: bool) -> VecDeque<Record> {
    let source = SourceId::new(source);
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
    let (at, complete) = (MediaTime::from_nanos(last), true);
    let end = ends.then_some(Record::End(SourceEnd {
        source,
        at,
        complete,
    }));
    let mut before = None;
    let records = script.iter().flat_map(|shot| {
        let idle = before
            .replace(shot.0)
            .and_then(|from| idle_between(source, from, shot.0));
        idle.into_iter().chain([record(shot)])
    });
    records.chain(end).collect()
}

/// Returns the heartbeat of a live source for a long time without frames.
fn idle_between(source: SourceId, from: MediaTime, to: MediaTime) -> Option<Record> {
    let until = MediaTime::from_millis(to.millis().checked_sub(1)?);
    (until.millis() >= from.millis() + 1000).then_some(Record::Idle(IdleHeartbeat {
        source,
        from,
        until,
        cause: None,
    }))
}

/// The logs and counters of a finished run.
pub struct RunLog {
    pub lines: Lines,
    pub counters: Counters,
    pub vision: CircuitBreaker,
}

impl RunLog {
    /// Returns the output of a stage for a source.
    pub fn of(&self, stage: &'static str, source: usize) -> &[String] {
        let lines = self.lines.get(&(stage, source as u32));
        lines.map_or(&[], Vec::as_slice)
    }

    /// Returns the lines that contain this word.
    pub fn with(&self, stage: &'static str, source: usize, word: &str) -> Vec<&str> {
        let lines = self.of(stage, source).iter().map(String::as_str);
        lines.filter(|line| line.contains(word)).collect()
    }

    /// Returns the sealed results of this kind, such as `caption`; their texts may hold any word.
    pub fn sealed(&self, source: usize, kind: &str) -> Vec<&str> {
        let lines = self.of("seal", source).iter().map(String::as_str);
        lines
            .filter(|line| line.split(' ').nth(1) == Some(kind))
            .collect()
    }
}

/// A running graph with the records that were not sent yet.
pub struct World<'w> {
    worker: &'w mut Worker,
    senders: Vec<Option<Sender<Record>>>,
    probe: ProbeHandle<Tick>,
    steps: usize,
    pub todo: Vec<VecDeque<Record>>,
    pub shared: Shared,
    /// True if sealed results are held.
    pub holding: bool,
}

/// Builds the graph for these sources, runs `live`, and then runs the graph dry, as every law demands.
pub fn world(
    setup: &Setup,
    scripts: &[Script],
    live: impl FnOnce(&mut World) + Send + Sync + 'static,
) -> RunLog {
    silence_expected_panics();
    let (setup, scripts) = (setup.clone(), scripts.to_vec());
    timely::execute_directly(move |worker| {
        let threads = ThreadGroup::default();
        let mut world = World::new(worker, &setup, &scripts, &threads);
        live(&mut world);
        world.finish();
        threads.join();
        let mut lines = world.shared.log.take();
        // The decoder works on several requests at a time: their order within a source is undefined.
        for ((stage, _), lines) in &mut lines {
            if DECODED.contains(stage) || ["minute", "span", "index"].contains(stage) {
                lines.sort_by_key(|line| at(line));
            }
        }
        RunLog {
            lines,
            counters: world.shared.counters,
            vision: world.shared.vision,
        }
    })
}

/// Runs the graph, with the records sent in these turns.
pub fn run(setup: &Setup, scripts: &[Script], turns: &[Turn]) -> RunLog {
    let turns = turns.to_vec();
    world(setup, scripts, move |world| world.play(&turns))
}

impl<'w> World<'w> {
    fn new(
        worker: &'w mut Worker,
        setup: &Setup,
        scripts: &[Script],
        threads: &ThreadGroup,
    ) -> Self {
        let partitions = match setup.partitions {
            0 => scripts.len(),
            partitions => partitions.min(scripts.len()),
        };
        let shared = Shared {
            log: Default::default(),
            held: Default::default(),
            counters: Counters::default(),
            vision: CircuitBreaker::default(),
            sources: scripts.len() as u32,
            credits: (0..partitions)
                .map(|_| Credits::new(setup.limits))
                .collect(),
        };
        let channels = (0..partitions).map(|_| unbounded());
        let (senders, channels): (Vec<_>, Vec<_>) = channels.map(|(s, r)| (Some(s), r)).unzip();
        let receivers = (0..).zip(channels).zip(&shared.credits);
        let receivers = receivers.map(|((partition, records), credits)| FrameReceiver {
            partition: Partition(partition),
            records,
            credits: Arc::clone(credits),
        });
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            chain(intake(scope, receivers.collect()), setup, &shared, threads)
        });
        let mut todo: Vec<VecDeque<_>> = (0..partitions).map(|_| VecDeque::new()).collect();
        for (source, script) in scripts.iter().enumerate() {
            todo[source % partitions].extend(records(source as u32, script, setup.ends));
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

    /// Sends `count` records on a partition, and hangs up after the last end.
    fn send(&mut self, partition: usize, count: usize) {
        let count = count.min(self.todo[partition].len());
        let mut ended = false;
        for record in self.todo[partition].drain(..count) {
            if let Record::Frame(frame) = &record {
                self.shared.counters.source(frame.source).add_received(1);
            }
            ended = matches!(record, Record::End(_));
            self.senders[partition]
                .as_ref()
                .unwrap()
                .send(record)
                .unwrap();
            self.shared.credits[partition].wake_intake();
        }
        if ended && self.todo[partition].is_empty() {
            self.senders[partition] = None;
            self.shared.credits[partition].wake_intake();
        }
    }

    /// Sends all records in these turns.
    pub fn play(&mut self, turns: &[Turn]) {
        for (partition, batch, steps) in turns.iter().cycle() {
            let partitions = 0..self.todo.len();
            let open: Vec<_> = partitions
                .filter(|partition| !self.todo[*partition].is_empty())
                .collect();
            if open.is_empty() {
                break;
            }
            self.send(open[partition % open.len()], *batch);
            (0..*steps).for_each(|_| self.step(Duration::ZERO));
        }
    }

    /// Steps the worker; results are dropped unless they are held.
    fn step(&mut self, wait: Duration) {
        self.steps += 1;
        self.worker.step_or_park(Some(wait));
        if !self.holding {
            self.shared.held.take();
        }
    }

    /// Steps until `holds` is true; fails after the deadline.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self) {
            let late = Instant::now() > deadline;
            assert!(!late, "{what} does not come: {:#?}", self.shared.log);
            self.step(Duration::from_millis(100));
        }
    }

    /// Returns the partitions that the frontier still waits for.
    pub fn frontier(&self) -> Vec<Option<Partition>> {
        let partitions = |frontier: timely::progress::frontier::AntichainRef<Tick>| {
            frontier.iter().map(|tick| tick.partition()).collect()
        };
        self.probe.with_frontier(partitions)
    }

    /// Returns true if nothing is in flight.
    pub fn idle(&self) -> bool {
        let mut credits = self.shared.credits.iter();
        credits.all(|credits| credits.in_flight() == (0, 0))
    }

    /// Sends the rest, closes everything and runs dry: nothing may be held then.
    fn finish(&mut self) {
        self.holding = false;
        self.play(&[(0, 5, 1)]);
        self.senders.clear();
        self.shared
            .credits
            .iter()
            .for_each(|credits| credits.wake_intake());
        let before = self.steps;
        self.until("the end", |world| !world.worker.has_dataflows());
        let records: usize = self.shared.log.borrow().values().map(Vec::len).sum();
        let steps = self.steps - before;
        assert!(steps <= 100 + 10 * records, "{steps} steps after the end");
        assert!(self.frontier().is_empty() && self.idle());
    }
}

/// Suppresses the messages of panics that the scripts ask for.
pub fn silence_expected_panics() {
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
