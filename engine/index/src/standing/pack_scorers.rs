//! Scores rows by standing queries, each with the pack that made it: vectors of different packs cannot be compared.
//!
//! A pack is opened when the first of its rows is met, whoever wrote it and whenever; its text encoder is loaded when a text comes
//! whose vector the store does not have.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use atom_models::{
    LazyTextEncoder, ModelError, Pack, TextEncoder, YesNoClassifier, YesNoScorer, error_chain,
};
use rusqlite::{Connection, Result};
use tracing::warn;

use super::queries::StandingQuery;
use super::query_vectors::{read_vectors, save_vectors};

/// The scorers of one query, by the id of the pack whose segments each can score.
pub(super) type QueryScorers = BTreeMap<String, YesNoScorer>;

/// Makes the scorers of queries for the rows of one pack.
pub struct PackScorer {
    /// The id of the pack.
    pack: String,
    classifier: Option<YesNoClassifier>,
    text: Box<dyn TextEncoder>,
}

impl PackScorer {
    /// Creates the scorer of a pack from its loaded text encoder.
    pub fn new(pack: &Pack, text: Box<dyn TextEncoder>) -> Self {
        Self {
            pack: pack.id(),
            classifier: pack.prompts().yes_no_classifier(),
            text,
        }
    }

    /// Creates the scorer of an installed pack.
    fn open(id: &str) -> std::result::Result<Self, ModelError> {
        let (pack, id) = (Pack::open(id)?, id.to_owned());
        let load = move || Pack::open(&id)?.text(Arc::default());
        Ok(Self::new(
            &pack,
            Box::new(LazyTextEncoder::new(Box::new(load))),
        ))
    }

    /// Adds the scorers of these queries; none if the pack has no classifier, or its text encoder fails.
    fn add_query_scorers(
        &mut self,
        store: &Connection,
        new: &mut [(StandingQuery, QueryScorers)],
    ) -> Result<()> {
        let Some(classifier) = &mut self.classifier else {
            return Ok(());
        };
        let mut text = StoredVectors {
            known: read_vectors(store, &self.pack)?,
            new: Vec::new(),
            text: &mut *self.text,
        };
        for (query, scorers) in new {
            match classifier.scorer(&query.spec.question(), &mut text) {
                Ok(scorer) => drop(scorers.insert(self.pack.clone(), scorer)),
                Err(error) => {
                    warn!(query = %query.name, pack = self.pack, error = %error_chain(&error),
                    "cannot score the query with this pack; until the next start it matches no segments of the pack")
                }
            }
        }
        save_vectors(store, &self.pack, &text.new)
    }
}

/// A text encoder that uses the vectors in the store first: a thousand queries are embedded at each start.
struct StoredVectors<'s> {
    known: HashMap<String, Vec<f32>>,
    new: Vec<(String, Vec<f32>)>,
    text: &'s mut dyn TextEncoder,
}

impl TextEncoder for StoredVectors<'_> {
    fn embed(&mut self, text: &str) -> std::result::Result<Vec<f32>, ModelError> {
        if let Some(known) = self.known.get(text) {
            return Ok(known.clone());
        }
        let vector = self.text.embed(text)?;
        self.known.insert(text.to_owned(), vector.clone());
        self.new.push((text.to_owned(), vector.clone()));
        Ok(vector)
    }
}

/// The scorers of all packs that were met.
pub(super) struct PackScorers {
    open: Vec<PackScorer>,
    /// Packs that are not installed, or are incomplete.
    missing: BTreeSet<String>,
}

impl PackScorers {
    /// Starts with the scorer of a pack that is loaded already.
    pub(super) fn new(own: Option<PackScorer>) -> Self {
        Self {
            open: own.into_iter().collect(),
            missing: BTreeSet::new(),
        }
    }

    /// Opens the packs of these ids that were not met before. Returns true if one of them was opened.
    pub(super) fn open<'p>(&mut self, ids: impl IntoIterator<Item = &'p str>) -> bool {
        let before = self.open.len();
        for id in ids {
            if self.missing.contains(id) || self.can_score(id) {
                continue;
            }
            match PackScorer::open(id) {
                Ok(scorer) => {
                    if scorer.classifier.is_none() {
                        warn!(
                            pack = id,
                            "the pack has no yes/no classifier, so its segments match no standing query"
                        );
                    }
                    self.open.push(scorer);
                }
                Err(error) => {
                    warn!(
                        pack = id,
                        error = %error_chain(&error),
                        "cannot load the pack; until the next start its segments match no standing query"
                    );
                    self.missing.insert(id.to_owned());
                }
            }
        }
        self.open.len() > before
    }

    /// Returns true if the pack of this id is open, so the matches among its rows are known.
    pub(super) fn can_score(&self, id: &str) -> bool {
        self.open.iter().any(|scorer| scorer.pack == id)
    }

    /// Adds the scorers of all packs to new queries.
    pub(super) fn add_query_scorers(
        &mut self,
        store: &Connection,
        new: &mut [(StandingQuery, QueryScorers)],
    ) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let mut scorers = self.open.iter_mut();
        scorers.try_for_each(|scorer| scorer.add_query_scorers(store, new))
    }
}
