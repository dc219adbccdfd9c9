//! Segments that are made up, for measuring the store and its queries at sizes that nobody has recordings for.
//!
//! Everything follows from the number of a segment. Captions are ten words of 2,000 whose frequency falls as in language (Zipf), so
//! that some words are in most rows. Vectors point anywhere, or near one of 100 topics, which queries are about.

use std::{collections::BTreeMap, path::Path};

use atom_models::{ModelError, Pack, TextEncoder};
use atom_operators::query::QuerySpec;
use fastrand::Rng;

use atom_index::{Lookout, Query, Row, Scale, Seal, Store, StoreError, id_of};

/// Numbers of a vector.
pub const LENGTH: usize = 384;
/// Words there are.
pub const WORDS: usize = 2000;
/// What segments with words are stored under.
pub const PACK: &str = "mini-1-0";
const TOPICS: u64 = 100;

/// A segment with words, a vector in no direction, and a thumbnail of so many bytes.
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
        embedding: random(&mut rng),
        caption_embedding: random(&mut rng),
        concepts: (0..100).map(|_| rng.f32()).collect(),
        thumbnail: (0..thumbnail).map(|_| rng.u8(..)).collect(),
        ..Row::default()
    }
}

/// A search for three words, each among so many of the most frequent, and for a vector.
pub fn search(rng: &mut Rng, ranks: [usize; 3]) -> Query {
    Query {
        text: ranks.map(|rank| word(rng.usize(..rank))).join(" "),
        vectors: of_pack(random(rng)),
        limit: 10,
        ..Query::default()
    }
}

/// A vector as the one of the pack that made the rows with words.
pub fn of_pack(vector: Vec<f32>) -> BTreeMap<String, Vec<f32>> {
    BTreeMap::from([(id_of(PACK).to_owned(), vector)])
}

fn word(rank: usize) -> String {
    format!("word{rank}x")
}

/// A rank below `most`, the first ones far more often: their frequency falls with 1 / rank.
fn zipf(rng: &mut Rng, most: usize) -> usize {
    ((most as f64 + 1.0).powf(rng.f64()) - 1.0) as usize
}

/// A vector of length 1 in no direction.
pub fn random(rng: &mut Rng) -> Vec<f32> {
    // The sum of some even numbers is nearly normal.
    let normal = |rng: &mut Rng| (0..6).map(|_| rng.f32() - 0.5).sum::<f32>();
    unit((0..LENGTH).map(|_| normal(rng)).collect())
}

/// The same vector with length 1.
pub fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}

/// Seals segments, whose source must have begun.
///
/// # Errors
/// If the store cannot be written.
pub fn seal(store: &mut Store, source: &str, pack: &str, rows: &[Row]) -> Result<(), StoreError> {
    let end = rows.last().map_or(0, |row| row.end_ms);
    store.seal(source, pack, Seal::of(rows, end))
}

/// A store whose segments are about topics, as if a pack had made them.
pub struct Topical {
    topics: Vec<Vec<f32>>,
    pack: String,
}

impl Topical {
    /// As if this pack had made them.
    pub fn new(pack: &Pack) -> Self {
        Self {
            topics: (0..TOPICS).map(topic).collect(),
            pack: format!("{}-00000000", pack.id()),
        }
    }

    /// A new store with so many segments of one source.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn store(&self, path: &Path, segments: u64) -> Result<Store, StoreError> {
        let mut store = Store::open(path)?;
        store.begin("door", &self.pack)?;
        store.set_start("door", 0)?;
        for first in (0..segments).step_by(1000) {
            self.seal(&mut store, first..segments.min(first + 1000))?;
        }
        Ok(store)
    }

    /// Seals the segments of these numbers in it.
    ///
    /// # Errors
    /// If it cannot be written.
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
            embedding: unit(near),
            ..Row::default()
        }
    }
}

/// Who follows a store with such segments.
///
/// # Errors
/// If the store cannot be opened.
pub fn lookout(path: &Path, pack: &Pack) -> Result<Lookout, StoreError> {
    let scale = Scale::new(pack, Box::new(Topics));
    Ok(Lookout::new(Store::open(path)?, Some(scale)))
}

/// So many standing queries, each about a topic.
pub fn queries(count: u64) -> Vec<(String, QuerySpec)> {
    (0..count).map(|n| (format!("q{n}"), about(n))).collect()
}

/// A standing query about a topic.
pub fn about(n: u64) -> QuerySpec {
    QuerySpec::of(&format!("topic {n}"))
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
    unit((0..LENGTH).map(|_| rng.f32() - 0.5).collect())
}
