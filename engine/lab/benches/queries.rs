//! What standing queries cost: for each new segment, for a query that is added, in memory, and over a million segments of which
//! the newest 100,000 are kept. Writes a section of Markdown to stdout.
//!
//! Would change a decision: if 1,000 queries over 100,000 segments add more than 2 ms to a new segment, or a new query takes
//! more than a second, weighing each row by each query, or the tree of reduces, is not enough; if memory grows over the
//! million, something that goes is remembered.
//! Everything follows from fixed seeds. Segments lie near one of 100 topics (`bench::made`), and each query is a topic, so that each
//! matches one segment of a hundred.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use atom_index::{Lookout, Store};
use atom_lab::bench::made::{self, LENGTH, Topical};
use atom_models::Pack;
use tempfile::tempdir;

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

/// A store with so many segments, and its lookout after the first step.
fn opened(
    pack: &Pack,
    folder: &Path,
    segments: u64,
    queries: u64,
) -> Result<(Store, Lookout, Duration), Box<dyn std::error::Error>> {
    let path = folder.join("atom.db");
    let mut store = Topical::new(pack).store(&path, segments)?;
    store.set_queries("bench", &made::queries(queries))?;
    let begun = Instant::now();
    let mut lookout = made::lookout(&path, pack)?;
    lookout.step()?;
    Ok((store, lookout, begun.elapsed()))
}

/// A line of the table.
fn at_size(pack: &Pack, segments: u64, queries: u64) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let before = resident_bytes();
    let (mut store, mut lookout, anew) = opened(pack, folder.path(), segments, queries)?;
    let memory = resident_bytes().saturating_sub(before) as f64 / 1e6;
    let topical = Topical::new(pack);
    let mut new = times(NEW, &mut |n| {
        topical.seal(&mut store, segments + n..segments + n + 1)?;
        let begun = Instant::now();
        lookout.step()?;
        Ok(begun.elapsed())
    })?;
    let (p50, p95) = (part(&mut new, 50), part(&mut new, 95));
    let mut added = times(11, &mut |n| {
        store.add_query(&format!("more {n}"), &made::about(n))?;
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
    let topical = Topical::new(pack);
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
        topical.seal(&mut store, first..first + 100)?;
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
