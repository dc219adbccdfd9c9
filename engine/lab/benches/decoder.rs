//! What it saves to serve requests together: tokens a second of one to eight texts, and the same requests with and without reuse.
//!
//! Needs the pack `mini`; another one of its make, as one of float32 weights, can be measured by ATOM_CACHE. Would
//! change a decision: if eight texts together do not come to twice the tokens a second of one, or if reuse saves
//! nothing, requests had better be served one after the other.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use atom_models::{Job, Pack, Prompt, Scheduler, SchedulerSettings, Urgency};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// New tokens of each text.
const TOKENS: usize = 24;

fn scheduler(pack: &Pack, settings: SchedulerSettings) -> Scheduler {
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
        let settings = SchedulerSettings {
            rows: 12,
            ..SchedulerSettings::default()
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
        let prompt = pack.prompts().reason_prompt(seen, ask);
        submit(scheduler, n, prompt, Urgency::Recording);
    }
    finish(scheduler)
}

fn reuse(criterion: &mut Criterion) {
    let pack = Pack::open("mini").expect("mini is installed");
    let mut group = criterion.benchmark_group("decoder/three questions about four segments");
    group.sample_size(10);
    for reuse in [true, false] {
        let settings = SchedulerSettings {
            reuse,
            ..SchedulerSettings::default()
        };
        let name = if reuse { "reused" } else { "computed anew" };
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || {
                    let mut scheduler = scheduler(&pack, settings);
                    let beginning = pack.prompts().reason_prefix();
                    scheduler.pin_prefix(&beginning).expect("the decoder works");
                    scheduler
                },
                |scheduler| questions(scheduler, &pack),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A caption as pipelines ask for it.
fn caption(n: u64) -> Prompt {
    let seen = [
        "man, horse; maybe field, ride",
        "dog, ball; maybe grass, run",
        "car, street; maybe bus, road",
    ];
    let seen = seen[n as usize % seen.len()];
    let text = format!(
        "Similar: A man is riding a horse. Two dogs play.\nImage tags: {seen} {n}\nCaption:"
    );
    Prompt::from(&*text).with_adapter(true).with_beams(3)
}

/// So many questions are asked at random moments while captions are written.
const ASKED: u64 = 60;

/// How long a person's question waits while eight captions are under way: for its first chunk, its first token, its answer.
/// Tells the median and the 95th percentile, and the most bytes of keys and values that were held meanwhile.
fn waiting(_: &mut Criterion) {
    let pack = Pack::open("mini").expect("mini is installed");
    let mut scheduler = scheduler(&pack, SchedulerSettings::default());
    let prompts = pack.prompts();
    scheduler
        .pin_prefix(&prompts.ask_prefix())
        .expect("the decoder works");
    let prompt = prompts.ask_prompt(
        "dog, grass; maybe run. A dog runs on grass.",
        "What is the dog doing?",
    );
    let mut waited: [Vec<Duration>; 3] = Default::default();
    let mut held = (0, 0);
    for n in 0..ASKED {
        (0..8).for_each(|at| submit(&mut scheduler, at, caption(8 * n + at), Urgency::Recording));
        // A moment that is another one each time, spread by a multiplicative hash.
        (0..(n * 37) % 50).for_each(|_| drop(scheduler.advance(Instant::now())));
        submit(&mut scheduler, 100, prompt.clone(), Urgency::Person);
        let begun = Instant::now();
        scheduler.advance(Instant::now());
        waited[0].push(begun.elapsed());
        let mut first = None;
        while !scheduler.idle() {
            let over = scheduler
                .advance(Instant::now())
                .iter()
                .any(|finished| finished.id == 100);
            let bytes = scheduler.bytes();
            held = (bytes.0.max(held.0), bytes.1.max(held.1));
            if first.is_none() && (over || scheduler.partial_text(100).is_some()) {
                first = Some(begun.elapsed());
            }
            if over {
                waited[2].push(begun.elapsed());
            }
        }
        waited[1].extend(first);
    }
    for (what, mut times) in ["first chunk", "first token", "whole answer"]
        .into_iter()
        .zip(waited)
    {
        times.sort();
        let [median, most] =
            [times.len() / 2, times.len() * 95 / 100].map(|at| times[at].as_millis());
        tell(&format!(
            "decoder/a question while eight captions are written/{what}: p50 {median} ms, p95 {most} ms"
        ));
    }
    let [beginnings, under_way] = [held.0, held.1].map(|bytes| bytes >> 20);
    tell(&format!(
        "keys and values: {beginnings} MiB of beginnings, {under_way} MiB of what is under way"
    ));
}

/// Prints a figure that criterion has no place for.
fn tell(line: &str) {
    // Nobody is left to be told if stderr is gone.
    let _ = writeln!(io::stderr(), "{line}");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = sequences, reuse, waiting
}
criterion_main!(benches);
