//! A query from its text to its hits.
//!
//! Two rankings, fused by `fuse`: words by BM25, and vectors by the cosines with pictures and caption, those of each pack by
//! itself. Rows that the query's sources, span or minus words leave out take no part in any of them.
//! A vector is like every other to some degree, so with a vector there are hits while rows last; it is their order that
//! says something.
//! Invariant: everything an answer holds, hits and completeness, is of one moment of the store.

use std::collections::BTreeMap;
use std::thread;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::bm25::{self, Speller};
use super::follow::Source;
use super::fuse::{DEPTH, Scored, VECTORS, WORDS, fuse, merged};
use super::incomplete::Span;
use super::index::{Entry, Index};
use super::page::Page;
use super::words::{Words, any};
use super::{Hit, Hits, Query, Store, StoreError};
use atom_operators::utc::utc;

/// Names of known sources that an error lists.
const MOST_NAMES: usize = 8;

/// What a hit shows, and what of it matched: about this many words, the matches marked.
const TEXT: &str = "SELECT coalesce(caption, tags) FROM segments WHERE id = ?1";
const SNIPPET: &str = "
    SELECT snippet(segments_fts, -1, '[', ']', '…', 24) FROM segments_fts
    WHERE segments_fts MATCH ?1 AND rowid = ?2";

impl Store {
    /// The best segments for `query`, and how far each source is complete.
    ///
    /// Costs one look into the full text and one pass over all vectors; the first call of a process also reads all vectors
    /// from disk, one after a change what changed.
    ///
    /// # Errors
    /// When the query asks for nothing (no word, limit 0, a span that ends before it begins), names a source that is
    /// not there or a page that is none, or the store cannot be read.
    pub fn search(&self, query: &Query) -> std::result::Result<Hits, StoreError> {
        let words = query.check()?;
        let page = Page::of(query)?;
        let told = StoreError::at(&self.path, "search");
        let speller = self.speller().map_err(&told)?;
        let moment = self.connection.unchecked_transaction().map_err(&told)?;
        let mut index = self.index.borrow_mut();
        index.refresh(&moment).map_err(&told)?;
        let index = &*index;
        self.check_sources(query, index)?;
        let searched = Searched::new(index, query, page);
        let found = searched.rank(&moment, speller, &words).map_err(&told)?;
        let offset = page.map_or(0, |page| page.offset);
        let page = found.iter().skip(offset).take(query.limit);
        let hits = searched.hits(&moment, &words, page).map_err(&told)?;
        let next = Page {
            newest: searched.newest,
            offset: offset.saturating_add(query.limit),
        };
        let states = searched
            .sources()
            .map(|(source, span)| (&source.state, span));
        Ok(Hits {
            hits,
            complete_through_ms: states
                .clone()
                .map(|(state, _)| (state.source.clone(), state.sealed_ms))
                .collect(),
            start_utc: searched.starts(),
            incomplete: self.incomplete_of(states).map_err(&told)?,
            next: (next.offset < found.len()).then(|| next.token(query)),
            without_start: searched.without_start(),
        })
    }

    fn speller(&self) -> Result<&Speller> {
        if let Some(speller) = self.speller.get() {
            return Ok(speller);
        }
        bm25::prepare(&self.connection)?;
        let speller = Speller::new()?;
        Ok(self.speller.get_or_init(|| speller))
    }

    fn check_sources(&self, query: &Query, index: &Index) -> std::result::Result<(), StoreError> {
        let mut names: Vec<&str> = index
            .sources()
            .iter()
            .map(|source| source.state.source.as_str())
            .collect();
        names.sort_unstable();
        match query.filter.unmet(&names) {
            Some(unmet) => Err(self.unknown(unmet, names.into_iter())),
            None => Ok(()),
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

/// What of the index a query is about.
struct Searched<'q> {
    index: &'q Index,
    query: &'q Query,
    /// The newest row that takes part.
    newest: i64,
    /// Of each source, what of it is searched.
    spans: Vec<Option<Span>>,
}

impl<'q> Searched<'q> {
    fn new(index: &'q Index, query: &'q Query, page: Option<Page>) -> Self {
        let span = |source: &Source| {
            let meant = source.there && query.filter.names(&source.state.source);
            meant.then(|| query.filter.span(source.start_utc_ms))?
        };
        let newest = index
            .rows
            .iter()
            .filter(|row| row.current)
            .map(|row| row.id);
        Self {
            index,
            query,
            newest: page.map_or_else(|| newest.max().unwrap_or(0), |page| page.newest),
            spans: index.sources().iter().map(span).collect(),
        }
    }

    /// The sources that are searched, by name, with their spans.
    fn sources(&self) -> impl Iterator<Item = (&'q Source, Span)> + Clone {
        let mut sources: Vec<_> = self
            .index
            .sources()
            .iter()
            .zip(&self.spans)
            .filter_map(|(source, span)| Some((source, (*span)?)))
            .collect();
        sources.sort_by_key(|(source, _)| &source.state.source);
        sources.into_iter()
    }

    fn starts(&self) -> BTreeMap<String, String> {
        let start = |(source, _): (&Source, Span)| {
            let start = at(source.start_utc_ms?, 0)?;
            Some((source.state.source.clone(), start))
        };
        self.sources().filter_map(start).collect()
    }

    fn without_start(&self) -> Vec<String> {
        let left_out = |(source, span): &(&Source, &Option<Span>)| {
            span.is_none() && source.there && self.query.filter.names(&source.state.source)
        };
        let sources = self
            .index
            .sources()
            .iter()
            .zip(&self.spans)
            .filter(left_out);
        let mut names: Vec<_> = sources
            .map(|(source, _)| source.state.source.clone())
            .collect();
        names.sort_unstable();
        names
    }

    /// All rows that match, best first.
    fn rank(&self, moment: &Connection, speller: &Speller, words: &Words) -> Result<Vec<Scored>> {
        let index = self.index;
        let rows = index.rows.iter();
        let known: Vec<bool> = rows
            .map(|row| row.current && row.id <= self.newest)
            .collect();
        let admitted = |row: &Entry| {
            self.spans[row.source].is_some_and(|span| span.admits(row.start_ms, row.end_ms))
        };
        let rows = index.rows.iter().zip(&known);
        let mut kept: Vec<bool> = rows.map(|(row, known)| *known && admitted(row)).collect();
        if let Some(unwanted) = &words.unwanted {
            for place in bm25::matches(moment, index, unwanted)? {
                kept[place] = false;
            }
        }
        let depth = self.query.limit.max(DEPTH);
        // SQLite works on this thread while another goes through the vectors.
        let (by_words, by_vectors) = thread::scope(|threads| {
            let scan = threads.spawn(|| self.by_vectors(&kept, depth));
            let both = (&known[..], &kept[..]);
            let by_words = bm25::rank(moment, speller, index, &words.wanted, both);
            // A scan cannot panic; if it did, the words would still rank.
            (by_words, scan.join().unwrap_or_default())
        });
        let rankings = [(VECTORS, by_vectors), (WORDS, by_words?)];
        Ok(fuse(rankings, depth, &|place| index.order(place)))
    }

    /// Rows by their likeness with the query, each as its own pack sees it.
    fn by_vectors(&self, kept: &[bool], depth: usize) -> Vec<Scored> {
        let index = self.index;
        let vectors = self.query.vectors.iter();
        let rankings = vectors.map(|(id, vector)| {
            let kept = index.of_pack(id, kept);
            index.vectors.similarities(vector, &kept)
        });
        merged(rankings, depth, &|place| index.order(place))
    }

    /// Hits as they are shown, without those whose rows are gone.
    fn hits<'s>(
        &self,
        moment: &Connection,
        words: &Words,
        found: impl Iterator<Item = &'s Scored>,
    ) -> Result<Vec<Hit>> {
        let mut texts = moment.prepare(TEXT)?;
        let mut snippets = moment.prepare(SNIPPET)?;
        let wanted = any(&words.wanted);
        let mut hits = Vec::new();
        for (place, score) in found {
            let row = &self.index.rows[*place];
            let source = &self.index.sources()[row.source];
            let text: Option<String> = texts.query_row([row.id], |row| row.get(0)).optional()?;
            let snippet = snippets
                .query_row(params![wanted, row.id], |row| row.get(0))
                .optional();
            hits.extend(text.map(|text| {
                Hit {
                    source: source.state.source.clone(),
                    start_ms: row.start_ms,
                    end_ms: row.end_ms,
                    text,
                    score: *score,
                    start_utc: source
                        .start_utc_ms
                        .and_then(|start| at(start, row.start_ms)),
                    snippet: snippet.unwrap_or_default(),
                }
            }));
        }
        Ok(hits)
    }
}

/// The moment so many milliseconds of media time after the start of a source, in words.
fn at(start_utc_ms: i64, ms: u64) -> Option<String> {
    let moment = start_utc_ms.checked_add_unsigned(ms)?;
    Some(utc(Timestamp::from_millisecond(moment).ok()?))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::testing::{found, query, row, store, vectors};
    use super::super::{Filter, Row, Seal};
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
                vectors: vectors("p", [1.0, 0.0]),
                ..query("ball")
            })
            .unwrap();
        // By words: "a ball, a ball" (twice), then "a red ball". By vector: 2000, 4000, 1000, 0, 3000.
        let expected = [
            (0, 1.0 / 14.0 + 0.5 / 12.0),
            (3000, 1.0 / 15.0 + 0.5 / 11.0),
            (2000, 1.0 / 11.0),
            (4000, 1.0 / 12.0),
            (1000, 1.0 / 13.0),
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
        let span = Query {
            vectors: vectors("p", [1.0, 0.0]),
            filter: Filter {
                sources: vec!["door".to_owned()],
                from_ms: Some(1500),
                to_ms: Some(3001),
                ..Filter::default()
            },
            ..query("ball")
        };
        let hits = store.search(&span).unwrap();
        let got: Vec<_> = hits
            .hits
            .iter()
            .map(|hit| (hit.start_ms, hit.score))
            .collect();
        // The row from 1000 to 2000 touches the span; ranks count only what is kept.
        let both = 1.0 / 13.0 + 0.5 / 11.0;
        assert_eq!(got, [(3000, both), (2000, 1.0 / 11.0), (1000, 1.0 / 12.0)]);
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
            filter: Filter {
                sources: vec!["dor".to_owned()],
                ..Filter::default()
            },
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
            vectors: vectors("p", [0.0, 1.0]),
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
            vectors: vectors("p", [1.0, 0.0]),
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
