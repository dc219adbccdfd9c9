//! What the graph itself costs a frame: the three branches with modules that cost next to nothing.
//!
//! Would change a decision: if a frame costs more than a percent of an encoder run (some 60 ms), batching has to come.

use std::{collections::BTreeMap, path::PathBuf};

use atom::assemble::{Parts, assemble};
use atom_models::{Image, Meters, Pack, Scheduler, scheduler::Settings};
use atom_operators::{
    data::{End, Frame, MediaTime, SourceId},
    flow::{Bounds, Flow},
    intake::{Inlet, Record},
    offload::{Crew, Health},
    tally::Tally,
    tick::Lane,
};
use atom_pipelines::{Plan, library, parse, plan};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel::{Receiver, unbounded};

const FRAMES: u64 = 400;

/// The library's three branches over so many sources.
fn three_branches(sources: usize) -> Plan {
    let text = library::text("three-branches").expect("the library holds it");
    let names: Vec<_> = (0..sources).map(|n| format!("s{n}")).collect();
    let tables: String = names
        .iter()
        .map(|name| format!("[source.{name}]\nuri = \"test://ball\"\n"))
        .collect();
    let inputs = format!("inputs = [\"{}\"]", names.join("\", \""));
    let text = text
        .replace("[source.video]", &tables)
        .replace("inputs = [\"video\"]", &inputs);
    plan(&[parse(&PathBuf::from("bench.toml"), &text).expect("it is a pipeline file")])
}

/// A source whose frames all wait already, two a second, each unlike the one before.
fn frames(source: SourceId) -> Receiver<Record> {
    let (sender, records) = unbounded();
    for n in 0..FRAMES {
        let image = Image::filled(64, 48, [(n % 2) as u8 * 200, (n % 5) as u8 * 30, 40]);
        let frame = Frame::new(source, MediaTime::from_millis(n * 500), image);
        sender
            .send(Record::Frame(frame))
            .expect("the receiver is here");
    }
    let at = MediaTime::from_millis(FRAMES * 500);
    sender
        .send(Record::End(End {
            source,
            at,
            whole: true,
        }))
        .expect("the receiver is here");
    records
}

fn work_through(plan: &Plan, pack: &Pack, inlets: Vec<Inlet>) {
    let (meters, plan) = (Meters::default(), plan.clone());
    let parts = Parts {
        inlets,
        paces: BTreeMap::new(),
        vision: Some(pack.vision(meters.vision).expect("the fake loads")),
        decoder: Some(Scheduler::new(
            pack.decoder(meters.decoder).expect("the fake loads"),
            Settings::default(),
        )),
        text: None,
        memory: None,
        inbox: None,
        archive: None,
        connector: pack.connector().clone(),
        vision_health: Health::default(),
        decoder_health: Health::default(),
        text_health: Health::default(),
        tally: Tally::default(),
    };
    let parts = std::sync::Mutex::new(Some(parts));
    timely::execute_directly(move |worker| {
        let crew = Crew::default();
        let parts = parts
            .lock()
            .ok()
            .and_then(|mut parts| parts.take())
            .expect("taken once");
        worker.dataflow(|scope| assemble(scope, &plan, parts, &crew, drop));
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
        crew.join();
    });
}

fn bench(c: &mut Criterion) {
    let pack = Pack::open("fake").expect("the fake pack needs no files");
    let mut group = c.benchmark_group("three-branches");
    group.sample_size(20);
    for sources in [1, 4, 16] {
        let plan = three_branches(sources);
        group.throughput(Throughput::Elements(FRAMES * sources as u64));
        group.bench_with_input(
            BenchmarkId::new("frames", sources),
            &sources,
            |b, sources| {
                let inlets = || {
                    let inlet = |n| Inlet {
                        lane: Lane(n as u32),
                        records: frames(SourceId::of(n as u32)),
                        flow: Flow::new(Bounds::default()),
                    };
                    (0..*sources).map(inlet).collect::<Vec<_>>()
                };
                b.iter_batched(
                    inlets,
                    |inlets| work_through(&plan, &pack, inlets),
                    criterion::BatchSize::PerIteration,
                );
            },
        );
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
