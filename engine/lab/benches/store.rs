//! Measures the index at size: searches of 1,000, 10,000 and 100,000 segments, writes, size on disk, removal, and the
//! recall of quantized vectors. Writes a section of Markdown to stdout.
//!
//! These results would change a decision: if the median search of 100,000 segments takes longer than 30 ms, a flat scan
//! over all vectors and BM25 over all rows are too slow; if fewer than nine of the ten nearest remain, 8 bits per dimension
//! are too few. The segments are synthetic (`bench::synthetic_segments`), with fixed seeds.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use atom_index::{Query, Row, Store};
use atom_lab::bench::synthetic_segments::{
    DIMENSIONS, PACK, WORDS, normalized, query_vectors, random_vector, row, seal, search,
};
use atom_operators::start_time::{StartOrigin, StartTime};
use fastrand::Rng;
use tempfile::tempdir;

/// Number of searches of each kind.
const SEARCHES: u64 = 200;
/// Segments per source.
const SEGMENTS_PER_SOURCE: u64 = 900;

/// A week and a millisecond after the start of all sources, in milliseconds: each is checked, and no segment is older than
/// a week.
const CHECK_TIME: i64 = 604_800_001;

type BenchResult = Result<(), Box<dyn std::error::Error>>;

fn main() -> BenchResult {
    let mut out = io::stdout().lock();
    writeln!(out, "## Size of the index\n")?;
    writeln!(
        out,
        "Search times and sizes of synthetic indexes, in which every segment has a frame vector and a caption vector of {DIMENSIONS} numbers. A query has three words and a vector.\n"
    )?;
    writeln!(
        out,
        "| segments | search p50 | p95 | common words p50 | p95 | open | first search | after a seal p50 | p95 | bytes per segment |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for segments in [1000, 10_000, 100_000] {
        writeln!(out, "{}", at_size(segments)?)?;
    }
    writeln!(out, "\n| written | rows per second |\n|---|---|")?;
    for (of, rows) in [(4, 4000), (100, 20_000)] {
        writeln!(out, "| in seals of {of} | {:.0} |", insert_rate(of, rows)?)?;
    }
    let bare = bytes_per_segment(0)?;
    let with_thumbnails = bytes_per_segment(4096)?;
    writeln!(
        out,
        "\nIn an index of 10,000 segments, each takes {bare:.0} bytes, or {with_thumbnails:.0} with thumbnails of 4 kB.\n"
    )?;
    writeln!(
        out,
        "| retention with 100,000 segments | p50 | p95 |\n|---|---|---|"
    )?;
    measure_retention(&mut out)?;
    writeln!(
        out,
        "\n| vectors | recall of the ten nearest with 8-bit vectors |\n|---|---|"
    )?;
    writeln!(out, "| random | {:.3} |", recall(0)?)?;
    writeln!(out, "| in 100 clusters | {:.3} |", recall(100)?)?;
    Ok(())
}

/// Returns a row of the table of searches.
fn at_size(segments: u64) -> Result<String, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let path = folder.path().join("atom.db");
    let mut writer = Store::open(&path)?;
    fill(&mut writer, segments, 100, 0)?;
    drop(writer);
    let bytes = fs::metadata(&path)?.len() / segments;
    let start = Instant::now();
    let store = Store::open_existing(&path)?;
    let open = start.elapsed();
    let start = Instant::now();
    store.search(&search(&mut Rng::with_seed(1), [30, 300, WORDS]))?;
    let first = start.elapsed();
    let all_words = searches(&store, [30, 300, WORDS], &mut |_| Ok(()))?;
    let common_words = searches(&store, [3, 5, 10], &mut |_| Ok(()))?;
    let mut writer = Store::open(&path)?;
    writer.begin("after", PACK)?;
    let sealed = searches(&store, [30, 300, WORDS], &mut |n| {
        let rows: Vec<Row> = (0..4).map(|k| row(segments + 4 * n + k, 0)).collect();
        Ok(seal(&mut writer, "after", PACK, &rows)?)
    })?;
    Ok(format!(
        "| {segments} | {} | {} | {} | {} | {} | {} | {} | {} | {bytes} |",
        ms(all_words.0),
        ms(all_words.1),
        ms(common_words.0),
        ms(common_words.1),
        ms(open),
        ms(first),
        ms(sealed.0),
        ms(sealed.1)
    ))
}

/// Returns the median and the 95th percentile of searches. `before` runs before each and is not counted.
fn searches(
    store: &Store,
    ranks: [usize; 3],
    before: &mut dyn FnMut(u64) -> BenchResult,
) -> Result<(Duration, Duration), Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for n in 0..SEARCHES {
        before(n)?;
        let query = search(&mut Rng::with_seed(n), ranks);
        let start = Instant::now();
        store.search(&query)?;
        times.push(start.elapsed());
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

fn bytes_per_segment(thumbnail: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let folder = tempdir()?;
    let path = folder.path().join("atom.db");
    let mut store = Store::open(&path)?;
    fill(&mut store, 10_000, 100, thumbnail)?;
    drop(store);
    Ok(size(&path)? / 10_000.0)
}

/// Writes the time to check for expired segments where there are none, and to remove a thousand segments.
fn measure_retention(out: &mut impl Write) -> BenchResult {
    let folder = tempdir()?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    fill(&mut store, 100_000, 100, 0)?;
    for source in store.sources()? {
        store.set_start(
            &source.source,
            StartTime {
                utc_ms: 0,
                origin: StartOrigin::Clock,
            },
        )?;
    }
    for (check, keep) in [
        ("check by age", "1w"),
        ("check by number", "100000 segments"),
        ("check by size", "20GB"),
    ] {
        write_times(out, check, 100, &mut || {
            Ok(store.expire(&keep.parse()?, CHECK_TIME)?)
        })?;
    }
    let removed = "remove the 1000 oldest";
    write_times(out, removed, 20, &mut || {
        Ok(store.expire(&"1 segment".parse()?, 0)?)
    })
}

/// Writes a row with the median and the 95th percentile of repeated work.
fn write_times(
    out: &mut impl Write,
    name: &str,
    times: usize,
    work: &mut dyn FnMut() -> Result<usize, Box<dyn std::error::Error>>,
) -> BenchResult {
    let mut took = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        work()?;
        took.push(start.elapsed());
    }
    took.sort();
    let at = |part: usize| ms(took[took.len() * part / 100]);
    Ok(writeln!(out, "| {name} | {} | {} |", at(50), at(95))?)
}

fn size(path: &Path) -> io::Result<f64> {
    Ok(fs::metadata(path)?.len() as f64)
}

/// Returns the share of the ten nearest by 32-bit numbers that a search by vector alone returns.
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
    let mut recalled = 0;
    for n in 0..100 {
        let wanted = near(1_000_000 + n, clusters);
        let hits = store.search(&Query {
            text: "\u{1f6aa}".to_owned(),
            vectors: query_vectors(wanted.clone()),
            limit: 10,
            ..Query::default()
        })?;
        let dot =
            |at: &usize| -> f32 { vectors[*at].iter().zip(&wanted).map(|(a, b)| a * b).sum() };
        let mut nearest: Vec<usize> = (0..vectors.len()).collect();
        nearest.sort_by(|a, b| dot(b).total_cmp(&dot(a)));
        let found = |at: &&usize| hits.hits.iter().any(|hit| hit.start_ms == **at as u64);
        recalled += nearest[..10].iter().filter(found).count();
    }
    Ok(recalled as f64 / 1000.0)
}

/// Writes segments, `of` in a seal, and returns the time without generating them.
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
        let source = format!("recordings/{:04}.mp4", first / SEGMENTS_PER_SOURCE);
        let start = Instant::now();
        if first.is_multiple_of(SEGMENTS_PER_SOURCE) {
            store.begin(&source, PACK)?;
        }
        seal(store, &source, PACK, &rows)?;
        took += start.elapsed();
    }
    Ok(took)
}

/// Returns the vector of a number; with clusters, near the centre of one of them.
fn near(n: u64, clusters: u64) -> Vec<f32> {
    let own = random_vector(&mut Rng::with_seed(n));
    if clusters == 0 {
        return own;
    }
    let centre = random_vector(&mut Rng::with_seed(u64::MAX - n % clusters));
    normalized(own.iter().zip(centre).map(|(a, b)| 0.5 * a + b).collect())
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
