//! A query from its text to its hits.
//!
//! Words are ranked by BM25, vectors by cosine; `fuse` makes one ranking of the two. Rows that the query's source,
//! span or minus words leave out take no part in either ranking.
//! A vector is like every other to some degree, so with a vector there are always `limit` hits while rows last; it is
//! their order that says something.
//! Invariant: everything an answer holds, hits and completeness, is of one moment of the store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Result};

use super::fuse::{Scored, fuse};
use super::read::shown_text;
use super::vectors::Index;
use super::words::Words;
use super::{Hit, Hits, Query, Store, StoreError};
use crate::source::standing::utc;

/// Names of known sources that an error lists.
const MOST_NAMES: usize = 8;

impl Store {
    /// The best segments for `query`, and how far each source is complete.
    ///
    /// Costs one look into the full text and one pass over all vectors; the first call of a process, and the first
    /// after a change, also read all vectors from disk.
    ///
    /// # Errors
    /// When the query asks for nothing (no word, limit 0, a span that ends before it begins), names a source that is
    /// not there, or the store cannot be read.
    pub fn search(&self, query: &Query) -> std::result::Result<Hits, StoreError> {
        let words = query.check()?;
        let told = StoreError::at(&self.path, "search");
        let moment = self.connection.unchecked_transaction().map_err(&told)?;
        let mut cached = self.index.borrow_mut();
        let index = current(&mut cached, &moment).map_err(&told)?;
        self.check_source(query, index)?;
        let found = rank(&moment, index, query, &words).map_err(&told)?;
        let hits = found
            .into_iter()
            .filter_map(|scored| hit(&moment, index, scored).transpose())
            .collect::<Result<_>>()
            .map_err(&told)?;
        let complete = index
            .sources
            .iter()
            .filter(|(name, _)| query.source.as_ref().is_none_or(|wanted| wanted == name));
        let complete_through_ms: BTreeMap<_, _> = complete.cloned().collect();
        let mut starts = self.starts()?;
        starts.retain(|source, _| complete_through_ms.contains_key(source));
        let start = |(source, ms)| Some((source, utc(Timestamp::from_millisecond(ms).ok()?)));
        Ok(Hits {
            hits,
            complete_through_ms,
            start_utc: starts.into_iter().filter_map(start).collect(),
        })
    }

    fn check_source(&self, query: &Query, index: &Index) -> std::result::Result<(), StoreError> {
        let names = || index.sources.iter().map(|(name, _)| name.as_str());
        match &query.source {
            Some(wanted) if !names().any(|name| name == wanted) => {
                Err(self.unknown(wanted, names()))
            }
            _ => Ok(()),
        }
    }

    /// The error that names a source which is not there, and some of those that are.
    pub(super) fn unknown<'n>(
        &self,
        wanted: &str,
        names: impl Iterator<Item = &'n str>,
    ) -> StoreError {
        let mut known: Vec<&str> = names.collect();
        if known.len() > MOST_NAMES {
            known.truncate(MOST_NAMES);
            known.push("...");
        }
        StoreError::UnknownSource {
            path: self.path.clone(),
            name: wanted.to_owned(),
            known: known.join(", "),
        }
    }
}

/// The cached index, read anew if the store has changed.
fn current<'i>(cached: &'i mut Option<Index>, moment: &Connection) -> Result<&'i Index> {
    // A transaction fixes its moment at its first read; the version asked for afterwards is of that moment.
    moment.query_row("SELECT count(*) FROM sources", [], |_| Ok(()))?;
    let index = match cached.take() {
        Some(index) if index.fresh(moment)? => index,
        _ => Index::load(moment)?,
    };
    Ok(cached.insert(index))
}

fn rank(moment: &Connection, index: &Index, query: &Query, words: &Words) -> Result<Vec<Scored>> {
    let mut kept: Vec<bool> = index
        .rows
        .iter()
        .map(|row| query.admits(&index.sources[row.source].0, row.start_ms, row.end_ms))
        .collect();
    for (place, _) in matches(moment, index, words.unwanted.as_deref())? {
        kept[place] = false;
    }
    let mut by_words = matches(moment, index, words.wanted.as_deref())?;
    by_words.retain(|(place, _)| kept[*place]);
    let vector = query.vector.as_deref().unwrap_or_default();
    let by_vector = index.similarities(vector, &kept);
    Ok(fuse([by_words, by_vector], query.limit))
}

/// Current rows that match a full-text expression. SQLite's BM25 is the less the better, so its sign is turned.
fn matches(moment: &Connection, index: &Index, expression: Option<&str>) -> Result<Vec<Scored>> {
    let Some(expression) = expression else {
        return Ok(Vec::new());
    };
    let mut matches = moment.prepare(
        "SELECT rowid, -bm25(segments_fts) FROM segments_fts WHERE segments_fts MATCH ?1",
    )?;
    let found = matches.query_map([expression], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found
        .map(|found| found.map(|(id, score)| Some((index.place(id)?, score))))
        .filter_map(Result::transpose)
        .collect()
}

fn hit(moment: &Connection, index: &Index, (place, score): Scored) -> Result<Option<Hit>> {
    let row = &index.rows[place];
    let text = shown_text(moment, row.id)?;
    Ok(text.map(|text| Hit {
        source: index.sources[row.source].0.clone(),
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        text,
        score,
    }))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::testing::{found, query, row, store};
    use super::super::{Row, Seal};
    use super::*;

    fn seal(store: &mut Store, source: &str, rows: &[Row]) {
        store.begin(source, "p").unwrap();
        store.seal(source, "p", Seal::of(rows, 5000)).unwrap();
    }

    fn five_rows() -> (Store, TempDir) {
        let (mut store, folder) = store();
        let captions = [
            "a red ball",
            "a red cube",
            "rain",
            "a ball, a ball",
            "night",
        ];
        let vectors = [[0.0, 1.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0], [0.8, 0.6]];
        let rows: Vec<Row> = (0..5)
            .map(|n| Row {
                embedding: vectors[n].to_vec(),
                ..row(n as u64 * 1000, captions[n])
            })
            .collect();
        seal(&mut store, "door", &rows);
        (store, folder)
    }

    #[test]
    fn hybrid_ranks_are_those_computed_by_hand() {
        let (store, _folder) = five_rows();
        let hits = store
            .search(&Query {
                vector: Some(vec![1.0, 0.0]),
                ..query("ball")
            })
            .unwrap();
        // By words: "a ball, a ball" (twice), then "a red ball". By vector: 2000, 4000, 1000, 0, 3000.
        let expected = [
            (3000, 1.0 / 61.0 + 1.0 / 65.0),
            (0, 1.0 / 62.0 + 1.0 / 64.0),
            (2000, 1.0 / 61.0),
            (4000, 1.0 / 62.0),
            (1000, 1.0 / 63.0),
        ];
        let got: Vec<_> = hits
            .hits
            .iter()
            .map(|hit| (hit.start_ms, hit.score))
            .collect();
        assert_eq!(got, expected);
        assert_eq!(hits.complete_through_ms["door"], 5000);
    }

    #[test]
    fn words_match_by_their_stem_in_captions_tags_and_answers_but_not_in_questions() {
        let (mut store, _folder) = store();
        let tags = Row {
            tags: "bouncing".to_owned(),
            caption: None,
            ..row(1000, "")
        };
        let answers = vec![(
            "Is a person there?".to_owned(),
            "Someone bounces.".to_owned(),
        )];
        let answered = Row {
            answers,
            ..row(2000, "a hall")
        };
        seal(&mut store, "door", &[row(0, "it bounced"), tags, answered]);
        let mut all = found(&store, "bounce");
        all.sort();
        assert_eq!(all, [0, 1000, 2000]);
        assert!(found(&store, "person").is_empty());
        assert_eq!(
            store
                .search(&query("bouncing"))
                .unwrap()
                .hits
                .iter()
                .filter(|h| h.text == "bouncing")
                .count(),
            1
        );
    }

    #[test]
    fn source_and_span_leave_rows_out_before_ranking() {
        let (mut store, _folder) = five_rows();
        seal(
            &mut store,
            "yard",
            &[Row {
                embedding: vec![1.0, 0.0],
                ..row(0, "ball ball ball")
            }],
        );
        let base = Query {
            vector: Some(vec![1.0, 0.0]),
            source: Some("door".to_owned()),
            ..query("ball")
        };
        let span = Query {
            from_ms: Some(1500),
            to_ms: Some(3001),
            ..base
        };
        let hits = store.search(&span).unwrap();
        let got: Vec<_> = hits
            .hits
            .iter()
            .map(|hit| (hit.start_ms, hit.score))
            .collect();
        // The row from 1000 to 2000 touches the span; ranks count only what is kept.
        let both = 1.0 / 61.0 + 1.0 / 63.0;
        assert_eq!(got, [(3000, both), (2000, 1.0 / 61.0), (1000, 1.0 / 62.0)]);
        assert_eq!(
            hits.complete_through_ms.keys().collect::<Vec<_>>(),
            ["door"]
        );
    }

    #[test]
    fn a_source_that_is_not_there_is_an_error_that_names_those_that_are() {
        let (mut store, _folder) = five_rows();
        seal(&mut store, "yard", &[]);
        let unknown = Query {
            source: Some("dor".to_owned()),
            ..query("ball")
        };
        let said = store.search(&unknown).unwrap_err().to_string();
        assert!(
            said.contains("no source \"dor\". It holds: door, yard"),
            "{said}"
        );
    }

    #[test]
    fn a_minus_shuts_rows_out_of_both_rankings_and_a_phrase_must_stand_together() {
        let (store, _folder) = five_rows();
        let all_but_red = Query {
            vector: Some(vec![0.0, 1.0]),
            ..query("ball -red")
        };
        let got: Vec<_> = store
            .search(&all_but_red)
            .unwrap()
            .hits
            .iter()
            .map(|hit| hit.start_ms)
            .collect();
        assert_eq!(got, [3000, 4000, 2000]);
        assert_eq!(found(&store, "\"red cube\""), [1000]);
        assert!(found(&store, "\"cube red\"").is_empty());
        assert!(found(&store, "cube -\"red cube\"").is_empty());
    }

    #[test]
    fn no_text_a_person_can_type_breaks_a_search() {
        let (store, _folder) = five_rows();
        let long = "ball ".repeat(2000);
        let packed = "a-".repeat(5000);
        let typed = [
            "C++ AND (",
            "\" x",
            "ball\" OR",
            "NEAR(ball, 2)",
            "caption : ball",
            "ball*",
            "^ball",
            "🚪 ball",
            "'; DROP TABLE --x",
            "'; DROP --x",
            "{a b} : c",
            "\u{0}ball",
            "ß İ ﬁ",
            "Ⓐ",
            "-x ball",
            "+ball + cube",
            long.as_str(),
            packed.as_str(),
        ];
        for text in typed {
            store
                .search(&query(text))
                .unwrap_or_else(|error| panic!("{text:?}: {error}"));
        }
        assert_eq!(found(&store, &long), [3000, 0]);
        let picture = Query {
            vector: Some(vec![1.0, 0.0]),
            ..query("🚪")
        };
        assert_eq!(store.search(&picture).unwrap().hits.len(), 5);
    }

    #[test]
    fn ties_are_broken_by_source_then_start() {
        let (mut store, _folder) = store();
        for source in ["b", "a"] {
            seal(
                &mut store,
                source,
                &[row(2000, "ball"), row(1000, "ball"), row(0, "ball")],
            );
        }
        let hits = store
            .search(&Query {
                limit: 4,
                ..query("ball")
            })
            .unwrap()
            .hits;
        let got: Vec<_> = hits
            .iter()
            .map(|hit| (hit.source.as_str(), hit.start_ms))
            .collect();
        assert_eq!(got, [("a", 0), ("a", 1000), ("a", 2000), ("b", 0)]);
    }

    #[test]
    fn a_search_sees_what_another_connection_sealed_since_the_last_one() {
        let (store, folder) = five_rows();
        assert!(found(&store, "dog").is_empty());
        let mut other = Store::open(&folder.path().join("atom.db")).unwrap();
        other
            .seal("door", "p", Seal::of(&[row(6000, "a dog")], 7000))
            .unwrap();
        let hits = store.search(&query("dog")).unwrap();
        assert_eq!(
            (hits.hits[0].start_ms, hits.complete_through_ms["door"]),
            (6000, 7000)
        );
    }
}
