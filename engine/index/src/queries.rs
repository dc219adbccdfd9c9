//! Standing queries as the store keeps them: added, listed, removed, by whoever has the store open.
//!
//! Every change of them moves a number on, by triggers, so that who keeps their matches notices (see `matches`).
//! Invariant: a number stands for one query as it was added; one that is changed gets another number, and no matches yet.

use std::collections::HashMap;

use atom_operators::standing::query::QuerySpec;
use rusqlite::{Connection, Result, Row, Transaction, params};
use serde::Serialize;

use super::read::from_json;
use super::write::Undone;
use super::{Store, StoreError};

/// So many queries a store holds at most: each new segment is weighed by every one of them.
pub const MOST_QUERIES: u64 = 10_000;

/// A text whose best matches are kept up to date.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StandingQuery {
    /// Its number; never given again.
    #[serde(skip)]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it asks for.
    #[serde(flatten)]
    pub spec: QuerySpec,
    /// The pipeline whose file has it, if one has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

const QUERIES: &str = "SELECT id, name, spec, pipeline FROM queries ORDER BY name";

impl Store {
    /// All standing queries, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn queries(&self) -> std::result::Result<Vec<StandingQuery>, StoreError> {
        queries(&self.connection).map_err(StoreError::at(&self.path, "read"))
    }

    /// The query of this name.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub fn query(&self, name: &str) -> std::result::Result<StandingQuery, StoreError> {
        let mut all = self.queries()?;
        let known = all.iter().map(|query| query.name.clone()).collect();
        let at = all.iter().position(|query| query.name == name);
        at.map(|at| all.swap_remove(at))
            .ok_or_else(|| StoreError::UnknownQuery {
                name: name.to_owned(),
                known,
            })
    }

    /// Adds a query, in the place of one with its name that asks for something else. Tells whether anything changed.
    ///
    /// # Errors
    /// When the name or what it asks for makes no sense, when the name is that of a pipeline's query, when there are too many, or
    /// when the store cannot be written.
    pub fn add_query(
        &mut self,
        name: &str,
        spec: &QuerySpec,
    ) -> std::result::Result<bool, StoreError> {
        sound(name, spec)?;
        self.change("write to", |change| put(change, name, spec, None))
    }

    /// Removes the query of this name with its matches.
    ///
    /// # Errors
    /// When there is none, or the store cannot be written.
    pub fn remove_query(&mut self, name: &str) -> std::result::Result<(), StoreError> {
        self.change("write to", |change| {
            match change.execute("DELETE FROM queries WHERE name = ?1", [name])? {
                0 => Err(Undone::Refused(unknown(change, name)?)),
                _ => Ok(()),
            }
        })
    }

    /// Makes the queries of a pipeline those of its file: adds, changes and removes; those of others are left alone.
    ///
    /// # Errors
    /// When one has the name of a query that is not of this pipeline and asks for something else, when one makes no sense, or
    /// when the store cannot be written; nothing changes then.
    pub fn set_queries(
        &mut self,
        pipeline: &str,
        wanted: &[(String, QuerySpec)],
    ) -> std::result::Result<(), StoreError> {
        for (name, spec) in wanted {
            sound(name, spec)?;
        }
        self.change("write to", |change| {
            for query in queries(change)? {
                let kept = wanted.iter().any(|(name, _)| *name == query.name);
                if query.pipeline.as_deref() == Some(pipeline) && !kept {
                    change.execute("DELETE FROM queries WHERE id = ?1", [query.id as i64])?;
                }
            }
            for (name, spec) in wanted {
                put(change, name, spec, Some(pipeline))?;
            }
            Ok(())
        })
    }
}

fn sound(name: &str, spec: &QuerySpec) -> std::result::Result<(), StoreError> {
    let letters = |c: char| c.is_alphanumeric() || "_-. ".contains(c);
    let named = !name.trim().is_empty() && name.chars().count() <= 100 && name.chars().all(letters);
    if !named {
        return Err(StoreError::QueryName {
            name: name.to_owned(),
        });
    }
    spec.check().map_err(|source| StoreError::Query {
        name: name.to_owned(),
        source,
    })
}

/// Writes a query unless it is there as it should be.
fn put(
    change: &Transaction,
    name: &str,
    spec: &QuerySpec,
    pipeline: Option<&str>,
) -> std::result::Result<bool, Undone> {
    let all = queries(change)?;
    if let Some(known) = all.iter().find(|query| query.name == name) {
        if known.spec == *spec {
            return Ok(false);
        }
        if known.pipeline.as_deref() != pipeline {
            return Err(Undone::Refused(StoreError::QueryTaken {
                name: name.to_owned(),
                owner: known.pipeline.clone(),
            }));
        }
        change.execute("DELETE FROM queries WHERE name = ?1", [name])?;
    } else if all.len() as u64 >= MOST_QUERIES {
        return Err(Undone::Refused(StoreError::TooManyQueries {
            most: MOST_QUERIES,
        }));
    }
    let text = serde_json::to_string(spec).expect("settings are plain data");
    let row = params![name, text, pipeline];
    change.execute(
        "INSERT INTO queries (name, spec, pipeline) VALUES (?1, ?2, ?3)",
        row,
    )?;
    Ok(true)
}

fn unknown(change: &Transaction, name: &str) -> Result<StoreError> {
    let known = queries(change)?;
    Ok(StoreError::UnknownQuery {
        name: name.to_owned(),
        known: known.into_iter().map(|query| query.name).collect(),
    })
}

pub(super) fn queries(connection: &Connection) -> Result<Vec<StandingQuery>> {
    let mut queries = connection.prepare_cached(QUERIES)?;
    queries.query_map([], query)?.collect()
}

fn query(row: &Row) -> Result<StandingQuery> {
    Ok(StandingQuery {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        name: row.get(1)?,
        spec: from_json(row, 2)?,
        pipeline: row.get(3)?,
    })
}

/// The number that every change of queries moves on.
pub(super) fn revision(connection: &Connection) -> Result<i64> {
    let mut revision = connection.prepare_cached("SELECT revision FROM query_state")?;
    revision.query_row([], |row| row.get(0))
}

/// The vectors of texts by the text encoder of a pack, as far as they were kept.
pub(super) fn vectors(connection: &Connection, pack: &str) -> Result<HashMap<String, Vec<f32>>> {
    let mut found =
        connection.prepare_cached("SELECT text, vector FROM query_vectors WHERE pack = ?1")?;
    let vector = |row: &Row| {
        let (numbers, _rest) = row.get_ref(1)?.as_blob()?.as_chunks::<4>();
        let numbers = numbers.iter().copied().map(f32::from_le_bytes);
        Ok((row.get(0)?, numbers.collect()))
    };
    found.query_map([pack], vector)?.collect()
}

/// Keeps the vectors of texts.
pub(super) fn keep_vectors(
    connection: &Connection,
    pack: &str,
    new: &[(String, Vec<f32>)],
) -> Result<()> {
    let change = connection.unchecked_transaction()?;
    let mut keep =
        change.prepare_cached("INSERT OR REPLACE INTO query_vectors VALUES (?1, ?2, ?3)")?;
    for (text, vector) in new {
        let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        keep.execute(params![pack, text, bytes])?;
    }
    drop(keep);
    change.commit()
}

#[cfg(test)]
mod tests {
    use super::super::testing::store;
    use super::*;

    fn names(store: &Store) -> Vec<String> {
        let queries = store.queries().unwrap();
        queries.into_iter().map(|query| query.name).collect()
    }

    #[test]
    fn queries_are_added_changed_and_removed_by_name() {
        let (mut store, _folder) = store();
        let van = QuerySpec::new("a van");
        assert!(store.add_query("van", &van).unwrap());
        assert!(!store.add_query("van", &van).unwrap());
        let first = store.queries().unwrap()[0].id;
        assert!(
            store
                .add_query("van", &QuerySpec::new("a white van"))
                .unwrap()
        );
        assert!(store.queries().unwrap()[0].id > first);
        store.add_query("dog", &QuerySpec::new("a dog")).unwrap();
        assert_eq!(names(&store), ["dog", "van"]);
        store.remove_query("dog").unwrap();
        let said = store.remove_query("dog").unwrap_err().to_string();
        assert!(
            said.contains("no query \"dog\"") && said.contains("van"),
            "{said}"
        );
        assert_eq!(revision(&store.connection).unwrap(), 5);
    }

    #[test]
    fn the_queries_of_a_pipeline_follow_its_file_and_leave_others_alone() {
        let (mut store, _folder) = store();
        store.add_query("mine", &QuerySpec::new("a cat")).unwrap();
        let of = |texts: &[&str]| -> Vec<_> {
            let named = |text: &&str| ((*text).to_owned(), QuerySpec::new(text));
            texts.iter().map(named).collect()
        };
        store.set_queries("door", &of(&["van", "dog"])).unwrap();
        store.set_queries("barn", &of(&["cow"])).unwrap();
        store.set_queries("door", &of(&["van"])).unwrap();
        assert_eq!(names(&store), ["cow", "mine", "van"]);
    }

    #[test]
    fn what_another_keeps_under_a_name_is_not_replaced() {
        let (mut store, _folder) = store();
        let [van, dog] = ["van", "dog"].map(QuerySpec::new);
        store.add_query("mine", &van).unwrap();
        store
            .set_queries("door", &[("theirs".to_owned(), van.clone())])
            .unwrap();
        let said = store.add_query("theirs", &dog).unwrap_err().to_string();
        assert!(said.contains("pipeline \"door\""), "{said}");
        for (pipeline, name) in [("door", "mine"), ("barn", "theirs")] {
            let wanted = [
                ("other".to_owned(), dog.clone()),
                (name.to_owned(), dog.clone()),
            ];
            let said = store
                .set_queries(pipeline, &wanted)
                .unwrap_err()
                .to_string();
            assert!(
                said.contains(name) && said.contains("atom query remove"),
                "{said}"
            );
            assert_eq!(names(&store), ["mine", "theirs"], "nothing of it is done");
        }
        store
            .set_queries("barn", &[("theirs".to_owned(), van)])
            .unwrap();
    }

    #[test]
    fn what_makes_no_sense_and_too_many_are_refused() {
        let (mut store, _folder) = store();
        for name in ["", "  ", "a\nb", "a\"b"] {
            let said = store.add_query(name, &QuerySpec::new("x")).unwrap_err();
            assert!(said.to_string().contains("letters"), "{said}");
        }
        let said = store.add_query("van", &QuerySpec::new(" ")).unwrap_err();
        assert!(said.to_string().contains("query \"van\""), "{said}");
        let fill = format!(
            "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {MOST_QUERIES})
             INSERT INTO queries (name, spec) SELECT n, '{{\"text\":\"x\"}}' FROM many"
        );
        store.connection.execute_batch(&fill).unwrap();
        let said = store
            .add_query("one more", &QuerySpec::new("x"))
            .unwrap_err();
        assert!(
            said.to_string().contains("10000 standing queries"),
            "{said}"
        );
    }

    #[test]
    fn vectors_are_kept_for_each_pack() {
        let (store, _folder) = store();
        let connection = &store.connection;
        let van = ("van".to_owned(), vec![0.5, -1.0]);
        keep_vectors(connection, "a", std::slice::from_ref(&van)).unwrap();
        assert_eq!(vectors(connection, "a").unwrap(), HashMap::from([van]));
        assert!(vectors(connection, "b").unwrap().is_empty());
    }
}
