//! Ranks rows by words: BM25 over captions, tags and answers together.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with k1 = 1.2 and b = 0.75. The
//! full-text index tells which rows have a word; the sums are made here, because SQLite's own `bm25` looks up every row that
//! matches (2 microseconds each) and common words are in most of them.
//! Two things are counted more coarsely than the formula asks: a phrase, and a word that occurs more than `MAX_COUNTED` times,
//! count once in each row that has them. Either way every row that matches is ranked, and the cost is bounded.

use std::collections::BTreeSet;

use rusqlite::{Connection, Result};

use super::cached_rows::SearchCache;
use super::rank_fusion::ScoredRow;
use super::tokenizer::Tokenizer;

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// A word that occurs more often than this counts once in each row.
const MAX_COUNTED: usize = 10_000;

/// Makes the words of each row readable; call it once for each connection, outside of any transaction.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    connection.execute_batch(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.row_words USING fts5vocab(main, segments_fts, instance)",
    )
}

/// The full-text index at one moment, with the rows it indexes.
pub(super) struct WordIndex<'s> {
    pub(super) moment: &'s Connection,
    pub(super) tokenizer: &'s Tokenizer,
    pub(super) cache: &'s SearchCache,
}

impl WordIndex<'_> {
    /// Scores rows by how well they match any of some expressions. The statistics are those of the `known` rows; only `kept` ones
    /// are returned.
    pub(super) fn rank(
        &self,
        expressions: &[String],
        known: &[bool],
        kept: &[bool],
    ) -> Result<Vec<ScoredRow>> {
        let lengths = RowLengths::of(self.cache, known);
        let mut scores = vec![0.0; self.cache.rows.len()];
        let mut seen = BTreeSet::new();
        for expression in expressions {
            let words = self.tokenizer.words(expression)?;
            if !seen.insert(words.clone()) {
                continue;
            }
            let mut found = self.occurrences(expression, &words)?;
            found.retain(|(position, _)| known[*position]);
            let rarity = lengths.inverse_document_frequency(found.len());
            for (position, times) in found {
                let weight = lengths.term_weight(times, self.cache.rows[position].words);
                scores[position] += rarity * weight;
            }
        }
        let scores = scores.into_iter().enumerate();
        Ok(scores
            .filter(|(position, score)| *score > 0.0 && kept[*position])
            .collect())
    }

    /// Returns positions of the current rows that match a full-text expression.
    pub(super) fn matches(&self, expression: &str) -> Result<Vec<usize>> {
        let mut matches = self
            .moment
            .prepare("SELECT rowid FROM segments_fts WHERE segments_fts MATCH ?1")?;
        let mut found = matches.query([expression])?;
        let mut positions = Vec::new();
        while let Some(row) = found.next()? {
            positions.extend(self.cache.position(row.get(0)?));
        }
        Ok(positions)
    }

    /// Returns positions of the current rows that match an expression of these words, with how often.
    fn occurrences(&self, expression: &str, words: &[String]) -> Result<Vec<(usize, u32)>> {
        if let [word] = words
            && let Some(counted) = self.count(word)?
        {
            return Ok(counted);
        }
        let found = self.matches(expression)?.into_iter();
        Ok(found.map(|position| (position, 1)).collect())
    }

    /// Counts a word in each current row; `None` if it occurs too often to be counted.
    fn count(&self, word: &str) -> Result<Option<Vec<(usize, u32)>>> {
        // This table is sorted by row, so occurrences in one row come together.
        let mut rows = self
            .moment
            .prepare("SELECT doc FROM temp.row_words WHERE term = ?1")?;
        let mut rows = rows.query([word])?;
        let (mut counts, mut seen, mut last) = (Vec::<(usize, u32)>::new(), 0, None);
        while let Some(row) = rows.next()? {
            seen += 1;
            if seen > MAX_COUNTED {
                return Ok(None);
            }
            let id: i64 = row.get(0)?;
            match counts.last_mut().filter(|_| last == Some(id)) {
                Some((_, count)) => *count += 1,
                None => {
                    let Some(position) = self.cache.position(id) else {
                        continue;
                    };
                    counts.push((position, 1));
                    last = Some(id);
                }
            }
        }
        Ok(Some(counts))
    }
}

/// The number of rows, and their mean length in words.
struct RowLengths {
    rows: f64,
    mean: f64,
}

impl RowLengths {
    fn of(cache: &SearchCache, known: &[bool]) -> Self {
        let known = cache.rows.iter().zip(known).filter(|(_, known)| **known);
        let (rows, words) = known.fold((0u64, 0u64), |(rows, words), (row, _)| {
            (rows + 1, words + u64::from(row.words))
        });
        Self {
            rows: rows as f64,
            mean: (words as f64 / rows.max(1) as f64).max(1.0),
        }
    }

    /// Returns the weight of a word that this many rows have; always positive.
    fn inverse_document_frequency(&self, rows: usize) -> f64 {
        let rows = rows as f64;
        (1.0 + (self.rows - rows + 0.5) / (rows + 0.5)).ln()
    }

    /// Returns the saturated weight of a word that occurs `times` among `words`.
    fn term_weight(&self, times: u32, words: u32) -> f64 {
        let times = f64::from(times);
        let long = K1 * (1.0 - B + B * f64::from(words) / self.mean);
        times * (K1 + 1.0) / (times + long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{row, seal, store};

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
        let mut cache = SearchCache::default();
        cache.refresh(&store.connection).unwrap();
        prepare(&store.connection).unwrap();
        let words = ["\"red\"", "\"ball\"", "\"balls\""].map(str::to_owned);
        let all = vec![true; 5];
        let index = WordIndex {
            moment: &store.connection,
            tokenizer: &Tokenizer::new().unwrap(),
            cache: &cache,
        };
        let mut ranked = index.rank(&words, &all, &all).unwrap();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ours: Vec<_> = ranked
            .iter()
            .map(|(position, _)| cache.rows[*position].id)
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
        let kept = index.rank(&words, &all, &some).unwrap();
        assert_eq!(kept.len(), 3);
        assert!(
            ranked.contains(&kept[0]),
            "rows that are left out still count in the statistics"
        );
    }
}
