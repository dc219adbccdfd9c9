//! What it saves to serve requests together: tokens a second of one to eight texts, and the same requests with and without reuse.
//!
//! Needs the pack `mini`; another one of its make, as one of float32 weights, can be measured by ATOM_CACHE. Would
//! change a decision: if eight texts together do not come to twice the tokens a second of one, or if reuse saves
//! nothing, requests had better be served one after the other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use atom_models::{
    Pack, Prompt, Scheduler,
    scheduler::{Job, Settings, Urgency},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// New tokens of each text.
const TOKENS: usize = 24;

fn scheduler(pack: &Pack, settings: Settings) -> Scheduler {
    let decoder = pack.decoder(Arc::default()).expect("mini is installed");
    Scheduler::new(decoder, settings)
}

fn submit(scheduler: &mut Scheduler, id: u64, prompt: Prompt, urgency: Urgency) {
    let job = Job {
        prompt,
        max_tokens: TOKENS,
        urgency,
        deadline: None,
    };
    scheduler.submit(id, job);
}

/// Works until nothing is left; gives the new tokens.
fn finish(scheduler: &mut Scheduler) -> usize {
    let mut tokens = 0;
    while !scheduler.idle() {
        for finished in scheduler.advance(Instant::now()) {
            tokens += finished.result.expect("the decoder works").generated;
        }
    }
    tokens
}

/// A text without an end: a list to go on with.
fn endless(n: u64) -> Prompt {
    Prompt::from(&*format!(
        "{n}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,"
    ))
}

fn sequences(criterion: &mut Criterion) {
    let pack = Pack::open("mini").expect("mini is installed");
    let mut group = criterion.benchmark_group("decoder/texts together");
    group.sample_size(10);
    for texts in [1, 2, 4, 8u64] {
        let settings = Settings {
            rows: 12,
            ..Settings::default()
        };
        let mut scheduler = scheduler(&pack, settings);
        // Their beginnings are known after the first time: what is measured are steps.
        group.throughput(Throughput::Elements(texts * TOKENS as u64));
        group.bench_function(BenchmarkId::from_parameter(texts), |bencher| {
            bencher.iter(|| {
                (0..texts).for_each(|n| submit(&mut scheduler, n, endless(n), Urgency::Person));
                finish(&mut scheduler)
            });
        });
    }
    group.finish();
}

/// Three questions about each of four things seen.
fn questions(scheduler: &mut Scheduler, pack: &Pack) -> usize {
    let seen = [
        "person, dog, grass; maybe run, field, play",
        "car, street, building; maybe bus, traffic",
        "table, cup, plate; maybe food, kitchen",
        "bicycle, fence; maybe sidewalk, man",
    ];
    let asks = ["Is there a person?", "Is there a car?", "What can be seen?"];
    for (n, (seen, ask)) in (0..).zip(seen.iter().flat_map(|seen| asks.map(|ask| (seen, ask)))) {
        let prompt = pack.connector().reason_prompt(seen, ask);
        submit(scheduler, n, prompt, Urgency::Recording);
    }
    finish(scheduler)
}

fn reuse(criterion: &mut Criterion) {
    let pack = Pack::open("mini").expect("mini is installed");
    let mut group = criterion.benchmark_group("decoder/three questions about four segments");
    group.sample_size(10);
    for reuse in [true, false] {
        let settings = Settings {
            reuse,
            ..Settings::default()
        };
        let name = if reuse { "reused" } else { "computed anew" };
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut scheduler = scheduler(&pack, settings);
                    let beginning = pack.connector().reason_beginning();
                    scheduler.load(&beginning).expect("the decoder works");
                    scheduler
                },
                |scheduler| questions(scheduler, &pack),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// How long a person's question waits for its first chunk while eight captions run.
fn waiting(criterion: &mut Criterion) {
    let pack = Pack::open("mini").expect("mini is installed");
    let mut scheduler = scheduler(&pack, Settings::default());
    let prompt = pack
        .connector()
        .reason_prompt("dog, grass", "Is there a dog?");
    let mut next = 100;
    criterion.bench_function("decoder/an action while eight texts grow", |bencher| {
        bencher.iter_custom(|times| {
            let mut waited = Duration::ZERO;
            for _ in 0..times {
                (0..8).for_each(|n| submit(&mut scheduler, n, endless(n), Urgency::Recording));
                (0..12).for_each(|_| drop(scheduler.advance(Instant::now())));
                submit(&mut scheduler, next, prompt.clone(), Urgency::Person);
                next += 1;
                let begun = Instant::now();
                scheduler.advance(Instant::now());
                waited += begun.elapsed();
                finish(&mut scheduler);
            }
            waited
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = sequences, reuse, waiting
}
criterion_main!(benches);
