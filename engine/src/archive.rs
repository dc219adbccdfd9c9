//! What is stored, as people's questions find it.

use atom_models::{Fault, Impression, Reason};
use atom_operators::{
    archive::{Archive, Extent, Moment},
    question::Question,
};

use crate::{
    error::chain,
    store::{Query, SourceState, Store, StoreError, StoredRow},
};

/// A store that answers questions.
pub struct StoreArchive(pub Store);

fn fault(error: StoreError) -> Fault {
    Fault::new(Reason::Missing, chain(&error))
}

/// How far these sources are complete, for whoever asks about what is shown before `to_ms`.
pub(crate) fn extent(states: &[SourceState], to_ms: Option<u64>) -> Extent {
    let through = states
        .iter()
        .map(|state| (state.source.clone(), state.sealed_ms));
    // A recording that was worked through has nothing after its end.
    let enough = |state: &SourceState| state.ended || to_ms.is_some_and(|to| to <= state.sealed_ms);
    let incomplete = states.iter().filter(|state| !enough(state));
    Extent {
        complete_through_ms: through.collect(),
        incomplete: incomplete.map(|state| state.source.clone()).collect(),
    }
}

impl Archive for StoreArchive {
    fn extent(&mut self, question: &Question) -> Result<Extent, Fault> {
        let states = self.0.current(question.source.as_deref()).map_err(fault)?;
        Ok(extent(&states, question.to_ms))
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
            from_ms: question.from_ms,
            to_ms: question.to_ms,
            source: question.source.clone(),
        };
        let hits = self.0.search(&query).map_err(fault)?.hits;
        let mut moments = Vec::new();
        for hit in hits {
            let row = self.0.rows(
                Some(&hit.source),
                Some(hit.start_ms),
                Some(hit.start_ms + 1),
            );
            let row = row
                .map_err(fault)?
                .into_iter()
                .find(|row| row.row.start_ms == hit.start_ms);
            // A row may have gone since; then it is no answer any more.
            moments.extend(row.map(moment));
        }
        Ok(moments)
    }

    fn each(
        &mut self,
        question: &Question,
        visit: &mut dyn FnMut(Moment) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut failed = Ok(());
        let source = question.source.as_deref();
        let visited = self
            .0
            .visit(source, question.from_ms, question.to_ms, &mut |row| {
                failed = visit(moment(row));
                failed.is_ok()
            });
        visited.map_err(fault)?;
        failed
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
