//! What is stored, as people's questions find it.
//!
//! A run has the modules of one pack. What another pack has looked at is compared with the vectors of that one, and that one
//! tells how likely it bears out what is asked.

use std::collections::BTreeMap;

use atom_models::{
    CachedTextEncoder, Fault, Meters, ModelError, Pack, Reason, TextEncoder, VisualFeatures,
    YesNoClassifier,
};
use atom_operators::{
    archive::{Archive, Extent, Moment},
    question::Question,
};

use atom_index::{Chosen, Filter, Query, Store, StoreError, StoredRow, id_of};
use atom_models::error_chain;

/// A store that answers questions about some of its sources.
pub struct StoreArchive {
    /// The store.
    pub store: Store,
    /// What of it questions are about, besides what they say themselves.
    pub filter: Filter,
    /// The packs that made it.
    pub readers: Readers,
}

/// The packs that made what is stored.
pub struct Readers {
    /// The id of the run's pack.
    pub own: String,
    /// Others, by id.
    pub others: BTreeMap<String, Reader>,
}

/// What reads the vectors that a pack made.
pub struct Reader {
    text: Box<dyn TextEncoder>,
    judge: Option<YesNoClassifier>,
}

impl Reader {
    /// The reader of a pack.
    ///
    /// # Errors
    /// If its text encoder cannot be loaded.
    pub fn of(pack: &Pack) -> Result<Self, ModelError> {
        let text = pack.text(Meters::default().text)?;
        Ok(Self {
            text: Box::new(CachedTextEncoder::new(text)),
            judge: pack.prompts().yes_no_classifier(),
        })
    }

    fn embed(&mut self, words: &str) -> Result<Vec<f32>, Fault> {
        let vector = self.text.embed(words);
        vector.map_err(Fault::from)
    }

    fn likely(&mut self, asked: &str, features: &VisualFeatures) -> Result<f32, Fault> {
        let Some(judge) = &mut self.judge else {
            return Ok(1.0);
        };
        let likely = judge.probability(asked, features, &mut *self.text);
        likely.map_err(Fault::from)
    }
}

fn fault(error: StoreError) -> Fault {
    Fault::new(Reason::Missing, error_chain(&error))
}

/// How far these sources are complete, for whoever asks about their spans.
pub(crate) fn extent(store: &Store, chosen: &[Chosen]) -> Result<Extent, StoreError> {
    let through = chosen
        .iter()
        .map(|chosen| (chosen.state.source.clone(), chosen.state.sealed_ms));
    Ok(Extent {
        complete_through_ms: through.collect(),
        incomplete: store.incomplete_in(chosen)?,
    })
}

impl StoreArchive {
    /// All of a store, for a run with the pack of this id.
    pub fn new(store: Store, pack: String) -> Self {
        Self {
            store,
            filter: Filter::default(),
            readers: Readers {
                own: pack,
                others: BTreeMap::new(),
            },
        }
    }

    /// What a question is about.
    fn about(&self, question: &Question) -> Filter {
        let own = &self.filter;
        Filter {
            sources: match &question.source {
                Some(source) => vec![source.clone()],
                None => own.sources.clone(),
            },
            from_ms: own.from_ms.max(question.from_ms),
            to_ms: own.to_ms.into_iter().chain(question.to_ms).min(),
            ..own.clone()
        }
    }

    fn chosen(&self, question: &Question) -> Result<Vec<Chosen>, Fault> {
        let choice = self.store.choose(&self.about(question)).map_err(fault)?;
        Ok(choice.sources)
    }
}

impl Archive for StoreArchive {
    fn extent(&mut self, question: &Question) -> Result<Extent, Fault> {
        extent(&self.store, &self.chosen(question)?).map_err(fault)
    }

    fn best(
        &mut self,
        question: &Question,
        words: &str,
        vector: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<Moment>, Fault> {
        let query = Query {
            text: words.to_owned(),
            vectors: self.readers.vectors(words, vector)?,
            limit,
            filter: self.about(question),
            page: None,
        };
        let hits = self.store.search(&query).map_err(fault)?.hits;
        let mut moments = Vec::new();
        for hit in hits {
            let (from, to) = (Some(hit.start_ms), Some(hit.start_ms + 1));
            let mut found = None;
            let visited = self.store.visit(Some(&hit.source), from, to, &mut |row| {
                found = Some(row).filter(|row| row.row.start_ms == hit.start_ms);
                found.is_none()
            });
            visited.map_err(fault)?;
            // A row may have gone since; then it is no answer any more.
            if let Some(row) = found {
                moments.push(self.readers.moment(row, Some(&question.text))?);
            }
        }
        Ok(moments)
    }

    fn each(
        &mut self,
        question: &Question,
        asked: Option<&str>,
        visit: &mut dyn FnMut(Moment) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let chosen = self.chosen(question)?;
        let Self { store, readers, .. } = self;
        for chosen in chosen {
            let source = Some(&*chosen.state.source);
            let mut failed = Ok(());
            let visited = store.visit(source, Some(chosen.from_ms), chosen.to_ms, &mut |row| {
                failed = readers.moment(row, asked).and_then(&mut *visit);
                failed.is_ok()
            });
            visited.map_err(fault)?;
            failed?;
        }
        Ok(())
    }
}

impl Readers {
    /// The vectors of some words, of which the run's own pack has made one.
    fn vectors(&mut self, words: &str, own: Vec<f32>) -> Result<BTreeMap<String, Vec<f32>>, Fault> {
        let mut vectors = BTreeMap::from([(self.own.clone(), own)]);
        for (pack, reader) in &mut self.others {
            vectors.insert(pack.clone(), reader.embed(words)?);
        }
        Ok(vectors)
    }

    /// A row as a moment. If another pack made it, that one says here how likely it bears out what is asked.
    fn moment(&mut self, stored: StoredRow, asked: Option<&str>) -> Result<Moment, Fault> {
        let row = stored.row;
        let features = VisualFeatures {
            embedding: row.embedding.into(),
            concepts: row.concepts.into(),
        };
        let asked = asked.filter(|_| id_of(&stored.pack) != self.own);
        let likely = match asked {
            Some(asked) => Some(self.of(&stored.pack)?.likely(asked, &features)?),
            None => None,
        };
        Ok(Moment {
            source: stored.source,
            start_ms: row.start_ms,
            end_ms: row.end_ms,
            tags: row.tags,
            caption: row.caption,
            features,
            likely,
        })
    }

    fn of(&mut self, pack: &str) -> Result<&mut Reader, Fault> {
        let id = id_of(pack);
        // A newer pack may have caught up since the question was asked.
        let unread = || format!("the index is of pack {id} by now, too; ask again");
        self.others
            .get_mut(id)
            .ok_or_else(|| Fault::new(Reason::Missing, unread()))
    }
}
