//! The vectors of all current rows in memory, and the flat scan over them.
//!
//! A scan of everything is exact, needs no upkeep, and is quick enough far beyond what one machine records: see the
//! measurement at the bottom. The cost is memory (1.5 kB a row at 384 numbers, 30 MB for 20,000 rows) and reading
//! it all at the first search of a process, and again at the first search after the store has changed.
//! Invariant: rows stand by source and then by start, so a smaller place is the earlier row in every tie.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Result, params};

use super::compact::floats;
use super::fuse::Scored;
use super::write::unsigned;

/// Numbers added up side by side; the compiler makes vector instructions of them, as it may not reorder one sum.
const LANES: usize = 16;

/// All current rows as they were at one moment.
#[derive(Default)]
pub(super) struct Index {
    /// When it was read; see [`Stamp`].
    stamp: Option<Stamp>,
    /// Sources in order of their names, with the time through which each is complete.
    pub(super) sources: Vec<(String, u64)>,
    /// Rows by source and start; their position is their place.
    pub(super) rows: Vec<Entry>,
    places: HashMap<i64, usize>,
    /// Vectors by their length, since packs may differ in it.
    blocks: BTreeMap<usize, Block>,
}

/// Where a row stands in time and in the store.
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) source: usize,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

/// Changes of other connections and of our own: equal stamps mean equal rows.
type Stamp = (i64, u64);

/// Vectors of one length, one after the other, and the place each belongs to.
#[derive(Default)]
struct Block {
    places: Vec<usize>,
    values: Vec<f32>,
}

impl Index {
    /// Reads all current rows; call it inside a transaction, so that all it reads is of one moment.
    pub(super) fn load(connection: &Connection) -> Result<Self> {
        let mut index = Self::default();
        let mut current = connection
            .prepare("SELECT source, pack, sealed_ms FROM current_sources ORDER BY source")?;
        let mut current = current.query([])?;
        let mut rows = connection.prepare(
            "SELECT id, start_ms, end_ms, embedding FROM segments WHERE source = ?1 AND pack = ?2 ORDER BY start_ms",
        )?;
        while let Some(source) = current.next()? {
            let name: String = source.get(0)?;
            let pack: String = source.get(1)?;
            let mut rows = rows.query(params![name, pack])?;
            while let Some(row) = rows.next()? {
                index.push(row)?;
            }
            index.sources.push((name, unsigned(source.get(2)?)));
        }
        index.stamp = Some(stamp(connection)?);
        Ok(index)
    }

    /// Whether nothing has changed since it was read.
    pub(super) fn fresh(&self, connection: &Connection) -> Result<bool> {
        Ok(self.stamp == Some(stamp(connection)?))
    }

    /// The place of the row with this id, if the row is current.
    pub(super) fn place(&self, id: i64) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The dot product of `query` with the vector of every kept row that has one of the same length.
    pub(super) fn similarities(&self, query: &[f32], kept: &[bool]) -> Vec<Scored> {
        let Some(block) = self.blocks.get(&query.len()).filter(|_| !query.is_empty()) else {
            return Vec::new();
        };
        block
            .places
            .iter()
            .zip(block.values.chunks_exact(query.len()))
            .filter(|(place, _)| kept[**place])
            .map(|(place, vector)| (*place, f64::from(dot(query, vector))))
            .filter(|(_, similarity)| similarity.is_finite())
            .collect()
    }

    fn push(&mut self, row: &rusqlite::Row) -> Result<()> {
        let place = self.rows.len();
        let id = row.get(0)?;
        self.rows.push(Entry {
            id,
            source: self.sources.len(),
            start_ms: unsigned(row.get(1)?),
            end_ms: unsigned(row.get(2)?),
        });
        self.places.insert(id, place);
        let blob = row.get_ref(3)?.as_blob()?;
        let block = self.blocks.entry(blob.len().saturating_sub(4)).or_default();
        block.places.push(place);
        block.values.extend(floats(blob));
        Ok(())
    }
}

/// `data_version` moves with the commits of others, `total_changes` with our own.
fn stamp(connection: &Connection) -> Result<Stamp> {
    let others = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
    Ok((others, connection.total_changes()))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::testing::{row, store};
    use super::super::{Query, Row, Seal, Store};
    use super::*;

    #[test]
    fn the_dot_product_counts_every_number_once() {
        for length in [0, 1, 15, 16, 17, 384] {
            let ones = vec![1.0; length];
            let counting: Vec<f32> = (0..length).map(|n| n as f32).collect();
            assert_eq!(dot(&ones, &counting), counting.iter().sum::<f32>());
        }
    }

    #[test]
    fn vectors_of_another_length_and_those_with_no_number_are_left_out() {
        let (mut store, _folder) = store();
        store.begin("door", "a").unwrap();
        let rows = [vec![1.0, 0.0], vec![1.0], vec![], vec![f32::NAN, 1.0]];
        let rows = rows.into_iter().enumerate().map(|(n, embedding)| Row {
            embedding,
            ..row(n as u64, "x")
        });
        store
            .seal("door", "a", Seal::of(&rows.collect::<Vec<_>>(), 9))
            .unwrap();
        let index = Index::load(&store.connection).unwrap();
        assert_eq!(index.similarities(&[0.5, 0.5], &[true; 4]), [(0, 0.5)]);
        assert!(index.similarities(&[0.5, 0.5], &[false; 4]).is_empty());
        assert!(index.similarities(&[], &[true; 4]).is_empty());
        assert!(index.similarities(&[0.0; 7], &[true; 4]).is_empty());
    }

    #[test]
    fn it_is_fresh_until_this_or_another_connection_writes() {
        let (mut store, folder) = store();
        let index = Index::load(&store.connection).unwrap();
        assert!(index.fresh(&store.connection).unwrap());
        let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
        other.begin("door", "a").unwrap();
        assert!(!index.fresh(&store.connection).unwrap());
        let index = Index::load(&store.connection).unwrap();
        store
            .seal("door", "a", Seal::of(&[row(0, "x")], 1))
            .unwrap();
        assert!(!index.fresh(&store.connection).unwrap());
    }

    const NOUNS: [&str; 8] = [
        "ball", "dog", "person", "door", "car", "tree", "cup", "rain",
    ];

    /// A row whose words and vector follow from `n` alone.
    fn synthetic(n: u64) -> Row {
        let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut vector: Vec<f32> = (0..384).map(|_| next()).collect();
        let length = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
        let noun = |shift: u64| NOUNS[(n >> shift) as usize % NOUNS.len()];
        let caption = format!("a {} beside a {} near number{n}", noun(0), noun(3));
        Row {
            tags: noun(6).to_owned(),
            embedding: vector,
            ..row(n * 4000, &caption)
        }
    }

    /// Run with `cargo test --release -- --ignored --nocapture a_search_over`. It decides whether a flat scan is
    /// enough: 20,000 rows are 22 hours of segments of four seconds.
    #[test]
    #[ignore = "a measurement"]
    #[expect(clippy::print_stderr, reason = "it reports what it measured")]
    fn a_search_over_20_000_rows_takes_milliseconds() {
        let (mut store, _folder) = store();
        store.begin("door", "a").unwrap();
        let rows: Vec<Row> = (0..20_000).map(synthetic).collect();
        for batch in rows.chunks(1000) {
            store.seal("door", "a", Seal::of(batch, 1)).unwrap();
        }
        let mut times: Vec<Duration> = (0..101u64)
            .map(|n| {
                let query = Query {
                    text: format!("a {} number{n}", NOUNS[n as usize % NOUNS.len()]),
                    vector: Some(synthetic(n).embedding),
                    limit: 10,
                    ..Query::default()
                };
                let start = Instant::now();
                let hits = store.search(&query).unwrap();
                assert_eq!(hits.hits[0].start_ms, n * 4000);
                start.elapsed()
            })
            .collect();
        let first = times.remove(0);
        times.sort();
        eprintln!("first {first:?}, p50 {:?}, p95 {:?}", times[50], times[95]);
    }
}
