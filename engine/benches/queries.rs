//! What standing queries cost: for each new segment, for a query that is added, in memory, and over a million segments of which
//! the newest 100,000 are kept. Writes a section of Markdown to stdout.
//!
//! Would change a decision: if 1,000 queries over 100,000 segments add more than 2 ms to a new segment, or a new query takes
//! more than a second, weighing each row by each query, or the tree of reduces, is not enough; if memory grows over the
//! million, something that goes is remembered.
//! Everything follows from fixed seeds. Segments lie near one of 100 topics, and each query is a topic, so that each matches one
//! segment of a hundred.

use std::{
    fs,
    io::{self, Write},
    time::{Duration, Instant},
};

use atom::store::{Lookout, Row, Scale, Seal, Store};
use atom_models::{ModelError, Pack, TextEncoder};
use atom_operators::query::QuerySpec;
use fastrand::Rng;
use tempfile::tempdir;

/// Numbers of a vector.
const LENGTH: usize = 384;
const TOPICS: u64 = 100;
/// New segments of which the time is taken.
const NEW: u64 = 200;

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let pack = Pack::open("mini")?;
    let mut out = io::stdout().lock();
    writeln!(out, "## Standing queries\n")?;
    writeln!(
        out,
        "Vectors of {LENGTH} numbers; a query matches one segment of a hundred and keeps the best ten. A new segment is followed, weighed by all queries, put into the dataflow, and what comes of it is written to the store; sealing it is not counted.\n"
    )?;
    writeln!(
        out,
        "| segments | queries | a new segment p50 | p95 | | a query more p50 | beginning anew | memory |\n|---|---|---|---|---|---|---|---|"
    )?;
    for (segments, queries) in [
        (1000, 1000),
        (10_000, 1000),
        (100_000, 0),
        (100_000, 10),
        (100_000, 100),
        (100_000, 1000),
    ] {
        writeln!(out, "{}", at_size(&pack, segments, queries)?)?;
        out.flush()?;
    }
    a_million(&pack, &mut out)
}

/// A text encoder that knows topics by their numbers.
struct Topics;

impl TextEncoder for Topics {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        Ok(match digits.parse::<u64>() {
            Ok(number) => topic(number % TOPICS),
            Err(_) => vec![0.0; LENGTH],
        })
    }
}

fn topic(number: u64) -> Vec<f32> {
    let mut rng = Rng::with_seed(number);
    normal((0..LENGTH).map(|_| rng.f32() - 0.5).collect())
}

fn normal(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

fn row(number: u64, topics: &[Vec<f32>]) -> Row {
    let mut rng = Rng::with_seed(number);
    let topic = &topics[rng.usize(0..topics.len())];
    let near: Vec<f32> = topic.iter().map(|x| x + (rng.f32() - 0.5) * 0.06).collect();
    Row {
        start_ms: number * 4000,
        end_ms: number * 4000 + 4000,
        caption: Some("A van is parked at a gate.".to_owned()),
        tags: format!("van, gate, thing {}", rng.u8(0..50)),
        embedding: normal(near),
        ..Row::default()
    }
}

fn seal(store: &mut Store, pack: &str, rows: &[Row]) -> Done {
    let end = rows.last().map_or(0, |row| row.end_ms);
    Ok(store.seal("door", pack, Seal::of(rows, end))?)
}

/// A store with so many segments, and its lookout after the first step.
fn opened(
    pack: &Pack,
    folder: &std::path::Path,
    segments: u64,
    queries: u64,
) -> Result<(Store, Lookout, Duration), Box<dyn std::error::Error>> {
    let path = folder.join("atom.db");
    let mut store = Store::open(&path)?;
    let (topics, made_by) = (topics(), made_by(pack));
    store.begin("door", &made_by)?;
    store.set_start("door", 0)?;
    for first in (0..segments).step_by(1000) {
        let rows: Vec<Row> = (first..first + 1000).map(|n| row(n, &topics)).collect();
        seal(&mut store, &made_by, &rows)?;
    }
    let wanted = (0..queries).map(|n| (format!("q{n}"), QuerySpec::of(&format!("topic {n}"))));
    store.set_queries("bench", &wanted.collect::<Vec<_>>())?;
    let scale = Scale::new(pack, Box::new(Topics));
    let begun = Instant::now();
    let mut lookout = Lookout::new(Store::open(&path)?, Some(scale));
    lookout.step()?;
    Ok((store, lookout, begun.elapsed()))
}

fn topics() -> Vec<Vec<f32>> {
    (0..TOPICS).map(topic).collect()
}

fn made_by(pack: &Pack) -> String {
    format!("{}-00000000", pack.id())
}

/// A line of the table.
fn at_size(pack: &Pack, segments: u64, queries: u64) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let before = resident_bytes();
    let (mut store, mut lookout, anew) = opened(pack, folder.path(), segments, queries)?;
    let memory = resident_bytes().saturating_sub(before) as f64 / 1e6;
    let (topics, made_by) = (topics(), made_by(pack));
    let mut new = times(NEW, &mut |n| {
        seal(&mut store, &made_by, &[row(segments + n, &topics)])?;
        let begun = Instant::now();
        lookout.step()?;
        Ok(begun.elapsed())
    })?;
    let (p50, p95) = (part(&mut new, 50), part(&mut new, 95));
    let mut added = times(11, &mut |n| {
        store.add_query(&format!("more {n}"), &QuerySpec::of(&format!("topic {n}")))?;
        let begun = Instant::now();
        lookout.step()?;
        Ok(begun.elapsed())
    })?;
    let bar = "#".repeat((p50.as_secs_f64() * 1e4).ceil() as usize);
    Ok(format!(
        "| {segments} | {queries} | {:.2} ms | {:.2} ms | `{bar}` | {:.0} ms | {:.1} s | {memory:.0} MB |",
        millis(p50),
        millis(p95),
        millis(part(&mut added, 50)),
        anew.as_secs_f64()
    ))
}

/// A million segments come, of which the newest 100,000 stay.
fn a_million(pack: &Pack, out: &mut impl Write) -> Done {
    let folder = tempdir()?;
    let (mut store, mut lookout, _) = opened(pack, folder.path(), 100_000, 10)?;
    let (topics, made_by) = (topics(), made_by(pack));
    writeln!(
        out,
        "\nTen queries, a million segments in seals of a hundred, of which the newest 100,000 are kept:\n"
    )?;
    writeln!(
        out,
        "| segments that came | segments kept | memory | a step p50 |\n|---|---|---|---|"
    )?;
    let keep = "100000 segments".parse()?;
    let mut steps = Vec::new();
    for first in (100_000..1_000_000).step_by(100) {
        let rows: Vec<Row> = (first..first + 100).map(|n| row(n, &topics)).collect();
        seal(&mut store, &made_by, &rows)?;
        store.expire(&keep, i64::MAX / 2)?;
        let begun = Instant::now();
        lookout.step()?;
        steps.push(begun.elapsed());
        if (first + 100) % 100_000 == 0 {
            let memory = resident_bytes() as f64 / 1e6;
            let kept = lookout.count();
            let step = millis(part(&mut steps, 50));
            writeln!(
                out,
                "| {} | {kept} | {memory:.0} MB | {step:.1} ms |",
                first + 100
            )?;
            out.flush()?;
            steps.clear();
        }
    }
    Ok(())
}

fn times(
    count: u64,
    work: &mut dyn FnMut(u64) -> Result<Duration, Box<dyn std::error::Error>>,
) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    (0..count).map(work).collect()
}

fn part(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[times.len() * percent / 100]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What of this process is in memory.
fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}
