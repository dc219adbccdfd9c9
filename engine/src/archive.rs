//! What is stored, as people's questions find it.

use atom_models::{Fault, Impression, Reason};
use atom_operators::{
    archive::{Archive, Extent, Moment},
    question::Question,
};

use crate::{
    error::chain,
    store::{Chosen, Filter, Query, Store, StoreError, StoredRow},
};

/// A store that answers questions about some of its sources.
pub struct StoreArchive {
    /// The store.
    pub store: Store,
    /// What of it questions are about, besides what they say themselves.
    pub filter: Filter,
}

fn fault(error: StoreError) -> Fault {
    Fault::new(Reason::Missing, chain(&error))
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
    /// All of a store.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            filter: Filter::default(),
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
            vector: Some(vector),
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
            moments.extend(found.map(moment));
        }
        Ok(moments)
    }

    fn each(
        &mut self,
        question: &Question,
        visit: &mut dyn FnMut(Moment) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for chosen in self.chosen(question)? {
            let source = Some(&*chosen.state.source);
            let mut failed = Ok(());
            let visited =
                self.store
                    .visit(source, Some(chosen.from_ms), chosen.to_ms, &mut |row| {
                        failed = visit(moment(row));
                        failed.is_ok()
                    });
            visited.map_err(fault)?;
            failed?;
        }
        Ok(())
    }
}

fn moment(stored: StoredRow) -> Moment {
    let row = stored.row;
    Moment {
        source: stored.source,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        tags: row.tags,
        caption: row.caption,
        impression: Impression {
            embedding: row.embedding.into(),
            concepts: row.concepts.into(),
        },
    }
}
