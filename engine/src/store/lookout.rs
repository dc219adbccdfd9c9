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
        self.segments.seen(self.follower.sources(), filter)
    }

    /// In how many segments of each source each concept was seen.
    pub fn totals(&self) -> BTreeMap<(String, String), u64> {
        self.segments.totals(self.follower.sources())
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
        self.segments.set_now(Timestamp::now().as_millisecond());
        if self.revision.is_none() {
            let newest = newest(&self.store.connection).map_err(&told)?;
            self.segments.set_newest(newest);
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
            follower.visit(&moment, Segments::ALL, &mut |source, row| {
                segments.weigh_again(&added, follower.sources(), source, row)
            })?;
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
        let newest = self.segments.newest();
        let settling = match self.from {
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
mod tests {
    use atom_operators::query::QuerySpec;

    use super::super::testing::store;
    use super::super::{Row, Seal};
    use super::*;

    fn lookout(store: &Store) -> Lookout {
        let pack = Pack::open("fake").unwrap();
        let text = pack.text(Arc::default()).unwrap();
        let store = Store::open(store.path()).unwrap();
        Lookout::new(store, vec![Scales::new(&pack, text)])
    }

    /// A segment that is so much red, and for the rest green.
    fn row(start_ms: u64, red: f32) -> Row {
        Row {
            start_ms,
            end_ms: start_ms + 1000,
            tags: if red > 0.5 { "red" } else { "green; maybe red" }.to_owned(),
            answers: vec![("Is it red?".to_owned(), format!("{}", red > 0.5))],
            embedding: vec![red, 1.0 - red, 0.0, 0.0, 0.0],
            ..Row::default()
        }
    }

    /// Seals rows of the fake pack.
    fn seal(store: &mut Store, source: &str, rows: &[Row]) {
        let pack = "fake-1-00000000";
        store.begin(source, pack).unwrap();
        let through = rows.iter().map(|row| row.end_ms).max().unwrap_or(0);
        store.seal(source, pack, Seal::of(rows, through)).unwrap();
    }

    fn starts(store: &Store, query: &str) -> Vec<(String, u64)> {
        let matches = store.matches(query).unwrap().into_iter();
        let mut starts: Vec<_> = matches
            .map(|found| (found.segment.source, found.segment.start_ms))
            .collect();
        starts.sort();
        starts
    }

    fn events(store: &Store) -> usize {
        store.events(0, None, 100_000).unwrap().len()
    }

    #[test]
    fn a_new_query_meets_each_stored_segment_once_and_then_those_that_come() {
        let (mut store, _folder) = store();
        let mut lookout = lookout(&store);
        seal(&mut store, "door", &[row(0, 1.0), row(1000, 0.0)]);
        lookout.step().unwrap();
        store.add_query("red", &QuerySpec::of("red")).unwrap();
        seal(&mut store, "door", &[row(2000, 0.9)]);
        lookout.step().unwrap();
        seal(&mut store, "door", &[row(3000, 0.8), row(4000, 0.2)]);
        lookout.step().unwrap();
        let door = |start: u64| ("door".to_owned(), start);
        assert_eq!(starts(&store, "red"), [door(0), door(2000), door(3000)]);
        assert_eq!(events(&store), 3);
        assert!(!lookout.step().unwrap() || events(&store) == 3);
    }

    #[test]
    fn a_program_that_begins_anew_finds_the_same_and_tells_nothing_again() {
        let (mut store, _folder) = store();
        store
            .add_query(
                "red",
                &QuerySpec {
                    best: 2,
                    ..QuerySpec::of("red")
                },
            )
            .unwrap();
        seal(&mut store, "door", &[row(0, 0.7), row(1000, 0.8)]);
        lookout(&store).step().unwrap();
        let before = (starts(&store, "red"), events(&store));
        for _ in 0..3 {
            lookout(&store).step().unwrap();
        }
        assert_eq!((starts(&store, "red"), events(&store)), before);
        // What came while nobody looked is found when somebody does.
        seal(&mut store, "door", &[row(2000, 0.9)]);
        lookout(&store).step().unwrap();
        assert_eq!(
            starts(&store, "red"),
            [("door".to_owned(), 1000), ("door".to_owned(), 2000)]
        );
        assert_eq!(events(&store), before.1 + 2);
    }

    #[test]
    fn two_programs_over_one_store_tell_each_event_once() {
        let (mut store, _folder) = store();
        store.add_query("red", &QuerySpec::of("red")).unwrap();
        let (mut one, mut two) = (lookout(&store), lookout(&store));
        for start in 0..20 {
            let red = if start % 3 == 2 { 1.0 } else { 0.0 };
            seal(&mut store, "door", &[row(start * 1000, red)]);
            one.step().unwrap();
            if start % 2 == 0 {
                two.step().unwrap();
            }
            one.step().unwrap();
        }
        two.step().unwrap();
        assert_eq!((events(&store), starts(&store, "red").len()), (6, 6));
    }

    #[test]
    fn what_is_older_than_the_span_leaves_when_something_newer_comes() {
        let (mut store, _folder) = store();
        let hour = QuerySpec {
            within_seconds: Some(3600),
            ..QuerySpec::of("red")
        };
        store.add_query("red", &hour).unwrap();
        store.set_start("door", 1_000_000_000_000).unwrap();
        let mut lookout = lookout(&store);
        let mut come = |start: u64| {
            seal(&mut store, "door", &[row(start, 1.0)]);
            lookout.step().unwrap();
            starts(&store, "red")
                .into_iter()
                .map(|(_, start)| start)
                .collect::<Vec<_>>()
        };
        assert_eq!(come(0), [0]);
        assert_eq!(come(3_000_000), [0, 3_000_000]);
        assert_eq!(come(4_000_000), [3_000_000, 4_000_000]);
        // Late, and too old already.
        assert_eq!(come(100_000), [3_000_000, 4_000_000]);
    }

    #[test]
    fn a_clock_that_was_ahead_and_jumps_back_does_not_end_a_query() {
        let (mut store, _folder) = store();
        let hour = QuerySpec {
            within_seconds: Some(3600),
            ..QuerySpec::of("red")
        };
        store.add_query("red", &hour).unwrap();
        let now = Timestamp::now().as_millisecond();
        store.set_start("wrong", now + 1_000_000_000_000).unwrap();
        store.set_start("right", now).unwrap();
        seal(&mut store, "wrong", &[row(0, 1.0)]);
        let mut first = lookout(&store);
        first.step().unwrap();
        seal(&mut store, "right", &[row(0, 1.0)]);
        first.step().unwrap();
        assert_eq!(starts(&store, "red").len(), 2);
    }

    /// Changes a store at random in every way there is.
    fn change(store: &mut Store, chance: &mut fastrand::Rng) {
        let source = ["door", "barn", "yard"][chance.usize(0..3)];
        let at = |chance: &mut fastrand::Rng| chance.u64(0..40) * 400_000;
        match chance.u8(0..14) {
            0 => drop(store.forget(source).unwrap()),
            1 => store
                .set_start(source, chance.i64(0..3) * 10_000_000)
                .unwrap(),
            2 => {
                let end = at(chance);
                seal(store, source, &[]);
                store.finish(source, "fake-1-00000000", end).unwrap();
            }
            3 => drop(store.begin(source, "other-1-00000000").unwrap()),
            4 | 5 => {
                let spec = QuerySpec {
                    best: chance.u32(1..5),
                    within_seconds: chance.bool().then_some(5000),
                    sources: if chance.bool() {
                        vec![]
                    } else {
                        vec!["*r*".to_owned()]
                    },
                    ..QuerySpec::of(["red", "green"][chance.usize(0..2)])
                };
                let name = ["a", "b", "c"][chance.usize(0..3)];
                store.add_query(name, &spec).unwrap();
            }
            6 => {
                let _ = store.remove_query(["a", "b", "c"][chance.usize(0..3)]);
            }
            _ => {
                let rows: Vec<_> = (0..chance.usize(1..4))
                    .map(|_| row(at(chance), chance.f32()))
                    .collect();
                seal(store, source, &rows);
            }
        }
    }

    #[test]
    fn what_is_kept_is_what_a_program_that_begins_anew_keeps() {
        let (mut store, _folder) = store();
        let mut kept = lookout(&store);
        let mut chance = fastrand::Rng::with_seed(11);
        let mut most = 0;
        for step in 0..400 {
            change(&mut store, &mut chance);
            kept.step().unwrap();
            let mut anew = lookout(&store);
            anew.follow().unwrap();
            anew.segments.settle();
            assert_eq!(
                kept.segments.stands(),
                anew.segments.stands(),
                "step {step}"
            );
            let all = Filter::default();
            assert_eq!(kept.seen(&all), anew.seen(&all), "step {step}");
            most = most.max(kept.segments.stands().len());
        }
        assert!(most > 5, "{most}");
    }
}
