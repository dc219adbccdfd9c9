//! Measures the cost of standing queries: per new segment, per new query, in memory, and over a million segments of which
//! the newest 100,000 are kept. Writes a section of Markdown to stdout.
//!
//! These results would change a decision: if 1,000 queries over 100,000 segments add more than 2 ms to a new segment, or a
//! new query takes more than a second, then scoring each row against each query, or the tree of reduces, is too slow; if
//! memory grows over the million, removed segments leak.
//! Seeds are fixed. Segments are near one of 100 topics (`bench::synthetic_segments`), and each query is a topic,
//! so that it matches one segment in a hundred.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use atom_index::{StandingQueryMaintainer, Store};
use atom_lab::bench::synthetic_segments::{self, DIMENSIONS, TopicIndex};
use atom_models::Pack;
use tempfile::tempdir;

/// Number of new segments that are timed.
const NEW_SEGMENTS: u64 = 200;

type BenchResult = Result<(), Box<dyn std::error::Error>>;

fn main() -> BenchResult {
    let pack = Pack::open("mini")?;
    let mut out = io::stdout().lock();
    writeln!(out, "## Standing queries\n")?;
    writeln!(
        out,
        "Time to update all standing queries for a new segment: read it, score it against all queries, update the dataflow, write the changes to the index. Sealing the segment is not included. Vectors have {DIMENSIONS} numbers; a query matches one segment in a hundred and keeps the best ten.\n"
    )?;
    writeln!(
        out,
        "| segments | queries | new segment p50 | p95 | | new query p50 | first step | memory |\n|---|---|---|---|---|---|---|---|"
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
    add_a_million(&pack, &mut out)
}

/// Creates an index, and returns it with its maintainer after the first step, and the time of that step.
fn opened(
    pack: &Pack,
    folder: &Path,
    segments: u64,
    queries: u64,
) -> Result<(Store, StandingQueryMaintainer, Duration), Box<dyn std::error::Error>> {
    let path = folder.join("atom.db");
    let mut store = TopicIndex::new(pack).create(&path, segments)?;
    store.set_queries("bench", &synthetic_segments::topic_queries(queries))?;
    let start = Instant::now();
    let mut maintainer = synthetic_segments::open_maintainer(&path, pack)?;
    maintainer.step()?;
    Ok((store, maintainer, start.elapsed()))
}

/// Returns a row of the table.
fn at_size(pack: &Pack, segments: u64, queries: u64) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let before = resident_bytes();
    let (mut store, mut maintainer, anew) = opened(pack, folder.path(), segments, queries)?;
    let memory = resident_bytes().saturating_sub(before) as f64 / 1e6;
    let topics = TopicIndex::new(pack);
    let mut new = times(NEW_SEGMENTS, &mut |n| {
        topics.seal(&mut store, segments + n..segments + n + 1)?;
        let start = Instant::now();
        maintainer.step()?;
        Ok(start.elapsed())
    })?;
    let (p50, p95) = (percentile(&mut new, 50), percentile(&mut new, 95));
    let mut added = times(11, &mut |n| {
        store.add_query(&format!("more {n}"), &synthetic_segments::topic_query(n))?;
        let start = Instant::now();
        maintainer.step()?;
        Ok(start.elapsed())
    })?;
    let bar = "#".repeat((p50.as_secs_f64() * 1e4).ceil() as usize);
    Ok(format!(
        "| {segments} | {queries} | {:.2} ms | {:.2} ms | `{bar}` | {:.0} ms | {:.1} s | {memory:.0} MB |",
        millis(p50),
        millis(p95),
        millis(percentile(&mut added, 50)),
        anew.as_secs_f64()
    ))
}

/// Adds a million segments, of which the newest 100,000 are kept.
fn add_a_million(pack: &Pack, out: &mut impl Write) -> BenchResult {
    let folder = tempdir()?;
    let (mut store, mut maintainer, _) = opened(pack, folder.path(), 100_000, 10)?;
    let topics = TopicIndex::new(pack);
    writeln!(
        out,
        "\nTen queries, a million segments in seals of a hundred, of which the newest 100,000 are kept:\n"
    )?;
    writeln!(
        out,
        "| segments added | segments kept | memory | step p50 |\n|---|---|---|---|"
    )?;
    let keep = "100000 segments".parse()?;
    let mut steps = Vec::new();
    for first in (100_000..1_000_000).step_by(100) {
        topics.seal(&mut store, first..first + 100)?;
        store.expire(&keep, i64::MAX / 2)?;
        let start = Instant::now();
        maintainer.step()?;
        steps.push(start.elapsed());
        if (first + 100) % 100_000 == 0 {
            let memory = resident_bytes() as f64 / 1e6;
            let kept = maintainer.segment_count();
            let step = millis(percentile(&mut steps, 50));
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

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[times.len() * percent / 100]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Returns the resident memory of this process.
fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}
