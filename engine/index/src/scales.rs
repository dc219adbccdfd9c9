//! Who weighs rows by standing queries: the packs that made them. Vectors of another pack say nothing about a row.
//!
//! A pack is opened when the first of its rows is met, whoever wrote it and whenever; its text encoder is loaded when a text comes
//! whose vector the store does not have.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use atom_models::{LazyTextEncoder, ModelError, Pack, TextEncoder, YesNoClassifier};
use rusqlite::{Connection, Result};
use tracing::warn;

use super::StandingQuery;
use super::queries::{keep_vectors, vectors};
use super::segments::Measures;

/// Weighs the rows of one pack by queries.
pub struct Scale {
    /// Name and version, with which the packs of its rows begin.
    pack: String,
    judge: Option<YesNoClassifier>,
    text: Box<dyn TextEncoder>,
}

impl Scale {
    /// The scale of a pack.
    pub fn new(pack: &Pack, text: Box<dyn TextEncoder>) -> Self {
        Self {
            pack: pack.id(),
            judge: pack.prompts().yes_no_classifier(),
            text,
        }
    }

    /// That of an installed pack.
    fn open(id: &str) -> std::result::Result<Self, ModelError> {
        let (pack, id) = (Pack::open(id)?, id.to_owned());
        let load = move || Pack::open(&id)?.text(Arc::default());
        Ok(Self::new(
            &pack,
            Box::new(LazyTextEncoder::new(Box::new(load))),
        ))
    }

    /// Adds what it takes to weigh segments by these queries; nothing if the pack cannot, or its text encoder fails.
    fn measure(&mut self, store: &Connection, new: &mut [(StandingQuery, Measures)]) -> Result<()> {
        let Some(judge) = &mut self.judge else {
            return Ok(());
        };
        let mut text = Remembered {
            known: vectors(store, &self.pack)?,
            new: Vec::new(),
            text: &mut *self.text,
        };
        for (query, measures) in new {
            match judge.scorer(&query.spec.question(), &mut text) {
                Ok(measure) => drop(measures.insert(self.pack.clone(), measure)),
                Err(error) => warn!(query = %query.name, pack = self.pack, %error,
                    "the query matches nothing of this pack until the next start"),
            }
        }
        keep_vectors(store, &self.pack, &text.new)
    }
}

/// The text encoder with what the store remembers of it: a thousand queries are read at each start.
struct Remembered<'s> {
    known: HashMap<String, Vec<f32>>,
    new: Vec<(String, Vec<f32>)>,
    text: &'s mut dyn TextEncoder,
}

impl TextEncoder for Remembered<'_> {
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

/// The scales of all packs that were met.
pub(super) struct Scales {
    all: Vec<Scale>,
    /// Packs that were looked for and are not there, or are not whole.
    missing: BTreeSet<String>,
}

impl Scales {
    /// Begins with that of a pack that is loaded already.
    pub(super) fn new(own: Option<Scale>) -> Self {
        Self {
            all: own.into_iter().collect(),
            missing: BTreeSet::new(),
        }
    }

    /// Opens the packs of these ids that were not met before. Tells whether one can weigh now that could not.
    pub(super) fn open<'p>(&mut self, ids: impl IntoIterator<Item = &'p str>) -> bool {
        let before = self.all.len();
        for id in ids {
            if self.missing.contains(id) || self.all.iter().any(|scale| scale.pack == id) {
                continue;
            }
            match Scale::open(id) {
                Ok(scale) => {
                    if scale.judge.is_none() {
                        warn!(
                            pack = id,
                            "the pack tells no yes or no: what it made matches no standing query"
                        );
                    }
                    self.all.push(scale);
                }
                Err(error) => {
                    warn!(pack = id, %error, "what the pack made matches no standing query until the next start");
                    self.missing.insert(id.to_owned());
                }
            }
        }
        self.all.len() > before
    }

    /// Whether it can be told what of a pack's rows matches.
    pub(super) fn weigh(&self, id: &str) -> bool {
        self.all.iter().any(|scale| scale.pack == id)
    }

    /// Adds what it takes to weigh segments by these queries.
    pub(super) fn measure(
        &mut self,
        store: &Connection,
        new: &mut [(StandingQuery, Measures)],
    ) -> Result<()> {
        match new {
            [] => Ok(()),
            new => self
                .all
                .iter_mut()
                .try_for_each(|scale| scale.measure(store, new)),
        }
    }
}
