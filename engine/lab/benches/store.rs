//! How quick the store is at size: searches of 1,000, 10,000 and 100,000 segments, writing, room on disk, removing, and what vectors of
//! bytes lose. Writes a section of Markdown to stdout.
//!
//! Would change a decision: if half the searches of 100,000 segments take longer than 30 ms, a flat scan over all vectors
//! and BM25 over all rows are not enough; if of the ten nearest fewer than nine stay, bytes are too few.
//! The segments are made up (`bench::made`), so that everything follows from fixed seeds.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use atom_index::{Query, Row, Store};
use atom_lab::bench::made::{LENGTH, PACK, WORDS, of_pack, random, row, seal, search, unit};
use fastrand::Rng;
use tempfile::tempdir;

/// Searches of each kind.
const SEARCHES: u64 = 200;
/// Segments of a source.
const OF_A_SOURCE: u64 = 900;

/// A week and a moment after all sources began: each is looked at, and no segment is older than a week.
const JUST_BEFORE: i64 = 604_800_001;

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let mut out = io::stdout().lock();
    writeln!(out, "## The store at size\n")?;
    writeln!(
        out,
        "Vectors of {LENGTH} numbers, of pictures and of captions; queries of three words and a vector.\n"
    )?;
    writeln!(
        out,
        "| segments | search p50 | p95 | common words p50 | p95 | open | first search | after a seal p50 | p95 | bytes a segment |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for segments in [1000, 10_000, 100_000] {
        writeln!(out, "{}", at_size(segments)?)?;
    }
    writeln!(out, "\n| written | rows a second |\n|---|---|")?;
    for (of, rows) in [(4, 4000), (100, 20_000)] {
        writeln!(out, "| in seals of {of} | {:.0} |", insert_rate(of, rows)?)?;
    }
    let bare = bytes_a_segment(0)?;
    let with = bytes_a_segment(4096)?;
    writeln!(
        out,
        "\n10,000 segments take {bare:.0} bytes each, with thumbnails of 4 kB {with:.0}.\n"
    )?;
    writeln!(
        out,
        "| of 100,000 segments, what is no longer kept | p50 | p95 |\n|---|---|---|"
    )?;
    keeping(&mut out)?;
    writeln!(
        out,
        "\n| vectors | of the ten nearest, found with bytes |\n|---|---|"
    )?;
    writeln!(out, "| random | {:.3} |", recall(0)?)?;
    writeln!(out, "| in 100 clusters | {:.3} |", recall(100)?)?;
    Ok(())
}

/// A line of the table of searches.
fn at_size(segments: u64) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let path = folder.path().join("atom.db");
    let mut writer = Store::open(&path)?;
    fill(&mut writer, segments, 100, 0)?;
    drop(writer);
    let bytes = fs::metadata(&path)?.len() / segments;
    let begun = Instant::now();
    let store = Store::open_existing(&path)?;
    let open = begun.elapsed();
    let begun = Instant::now();
    store.search(&search(&mut Rng::with_seed(1), [30, 300, WORDS]))?;
    let first = begun.elapsed();
    let usual = searches(&store, [30, 300, WORDS], &mut |_| Ok(()))?;
    let common = searches(&store, [3, 5, 10], &mut |_| Ok(()))?;
    let mut writer = Store::open(&path)?;
    writer.begin("after", PACK)?;
    let sealed = searches(&store, [30, 300, WORDS], &mut |n| {
        let rows: Vec<Row> = (0..4).map(|k| row(segments + 4 * n + k, 0)).collect();
        Ok(seal(&mut writer, "after", PACK, &rows)?)
    })?;
    Ok(format!(
        "| {segments} | {} | {} | {} | {} | {} | {} | {} | {} | {bytes} |",
        ms(usual.0),
        ms(usual.1),
        ms(common.0),
        ms(common.1),
        ms(open),
        ms(first),
        ms(sealed.0),
        ms(sealed.1)
    ))
}

/// Median and 95th of 100 times of a search, with something done before each that is not counted.
fn searches(
    store: &Store,
    ranks: [usize; 3],
    before: &mut dyn FnMut(u64) -> Done,
) -> Result<(Duration, Duration), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for n in 0..SEARCHES {
        before(n)?;
        let query = search(&mut Rng::with_seed(n), ranks);
        let begun = Instant::now();
        store.search(&query)?;
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |part: usize| times[times.len() * part / 100];
    Ok((at(50), at(95)))
}

fn insert_rate(of: usize, rows: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    let took = fill(&mut store, rows, of, 0)?;
    Ok(rows as f64 / took.as_secs_f64())
}

fn bytes_a_segment(thumbnail: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let path = folder.path().join("atom.db");
    let mut store = Store::open(&path)?;
    fill(&mut store, 10_000, 100, thumbnail)?;
    drop(store);
    Ok(size(&path)? / 10_000.0)
}

/// Lines about looking for what is no longer kept where there is nothing, and about removing a thousand segments.
fn keeping(out: &mut impl Write) -> Done {
    let folder = tempdir()?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    fill(&mut store, 100_000, 100, 0)?;
    for source in store.sources()? {
        store.set_start(&source.source, 0)?;
    }
    for (looked, keep) in [
        ("looked for by age", "1w"),
        ("looked for by number", "100000 segments"),
        ("looked for by size", "20GB"),
    ] {
        line(out, looked, 100, &mut || {
            Ok(store.expire(&keep.parse()?, JUST_BEFORE)?)
        })?;
    }
    let removed = "1000 removed, those first written";
    line(out, removed, 20, &mut || {
        Ok(store.expire(&"1 segment".parse()?, 0)?)
    })
}

/// A line with median and 95th of so many times.
fn line(
    out: &mut impl Write,
    what: &str,
    times: usize,
    work: &mut dyn FnMut() -> Result<usize, Box<dyn std::error::Error>>,
) -> Done {
    let mut took = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        work()?;
        took.push(begun.elapsed());
    }
    took.sort();
    let at = |part: usize| ms(took[took.len() * part / 100]);
    Ok(writeln!(out, "| {what} | {} | {} |", at(50), at(95))?)
}

fn size(path: &Path) -> io::Result<f64> {
    Ok(fs::metadata(path)?.len() as f64)
}

/// The part of the ten nearest by 32-bit numbers that a search by vector alone gives as its ten.
fn recall(clusters: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    let vectors: Vec<Vec<f32>> = (0..10_000).map(|n| near(n, clusters)).collect();
    let rows = (0..).zip(&vectors).map(|(n, vector): (u64, _)| Row {
        start_ms: n,
        end_ms: n + 1,
        embedding: vector.clone(),
        ..Row::default()
    });
    store.begin("all", PACK)?;
    seal(&mut store, "all", PACK, &rows.collect::<Vec<_>>())?;
    let mut kept = 0;
    for n in 0..100 {
        let wanted = near(1_000_000 + n, clusters);
        let hits = store.search(&Query {
            text: "\u{1f6aa}".to_owned(),
            vectors: of_pack(wanted.clone()),
            limit: 10,
            ..Query::default()
        })?;
        let dot =
            |at: &usize| -> f32 { vectors[*at].iter().zip(&wanted).map(|(a, b)| a * b).sum() };
        let mut nearest: Vec<usize> = (0..vectors.len()).collect();
        nearest.sort_by(|a, b| dot(b).total_cmp(&dot(a)));
        let found = |at: &&usize| hits.hits.iter().any(|hit| hit.start_ms == **at as u64);
        kept += nearest[..10].iter().filter(found).count();
    }
    Ok(kept as f64 / 1000.0)
}

/// Writes segments in seals of some; how long that took without making them.
fn fill(
    store: &mut Store,
    segments: u64,
    of: usize,
    thumbnail: usize,
) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut took = Duration::ZERO;
    for first in (0..segments).step_by(of) {
        let last = segments.min(first + of as u64);
        let rows: Vec<Row> = (first..last).map(|n| row(n, thumbnail)).collect();
        let source = format!("recordings/{:04}.mp4", first / OF_A_SOURCE);
        let begun = Instant::now();
        if first.is_multiple_of(OF_A_SOURCE) {
            store.begin(&source, PACK)?;
        }
        seal(store, &source, PACK, &rows)?;
        took += begun.elapsed();
    }
    Ok(took)
}

/// The vector of a number; with clusters, near the middle of one of them.
fn near(n: u64, clusters: u64) -> Vec<f32> {
    let own = random(&mut Rng::with_seed(n));
    if clusters == 0 {
        return own;
    }
    let middle = random(&mut Rng::with_seed(u64::MAX - n % clusters));
    unit(own.iter().zip(middle).map(|(a, b)| 0.5 * a + b).collect())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
