//! Finds the segments of an index that people's questions are about.
//!
//! A run has the modules of one pack. Rows of another pack are compared with that pack's vectors, and that pack computes how likely
//! they support an answer.

use std::collections::BTreeMap;

use atom_index::{Filter, Query, SelectedSource, Store, StoreError, StoredRow, pack_id};
use atom_models::{
    CachedTextEncoder, Fault, Meters, ModelError, Pack, Reason, TextEncoder, VisualFeatures,
    YesNoClassifier, error_chain,
};
use atom_operators::qa::{
    archive::{Archive, Coverage, StoredSegment},
    question::Question,
};

/// An index as an archive for questions.
pub struct StoreArchive {
    /// The index.
    pub store: Store,
    /// Selects the part of the index that questions are about, besides their own selection.
    pub filter: Filter,
    /// The packs that wrote its rows.
    pub packs: PackReaders,
}

/// The packs that wrote the rows of an index.
pub struct PackReaders {
    /// Id of the run's pack.
    pub own: String,
    /// The other packs, by id.
    pub others: BTreeMap<String, PackReader>,
}

/// The modules that interpret the vectors of a pack.
pub struct PackReader {
    text: Box<dyn TextEncoder>,
    classifier: Option<YesNoClassifier>,
}

impl PackReader {
    /// Loads the modules of a pack.
    ///
    /// # Errors
    /// If its text encoder cannot be loaded.
    pub fn load(pack: &Pack) -> Result<Self, ModelError> {
        let text = pack.text(Meters::default().text)?;
        Ok(Self {
            text: Box::new(CachedTextEncoder::new(text)),
            classifier: pack.prompts().yes_no_classifier(),
        })
    }

    fn embed(&mut self, words: &str) -> Result<Vec<f32>, Fault> {
        let vector = self.text.embed(words);
        vector.map_err(Fault::from)
    }

    fn probability(&mut self, asked: &str, features: &VisualFeatures) -> Result<f32, Fault> {
        let Some(classifier) = &mut self.classifier else {
            return Ok(1.0);
        };
        let probability = classifier.probability(asked, features, &mut *self.text);
        probability.map_err(Fault::from)
    }
}

fn store_fault(error: StoreError) -> Fault {
    Fault::new(Reason::Missing, error_chain(&error))
}

/// Returns the time through which the selected sources are complete, and their gaps.
pub(crate) fn coverage_of(
    store: &Store,
    selected: &[SelectedSource],
) -> Result<Coverage, StoreError> {
    let through = selected
        .iter()
        .map(|selected| (selected.state.source.clone(), selected.state.sealed_ms));
    Ok(Coverage {
        complete_through_ms: through.collect(),
        incomplete: store.incomplete(selected)?,
    })
}

impl StoreArchive {
    /// Returns an archive of a whole index, for a run with the pack of this id.
    pub fn new(store: Store, pack: String) -> Self {
        Self {
            store,
            filter: Filter::default(),
            packs: PackReaders {
                own: pack,
                others: BTreeMap::new(),
            },
        }
    }

    /// Returns the selection of a question.
    fn filter_for(&self, question: &Question) -> Filter {
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

    fn selected(&self, question: &Question) -> Result<Vec<SelectedSource>, Fault> {
        let selection = self
            .store
            .select(&self.filter_for(question))
            .map_err(store_fault)?;
        Ok(selection.sources)
    }
}

impl Archive for StoreArchive {
    fn coverage(&mut self, question: &Question) -> Result<Coverage, Fault> {
        coverage_of(&self.store, &self.selected(question)?).map_err(store_fault)
    }

    fn search(
        &mut self,
        question: &Question,
        words: &str,
        vector: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<StoredSegment>, Fault> {
        let query = Query {
            text: words.to_owned(),
            vectors: self.packs.vectors(words, vector)?,
            limit,
            filter: self.filter_for(question),
            page: None,
        };
        let hits = self.store.search(&query).map_err(store_fault)?.hits;
        let mut segments = Vec::new();
        for hit in hits {
            let (from, to) = (Some(hit.start_ms), Some(hit.start_ms + 1));
            let mut found = None;
            let visited = self.store.visit(Some(&hit.source), from, to, &mut |row| {
                found = Some(row).filter(|row| row.row.start_ms == hit.start_ms);
                found.is_none()
            });
            visited.map_err(store_fault)?;
            // The row may have been removed since; then it is skipped.
            if let Some(row) = found {
                segments.push(self.packs.segment(row, Some(&question.text))?);
            }
        }
        Ok(segments)
    }

    fn scan(
        &mut self,
        question: &Question,
        asked: Option<&str>,
        visit: &mut dyn FnMut(StoredSegment) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let selected = self.selected(question)?;
        let Self { store, packs, .. } = self;
        for selected in selected {
            let source = Some(&*selected.state.source);
            let mut failed = Ok(());
            let visited = store.visit(source, Some(selected.from_ms), selected.to_ms, &mut |row| {
                failed = packs.segment(row, asked).and_then(&mut *visit);
                failed.is_ok()
            });
            visited.map_err(store_fault)?;
            failed?;
        }
        Ok(())
    }
}

impl PackReaders {
    /// Returns the vector of a text for each pack, given that of the run's own pack.
    fn vectors(&mut self, words: &str, own: Vec<f32>) -> Result<BTreeMap<String, Vec<f32>>, Fault> {
        let mut vectors = BTreeMap::from([(self.own.clone(), own)]);
        for (pack, reader) in &mut self.others {
            vectors.insert(pack.clone(), reader.embed(words)?);
        }
        Ok(vectors)
    }

    /// Converts a row. If another pack wrote it, that pack computes here how likely it supports an answer.
    fn segment(&mut self, stored: StoredRow, asked: Option<&str>) -> Result<StoredSegment, Fault> {
        let row = stored.row;
        let features = VisualFeatures {
            embedding: row.embedding.into(),
            concepts: row.concepts.into(),
            ..VisualFeatures::default()
        };
        let asked = asked.filter(|_| pack_id(&stored.pack) != self.own);
        let probability = match asked {
            Some(asked) => {
                let pack = self.pack(&stored.pack)?;
                Some(pack.probability(asked, &features)?)
            }
            None => None,
        };
        Ok(StoredSegment {
            source: stored.source,
            start_ms: row.start_ms,
            end_ms: row.end_ms,
            tags: row.tags,
            caption: row.caption,
            features,
            objects: row.objects,
            probability,
        })
    }

    fn pack(&mut self, pack: &str) -> Result<&mut PackReader, Fault> {
        let id = pack_id(pack);
        // Another pack may have written rows since the question was asked.
        let missing = || {
            format!("pack {id} has written to the index since the question was asked; ask again")
        };
        self.others
            .get_mut(id)
            .ok_or_else(|| Fault::new(Reason::Missing, missing()))
    }
}
