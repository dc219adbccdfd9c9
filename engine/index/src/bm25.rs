//! Rows ranked by words: BM25 over captions, tags and answers together.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with k1 = 1.2 and b = 0.75. The
//! full text gives which rows a word is in; the sums are made here, because SQLite's own `bm25` looks up every row that
//! matches (2 microseconds each) and common words are in most of them.
//! Two things are counted more coarsely than the formula asks: a phrase, and a word that is there more than `MOST_COUNTED` times,
//! count once in each row that has them. Either way every row that matches is ranked, and the cost is bounded.

use std::collections::BTreeSet;

use rusqlite::{Connection, Result};

use super::fuse::Scored;
use super::index::Index;

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// A word that is there more often than this counts once in each row.
const MOST_COUNTED: usize = 10_000;

/// Splits words as the full text does; it stems them too.
pub(super) struct Speller {
    connection: Connection,
}

impl Speller {
    pub(super) fn new() -> Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE VIRTUAL TABLE text USING fts5(word, tokenize = 'porter unicode61');
             CREATE VIRTUAL TABLE words USING fts5vocab(text, instance);",
        )?;
        Ok(Self { connection })
    }

    /// The words of the full text that a text is made of, in order.
    fn words(&self, text: &str) -> Result<Vec<String>> {
        self.connection.execute("DELETE FROM text", [])?;
        self.connection
            .execute("INSERT INTO text VALUES (?1)", [text])?;
        let mut words = self
            .connection
            .prepare("SELECT term FROM words ORDER BY offset")?;
        words.query_map([], |row| row.get(0))?.collect()
    }
}

/// Makes the words of each row readable; once for each connection, outside of any transaction.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.spoken USING fts5vocab(main, segments_fts, instance)",
    )
}

/// Rows by how well they match any of some expressions. Only `known` rows count for anything, only `kept` ones are given.
pub(super) fn rank(
    moment: &Connection,
    speller: &Speller,
    index: &Index,
    expressions: &[String],
    (known, kept): (&[bool], &[bool]),
) -> Result<Vec<Scored>> {
    let lengths = Lengths::of(index, known);
    let mut scores = vec![0.0; index.rows.len()];
    let mut seen = BTreeSet::new();
    for expression in expressions {
        let words = speller.words(expression)?;
        if !seen.insert(words.clone()) {
            continue;
        }
        let counted = match &words[..] {
            [word] => times(moment, index, word)?,
            _ => None,
        };
        let mut found = match counted {
            Some(counted) => counted,
            None => {
                let found = matches(moment, index, expression)?;
                found.into_iter().map(|place| (place, 1)).collect()
            }
        };
        found.retain(|(place, _)| known[*place]);
        let rarity = lengths.rarity(found.len());
        for (place, times) in found {
            scores[place] += rarity * lengths.weight(times, index.rows[place].words);
        }
    }
    let scores = scores.into_iter().enumerate();
    Ok(scores
        .filter(|(place, score)| *score > 0.0 && kept[*place])
        .collect())
}

/// Places of the current rows that match a full-text expression.
pub(super) fn matches(moment: &Connection, index: &Index, expression: &str) -> Result<Vec<usize>> {
    let mut matches =
        moment.prepare("SELECT rowid FROM segments_fts WHERE segments_fts MATCH ?1")?;
    let mut found = matches.query([expression])?;
    let mut places = Vec::new();
    while let Some(row) = found.next()? {
        places.extend(index.place(row.get(0)?));
    }
    Ok(places)
}

/// Places of the current rows that have a word, with how often; nothing if it is there too often to be counted.
fn times(moment: &Connection, index: &Index, word: &str) -> Result<Option<Vec<(usize, u32)>>> {
    // The rows of this table come by row: what belongs together stands together.
    let mut rows = moment.prepare("SELECT doc FROM temp.spoken WHERE term = ?1")?;
    let mut rows = rows.query([word])?;
    let (mut times, mut seen, mut last) = (Vec::<(usize, u32)>::new(), 0, None);
    while let Some(row) = rows.next()? {
        seen += 1;
        if seen > MOST_COUNTED {
            return Ok(None);
        }
        let id: i64 = row.get(0)?;
        match times.last_mut().filter(|_| last == Some(id)) {
            Some((_, times)) => *times += 1,
            None => {
                let Some(place) = index.place(id) else {
                    continue;
                };
                times.push((place, 1));
                last = Some(id);
            }
        }
    }
    Ok(Some(times))
}

/// How many rows there are, and how long they are on the average.
struct Lengths {
    rows: f64,
    mean: f64,
}

impl Lengths {
    fn of(index: &Index, known: &[bool]) -> Self {
        let known = index.rows.iter().zip(known).filter(|(_, known)| **known);
        let (rows, words) = known.fold((0u64, 0u64), |(rows, words), (row, _)| {
            (rows + 1, words + u64::from(row.words))
        });
        Self {
            rows: rows as f64,
            mean: (words as f64 / rows.max(1) as f64).max(1.0),
        }
    }

    /// What a word that is in so many rows tells; never nothing, never less.
    fn rarity(&self, rows: usize) -> f64 {
        let rows = rows as f64;
        (1.0 + (self.rows - rows + 0.5) / (rows + 0.5)).ln()
    }

    /// What so many times among so many words come to.
    fn weight(&self, times: u32, words: u32) -> f64 {
        let times = f64::from(times);
        let long = K1 * (1.0 - B + B * f64::from(words) / self.mean);
        times * (K1 + 1.0) / (times + long)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{row, seal, store};
    use super::*;

    #[test]
    fn words_are_split_and_stemmed_as_the_full_text_does_it() {
        let speller = Speller::new().unwrap();
        assert_eq!(
            speller.words("\"Bouncing balls\"").unwrap(),
            ["bounc", "ball"]
        );
        assert_eq!(speller.words("\"well-known\"").unwrap(), ["well", "known"]);
        assert!(speller.words("🚪").unwrap().is_empty());
    }

    #[test]
    fn the_ranking_is_that_of_sqlite() {
        let (mut store, _folder) = store();
        let captions = [
            "a red ball",
            "a ball, a ball by a red wall",
            "rain",
            "red",
            "x ball y z",
        ];
        let rows: Vec<_> = (0..).zip(captions).map(|(n, text)| row(n, text)).collect();
        seal(&mut store, "door", &rows, 9);
        let mut index = Index::default();
        index.refresh(&store.connection).unwrap();
        prepare(&store.connection).unwrap();
        let words = [
            "\"red\"".to_owned(),
            "\"ball\"".to_owned(),
            "\"balls\"".to_owned(),
        ];
        let all = vec![true; 5];
        let speller = Speller::new().unwrap();
        let mut ranked = rank(&store.connection, &speller, &index, &words, (&all, &all)).unwrap();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ours: Vec<_> = ranked
            .iter()
            .map(|(place, _)| index.rows[*place].id)
            .collect();
        let mut theirs = store
            .connection
            .prepare("SELECT rowid FROM segments_fts WHERE segments_fts MATCH 'red OR ball' ORDER BY rank")
            .unwrap();
        let theirs: Vec<i64> = theirs
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(ours, theirs);
        let some = [false, true, true, true, true];
        let kept = rank(&store.connection, &speller, &index, &words, (&all, &some)).unwrap();
        assert_eq!(kept.len(), 3);
        assert!(
            ranked.contains(&kept[0]),
            "what is left out counts for the rest all the same"
        );
    }
}
