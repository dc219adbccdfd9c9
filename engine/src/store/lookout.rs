//! Keeps the matches of standing queries and the counts of what was seen in step with the rows of a store.
//!
//! It follows the store (see `follow`), weighs each row that comes by every query, and puts both into differential dataflow
//! ([`atom_operators::standing`]); what comes out goes into the table of matches and becomes events (see `matches`). A
//! query that is new is weighed against all rows in the transaction in which the others are brought up to date, so it misses
//! none and meets none twice.
//! Invariant: after a step, what is kept is what a program that began anew would keep.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use atom_models::{Judge, LazyText, ModelError, Pack, SharedText, TextEncoder};
use jiff::Timestamp;
use rusqlite::Connection;
use tracing::warn;

use super::follow::{Follower, Remember};
use super::matches::{Kept, Settling, Stand, newest};
use super::queries::{keep_vectors, queries, revision, vectors};
use super::segments::{Measures, Segments};
use super::{Filter, StandingQuery, Store, StoreError};
use crate::stats::Seen;

/// Who weighs rows by queries: a pack, which weighs the rows that it made.
pub struct Scales {
    /// Name and version, with which the packs of its rows begin.
    pack: String,
    judge: Option<Judge>,
    text: Box<dyn TextEncoder>,
}

impl Scales {
    /// The scales of a pack.
    pub fn new(pack: &Pack, text: Box<dyn TextEncoder>) -> Self {
        Self {
            pack: pack.id().to_owned(),
            judge: pack.connector().judge(),
            text,
        }
    }

    /// Those of all packs that made what is read of a store and are installed, each loaded when it is needed; of one that is
    /// loaded already, its own.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_store(
        store: &Store,
        own: Option<(&Pack, SharedText)>,
    ) -> Result<Vec<Self>, StoreError> {
        let mut all: Vec<Self> = own
            .map(|(pack, text)| Self::new(pack, Box::new(text)))
            .into_iter()
            .collect();
        for id in store.packs(&Filter::default())? {
            // What the rows of a pack say that is not installed cannot be weighed.
            let known = all.iter().any(|scales| scales.pack == id);
            if let Some(pack) = (!known).then(|| Pack::open(&id).ok()).flatten() {
                let load = move || Pack::open(&id)?.text(Arc::default());
                all.push(Self::new(&pack, Box::new(LazyText::new(Box::new(load)))));
            }
        }
        Ok(all)
    }

    /// Whether the pack can tell how likely a text is.
    pub fn weighs(&self) -> bool {
        self.judge.is_some()
    }

    /// Adds what it takes to weigh segments by these queries; nothing if the pack cannot, or its text encoder fails.
    fn measure(
        &mut self,
        store: &Connection,
        new: &mut [(StandingQuery, Measures)],
    ) -> rusqlite::Result<()> {
        let Some(judge) = self.judge.as_mut().filter(|_| !new.is_empty()) else {
            return Ok(());
        };
        let mut text = Remembered {
            known: vectors(store, &self.pack)?,
            new: Vec::new(),
            text: &mut *self.text,
        };
        for (query, measures) in new {
            match judge.measure(&query.spec.question(), &mut text) {
                Ok(measure) => drop(measures.insert(self.pack.clone(), measure)),
                Err(error) => warn!(query = %query.name, %error, "cannot be read"),
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
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        if let Some(known) = self.known.get(text) {
            return Ok(known.clone());
        }
        let vector = self.text.embed(text)?;
        self.known.insert(text.to_owned(), vector.clone());
        self.new.push((text.to_owned(), vector.clone()));
        Ok(vector)
    }
}

/// Keeps the matches and counts of one store.
pub struct Lookout {
    store: Store,
    scales: Vec<Scales>,
    follower: Follower,
    segments: Segments,
    /// What the table of matches stands for, if this lookout was the last to write it.
    from: Option<Kept>,
    /// The revision of the queries that are weighed; nothing before the first step.
    revision: Option<i64>,
}

/// What became of the queries since the last step.
struct Queries {
    revision: i64,
    all: BTreeSet<u64>,
    new: Vec<(StandingQuery, Measures)>,
}

impl Lookout {
    /// A lookout of this store, which reads it in its first step. Without scales it only counts what is seen.
    pub fn new(store: Store, scales: Vec<Scales>) -> Self {
        Self {
            segments: Segments::default(),
            store,
            scales,
            follower: Follower::default(),
            from: None,
            revision: None,
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.segments.count()
    }

    /// How many queries there are.
    pub fn queries(&self) -> usize {
        self.segments.queries()
    }

    /// What was seen when, in how many segments: of all hours that a filter touches, by source, hour and word.
    pub fn seen(&self, filter: &Filter) -> Vec<Seen> {
        self.segments.counts.seen(self.follower.sources(), filter)
    }

    /// In how many segments of each source each concept was seen.
    pub fn totals(&self) -> BTreeMap<(String, String), u64> {
        self.segments.counts.totals(self.follower.sources())
    }

    /// Brings everything to what the store holds now. Tells whether there was anything new.
    ///
    /// # Errors
    /// When the store cannot be read or written; the next step makes up for it.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let followed = self.follow();
        if followed.is_err() {
            // What was taken in by halves goes.
            self.segments.forget();
            (self.follower, self.revision, self.from) = (Follower::default(), None, None);
        }
        let new = followed?;
        let stands = self.segments.settle();
        if !self.scales.is_empty() && (new || self.from.is_none()) {
            self.write(&stands)?;
        }
        Ok(new)
    }

    /// Takes in rows and queries as they are at one moment.
    fn follow(&mut self) -> Result<bool, StoreError> {
        let path = self.store.path.clone();
        let told = StoreError::at(&path, "read");
        self.segments
            .lines
            .set_now(Timestamp::now().as_millisecond());
        if self.revision.is_none() {
            let newest = newest(&self.store.connection).map_err(&told)?;
            self.segments.lines.take_up(newest);
        }
        let new = loop {
            let queries = self.changed_queries().map_err(&told)?;
            // Queries are read by the text encoder before the moment, which is to be short.
            if let Some(new) = self.take_in(queries).map_err(&told)? {
                break new;
            }
        };
        self.segments.expire();
        Ok(new)
    }

    fn changed_queries(&mut self) -> rusqlite::Result<Queries> {
        let connection = &self.store.connection;
        let revision = revision(connection)?;
        let (mut all, mut new) = (BTreeSet::new(), Vec::new());
        if !self.scales.is_empty() && self.revision != Some(revision) {
            let now = queries(connection)?;
            all = now.iter().map(|query| query.id).collect();
            let unknown = now
                .into_iter()
                .filter(|query| !self.segments.knows(query.id));
            new = unknown.map(|query| (query, Measures::new())).collect();
            for scales in &mut self.scales {
                scales.measure(connection, &mut new)?;
            }
        }
        Ok(Queries { revision, all, new })
    }

    /// Takes in what there is at one moment; nothing if the queries are others by then.
    fn take_in(&mut self, queries: Queries) -> rusqlite::Result<Option<bool>> {
        let Self {
            store,
            follower,
            segments,
            ..
        } = self;
        let moment = store.connection.unchecked_transaction()?;
        if revision(&moment)? != queries.revision {
            return Ok(None);
        }
        let same = self.revision == Some(queries.revision);
        if same {
            return follower.follow(&moment, segments).map(Some);
        }
        segments.retain_queries(&queries.all);
        // Of a store that was not read yet, each row is weighed by all queries as it comes.
        if self.revision.is_none() {
            segments.add_queries(queries.new);
            follower.follow(&moment, segments)?;
        } else {
            follower.follow(&moment, segments)?;
            let added = segments.add_queries(queries.new);
            if !added.is_empty() {
                follower.visit(&moment, Segments::ALL, &mut |source, row| {
                    segments.weigh_again(&added, follower.sources(), source, row)
                })?;
            }
        }
        self.revision = Some(queries.revision);
        Ok(Some(true))
    }

    /// Brings the table of matches to what is kept.
    fn write(&mut self, changed: &[Stand]) -> Result<(), StoreError> {
        let to = Kept {
            change: self.follower.change(),
            revision: self.revision.unwrap_or_default(),
        };
        let newest = self.segments.lines.kept();
        // Should this fail, all of the matches are handed over the next time.
        let settling = match self.from.take() {
            Some(from) => self.store.settle(Some(from), to, changed, &newest)?,
            None => Settling::WantsAll,
        };
        let settling = match settling {
            Settling::WantsAll => {
                let all = self.segments.stands();
                self.store.settle(None, to, &all, &newest)?
            }
            other => other,
        };
        self.from = (settling == Settling::Done).then_some(to);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
