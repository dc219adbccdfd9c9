//! Measures what batching and reuse save: tokens per second of one to eight texts, the same requests with and without
//! reuse, and the wait of a question while captions are decoded.
//!
//! Needs the pack `mini`; a pack of the same family, as one with float32 weights, can be measured by ATOM_CACHE. These
//! results would change a decision: if eight texts together do not reach twice the tokens per second of one, or if reuse
//! saves nothing, requests should be served one after the other.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use atom_models::{Job, Pack, Prompt, Scheduler, SchedulerSettings, Urgency};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// New tokens per text.
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

/// Runs all jobs to their end, and returns the number of new tokens.
fn finish(scheduler: &mut Scheduler) -> usize {
    let mut tokens = 0;
    while !scheduler.idle() {
        for finished in scheduler.advance(Instant::now()) {
            tokens += finished.result.expect("the decoder works").generated;
        }
    }
    tokens
}

/// Returns a prompt that the decoder continues without an end: a list of numbers.
fn endless_prompt(n: u64) -> Prompt {
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
        // Prompts are cached after the first iteration, so this measures decoding steps.
        group.throughput(Throughput::Elements(texts * TOKENS as u64));
        group.bench_function(BenchmarkId::from_parameter(texts), |bencher| {
            bencher.iter(|| {
                (0..texts)
                    .for_each(|n| submit(&mut scheduler, n, endless_prompt(n), Urgency::Person));
                finish(&mut scheduler)
            });
        });
    }
    group.finish();
}

/// Asks three questions about each of four segments, and returns the number of new tokens.
fn questions(scheduler: &mut Scheduler, pack: &Pack) -> usize {
    let seen = [
        "person, dog, grass; maybe run, field, play",
        "car, street, building; maybe bus, traffic",
        "table, cup, plate; maybe food, kitchen",
        "bicycle, fence; maybe sidewalk, man",
    ];
    let asks = ["Is there a person?", "Is there a car?", "What can be seen?"];
    for (n, (seen, ask)) in (0..).zip(seen.iter().flat_map(|seen| asks.map(|ask| (seen, ask)))) {
        let prompt = pack.prompts().reason_prompt(*seen, ask);
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
        let name = if reuse { "reused" } else { "computed again" };
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

/// Returns the prompt of a caption, as pipelines write it.
fn caption_prompt(n: u64) -> Prompt {
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

/// Number of questions that are asked at random moments while captions are decoded.
const QUESTIONS: u64 = 60;

/// Measures the wait of a person's question while eight captions are decoded: for its first chunk, its first token, its
/// answer. Prints the median and the 95th percentile, and the largest memory of keys and values.
fn question_latency(_: &mut Criterion) {
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
    for n in 0..QUESTIONS {
        (0..8).for_each(|at| {
            submit(
                &mut scheduler,
                at,
                caption_prompt(8 * n + at),
                Urgency::Recording,
            )
        });
        // A different moment each time, spread by a multiplicative hash.
        (0..(n * 37) % 50).for_each(|_| drop(scheduler.advance(Instant::now())));
        submit(&mut scheduler, 100, prompt.clone(), Urgency::Person);
        let start = Instant::now();
        scheduler.advance(Instant::now());
        waited[0].push(start.elapsed());
        let mut first = None;
        while !scheduler.idle() {
            let over = scheduler
                .advance(Instant::now())
                .iter()
                .any(|finished| finished.id == 100);
            let bytes = scheduler.bytes();
            held = (bytes.0.max(held.0), bytes.1.max(held.1));
            if first.is_none() && (over || scheduler.partial_text(100).is_some()) {
                first = Some(start.elapsed());
            }
            if over {
                waited[2].push(start.elapsed());
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
        print(&format!(
            "decoder/a question while eight captions are written/{what}: p50 {median} ms, p95 {most} ms"
        ));
    }
    let [beginnings, under_way] = [held.0, held.1].map(|bytes| bytes >> 20);
    print(&format!(
        "keys and values: {beginnings} MiB of cached prefixes, {under_way} MiB of active requests"
    ));
}

/// Prints a result that criterion cannot report.
fn print(line: &str) {
    // There is nowhere left to report that stderr is gone.
    let _ = writeln!(io::stderr(), "{line}");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = sequences, reuse, question_latency
}
criterion_main!(benches);
