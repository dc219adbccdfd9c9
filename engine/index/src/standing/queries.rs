//! Standing queries as the store has them: added, listed, removed, by whoever has the store open.
//!
//! Every change raises a revision, by triggers, so that the maintainer of their matches notices.
//! Invariant: an id stands for one query as it was added; a changed query gets another id, and has no matches yet.

use atom_operators::standing::query::QuerySpec;
use rusqlite::{Connection, Result, Row, Transaction, params};
use serde::Serialize;

use crate::column_conversion::from_json;
use crate::error::StoreError;
use crate::store::{Abort, Store};

/// Most standing queries of a store: each new segment is scored by every one of them.
pub const MAX_STANDING_QUERIES: u64 = 10_000;

/// A text whose best matches are kept up to date.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StandingQuery {
    /// Its id; never given again.
    #[serde(skip)]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its settings.
    #[serde(flatten)]
    pub spec: QuerySpec,
    /// The pipeline whose file declares it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
}

const QUERIES: &str = "SELECT id, name, spec, pipeline FROM queries ORDER BY name";

impl Store {
    /// Returns all standing queries, by name.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn queries(&self) -> std::result::Result<Vec<StandingQuery>, StoreError> {
        self.read(read_queries)
    }

    /// Returns the query of this name.
    ///
    /// # Errors
    /// If there is none, or the store cannot be read.
    pub fn query(&self, name: &str) -> std::result::Result<StandingQuery, StoreError> {
        let mut all = self.queries()?;
        match all.iter().position(|query| query.name == name) {
            Some(at) => Ok(all.swap_remove(at)),
            None => Err(unknown(name, all)),
        }
    }

    /// Adds a query, replacing one of its name that has other settings. Returns true if anything changed.
    ///
    /// # Errors
    /// If the name or the settings are invalid, the name belongs to a pipeline's query, there are too many, or the store cannot be
    /// written.
    pub fn add_query(
        &mut self,
        name: &str,
        spec: &QuerySpec,
    ) -> std::result::Result<bool, StoreError> {
        check(name, spec)?;
        self.write("write to", |change| put(change, name, spec, None))
    }

    /// Adds a query of a new name.
    ///
    /// # Errors
    /// If there is a query of this name, the name or the settings are invalid, there are too many, or the store cannot be written.
    pub fn add_new_query(
        &mut self,
        name: &str,
        spec: &QuerySpec,
    ) -> std::result::Result<(), StoreError> {
        check(name, spec)?;
        self.write("write to", |change| {
            let all = read_queries(change)?;
            if all.iter().any(|query| query.name == name) {
                let name = name.to_owned();
                return Err(Abort::Refused(StoreError::QueryExists { name }));
            }
            put(change, name, spec, None).map(drop)
        })
    }

    /// Removes the query of this name with its matches.
    ///
    /// # Errors
    /// If there is none, or the store cannot be written.
    pub fn remove_query(&mut self, name: &str) -> std::result::Result<(), StoreError> {
        self.write("write to", |change| {
            match change.execute("DELETE FROM queries WHERE name = ?1", [name])? {
                0 => Err(Abort::Refused(unknown(name, read_queries(change)?))),
                _ => Ok(()),
            }
        })
    }

    /// Makes the queries of a pipeline those of its file: adds, changes and removes them; those of others stay as they are.
    ///
    /// # Errors
    /// If one has the name of a query of another owner with other settings, one is invalid, or the store cannot be written;
    /// nothing changes then.
    pub fn set_queries(
        &mut self,
        pipeline: &str,
        wanted: &[(String, QuerySpec)],
    ) -> std::result::Result<(), StoreError> {
        for (name, spec) in wanted {
            check(name, spec)?;
        }
        self.write("write to", |change| {
            for query in read_queries(change)? {
                let kept = wanted.iter().any(|(name, _)| *name == query.name);
                if query.pipeline.as_deref() == Some(pipeline) && !kept {
                    change.execute("DELETE FROM queries WHERE name = ?1", [query.name])?;
                }
            }
            for (name, spec) in wanted {
                put(change, name, spec, Some(pipeline))?;
            }
            Ok(())
        })
    }
}

fn check(name: &str, spec: &QuerySpec) -> std::result::Result<(), StoreError> {
    let allowed = |c: char| c.is_alphanumeric() || "_-. ".contains(c);
    let valid = !name.trim().is_empty() && name.chars().count() <= 100 && name.chars().all(allowed);
    if !valid {
        return Err(StoreError::QueryName {
            name: name.to_owned(),
        });
    }
    spec.check().map_err(|source| StoreError::Query {
        name: name.to_owned(),
        source,
    })
}

/// Writes a query, unless it is there with these settings.
fn put(
    change: &Transaction,
    name: &str,
    spec: &QuerySpec,
    pipeline: Option<&str>,
) -> std::result::Result<bool, Abort> {
    let all = read_queries(change)?;
    if let Some(known) = all.iter().find(|query| query.name == name) {
        if known.spec == *spec {
            return Ok(false);
        }
        if known.pipeline.as_deref() != pipeline {
            return Err(Abort::Refused(StoreError::QueryNameInUse {
                name: name.to_owned(),
                owner: known.pipeline.clone(),
            }));
        }
        change.execute("DELETE FROM queries WHERE name = ?1", [name])?;
    } else if all.len() as u64 >= MAX_STANDING_QUERIES {
        return Err(Abort::Refused(StoreError::TooManyQueries {
            most: MAX_STANDING_QUERIES,
        }));
    }
    let text = serde_json::to_string(spec).expect("settings are plain data");
    change.execute(
        "INSERT INTO queries (name, spec, pipeline) VALUES (?1, ?2, ?3)",
        params![name, text, pipeline],
    )?;
    Ok(true)
}

fn unknown(name: &str, known: Vec<StandingQuery>) -> StoreError {
    StoreError::UnknownQuery {
        name: name.to_owned(),
        known: known.into_iter().map(|query| query.name).collect(),
    }
}

/// Reads all standing queries, by name.
pub(super) fn read_queries(connection: &Connection) -> Result<Vec<StandingQuery>> {
    let query = |row: &Row| {
        Ok(StandingQuery {
            id: row.get(0)?,
            name: row.get(1)?,
            spec: from_json(row, 2)?,
            pipeline: row.get(3)?,
        })
    };
    let mut queries = connection.prepare_cached(QUERIES)?;
    queries.query_map([], query)?.collect()
}

/// Reads the number that every change of queries raises.
pub(super) fn revision(connection: &Connection) -> Result<i64> {
    let mut revision = connection.prepare_cached("SELECT revision FROM query_state")?;
    revision.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;

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
        let message = store.add_new_query("van", &van).unwrap_err().to_string();
        assert!(message.contains("\"van\" already exists"), "{message}");
        store.remove_query("dog").unwrap();
        let message = store.remove_query("dog").unwrap_err().to_string();
        assert!(
            message.contains("no query \"dog\"") && message.contains("van"),
            "{message}"
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
    fn a_query_of_another_owner_is_not_replaced() {
        let (mut store, _folder) = store();
        let [van, dog] = ["van", "dog"].map(QuerySpec::new);
        store.add_query("mine", &van).unwrap();
        store
            .set_queries("door", &[("theirs".to_owned(), van.clone())])
            .unwrap();
        let message = store.add_query("theirs", &dog).unwrap_err().to_string();
        assert!(message.contains("pipeline \"door\""), "{message}");
        for (pipeline, name) in [("door", "mine"), ("barn", "theirs")] {
            let wanted = [
                ("other".to_owned(), dog.clone()),
                (name.to_owned(), dog.clone()),
            ];
            let message = store
                .set_queries(pipeline, &wanted)
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(name) && message.contains("atom query remove"),
                "{message}"
            );
            assert_eq!(names(&store), ["mine", "theirs"], "nothing changed");
        }
        store
            .set_queries("barn", &[("theirs".to_owned(), van)])
            .unwrap();
    }

    #[test]
    fn invalid_queries_and_too_many_are_refused() {
        let (mut store, _folder) = store();
        for name in ["", "  ", "a\nb", "a\"b"] {
            let message = store.add_query(name, &QuerySpec::new("x")).unwrap_err();
            assert!(message.to_string().contains("letters"), "{message}");
        }
        let message = store.add_query("van", &QuerySpec::new(" ")).unwrap_err();
        assert!(message.to_string().contains("query \"van\""), "{message}");
        let fill = format!(
            "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {MAX_STANDING_QUERIES})
             INSERT INTO queries (name, spec) SELECT n, '{{\"text\":\"x\"}}' FROM many"
        );
        store.connection.execute_batch(&fill).unwrap();
        let message = store
            .add_query("one more", &QuerySpec::new("x"))
            .unwrap_err();
        assert!(
            message.to_string().contains("10000 standing queries"),
            "{message}"
        );
    }
}
