//! Synthetic segments, for measuring the index and its queries at sizes for which there are no recordings.
//!
//! The number of a segment determines all of it. Captions are ten words of 2,000 with the frequencies of natural language
//! (Zipf), so that some words are in most rows. Vectors are random, or near one of 100 topics, which queries ask for.

use std::{collections::BTreeMap, path::Path};

use atom_models::{ModelError, Pack, TextEncoder};
use atom_operators::{
    standing::query::QuerySpec,
    start_time::{StartOrigin, StartTime},
};
use fastrand::Rng;

use atom_index::{
    PackScorer, Query, Row, Seal, StandingQueryMaintainer, Store, StoreError, pack_id,
};

/// Dimensions of a vector.
pub const DIMENSIONS: usize = 384;
/// Size of the vocabulary.
pub const WORDS: usize = 2000;
/// The pack of segments with random words.
pub const PACK: &str = "mini-1-0";
/// Number of topics.
const TOPICS: u64 = 100;

/// Returns a segment with random words, random vectors, and a thumbnail of `thumbnail` bytes.
pub fn row(n: u64, thumbnail: usize) -> Row {
    let mut rng = Rng::with_seed(n);
    let words = |rng: &mut Rng, count: usize| -> Vec<String> {
        (0..count).map(|_| word(zipf(rng, WORDS))).collect()
    };
    let caption = words(&mut rng, 10).join(" ");
    let tags = words(&mut rng, 5).join(", ");
    Row {
        start_ms: n * 4000,
        end_ms: n * 4000 + 4000,
        caption: Some(format!("{caption} number{n}")),
        tags,
        embedding: random_vector(&mut rng),
        caption_embedding: random_vector(&mut rng),
        concepts: (0..100).map(|_| rng.f32()).collect(),
        thumbnail: (0..thumbnail).map(|_| rng.u8(..)).collect(),
        ..Row::default()
    }
}

/// Returns a search for a vector and three words, each among the `ranks` most frequent ones.
pub fn search(rng: &mut Rng, ranks: [usize; 3]) -> Query {
    Query {
        text: ranks.map(|rank| word(rng.usize(..rank))).join(" "),
        vectors: query_vectors(random_vector(rng)),
        limit: 10,
        ..Query::default()
    }
}

/// Returns a query vector for the pack of segments with random words.
pub fn query_vectors(vector: Vec<f32>) -> BTreeMap<String, Vec<f32>> {
    BTreeMap::from([(pack_id(PACK).to_owned(), vector)])
}

fn word(rank: usize) -> String {
    format!("word{rank}x")
}

/// Returns a rank below `most`, with a frequency that falls with 1 / rank.
fn zipf(rng: &mut Rng, most: usize) -> usize {
    ((most as f64 + 1.0).powf(rng.f64()) - 1.0) as usize
}

/// Returns a unit vector in a random direction.
pub fn random_vector(rng: &mut Rng) -> Vec<f32> {
    // The sum of some uniform numbers is nearly normal.
    let normal = |rng: &mut Rng| (0..6).map(|_| rng.f32() - 0.5).sum::<f32>();
    normalized((0..DIMENSIONS).map(|_| normal(rng)).collect())
}

/// Returns a vector in the same direction with length 1.
pub fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Seals segments of a source that the index has started.
///
/// # Errors
/// If the index cannot be written.
pub fn seal(store: &mut Store, source: &str, pack: &str, rows: &[Row]) -> Result<(), StoreError> {
    let end = rows.last().map_or(0, |row| row.end_ms);
    store.seal(source, pack, Seal::of(rows, end))
}

/// Indexes whose segments are about topics.
pub struct TopicIndex {
    topics: Vec<Vec<f32>>,
    pack: String,
}

impl TopicIndex {
    /// Creates such indexes for segments of this pack.
    pub fn new(pack: &Pack) -> Self {
        Self {
            topics: (0..TOPICS).map(topic_vector).collect(),
            pack: format!("{}-00000000", pack.id()),
        }
    }

    /// Creates an index with segments of one source.
    ///
    /// # Errors
    /// If the index cannot be written.
    pub fn create(&self, path: &Path, segments: u64) -> Result<Store, StoreError> {
        let mut store = Store::open(path)?;
        store.begin("door", &self.pack)?;
        store.set_start(
            "door",
            StartTime {
                utc_ms: 0,
                origin: StartOrigin::Clock,
            },
        )?;
        for first in (0..segments).step_by(1000) {
            self.seal(&mut store, first..segments.min(first + 1000))?;
        }
        Ok(store)
    }

    /// Seals the segments of these numbers.
    ///
    /// # Errors
    /// If the index cannot be written.
    pub fn seal(&self, store: &mut Store, numbers: std::ops::Range<u64>) -> Result<(), StoreError> {
        let rows: Vec<Row> = numbers.map(|n| self.row(n)).collect();
        seal(store, "door", &self.pack, &rows)
    }

    fn row(&self, number: u64) -> Row {
        let mut rng = Rng::with_seed(number);
        let topic = &self.topics[rng.usize(0..self.topics.len())];
        let near: Vec<f32> = topic.iter().map(|x| x + (rng.f32() - 0.5) * 0.06).collect();
        Row {
            start_ms: number * 4000,
            end_ms: number * 4000 + 4000,
            caption: Some("A van is parked at a gate.".to_owned()),
            tags: format!("van, gate, thing {}", rng.u8(0..50)),
            embedding: normalized(near),
            ..Row::default()
        }
    }
}

/// Opens the maintainer of standing queries over an index of topics.
///
/// # Errors
/// If the index cannot be opened.
pub fn open_maintainer(path: &Path, pack: &Pack) -> Result<StandingQueryMaintainer, StoreError> {
    let scorer = PackScorer::new(pack, Box::new(TopicEncoder));
    Ok(StandingQueryMaintainer::new(
        Store::open(path)?,
        Some(scorer),
    ))
}

/// Returns standing queries, each about a topic.
pub fn topic_queries(count: u64) -> Vec<(String, QuerySpec)> {
    (0..count)
        .map(|n| (format!("q{n}"), topic_query(n)))
        .collect()
}

/// Returns a standing query about a topic.
pub fn topic_query(n: u64) -> QuerySpec {
    QuerySpec::new(&format!("topic {n}"))
}

/// A text encoder that embeds the number of a topic.
struct TopicEncoder;

impl TextEncoder for TopicEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        Ok(match digits.parse::<u64>() {
            Ok(number) => topic_vector(number % TOPICS),
            Err(_) => vec![0.0; DIMENSIONS],
        })
    }
}

fn topic_vector(number: u64) -> Vec<f32> {
    let mut rng = Rng::with_seed(number);
    normalized((0..DIMENSIONS).map(|_| rng.f32() - 0.5).collect())
}
