//! Everything that a run needs, opened.

use atom_media::{Location, folder::RecordingSet};
use atom_models::{Meters, Pack};
use atom_pipelines::Plan;

use super::{
    indexes::open_index_writers,
    modules::{ModuleNeeds, Modules},
    resume::find_starts,
    sinks::open_sinks,
    sources::{locations, recording_sets},
};
use crate::{
    error::RuntimeError, index_writer::IndexWriter, resume_point::SourceStart,
    standing_queries::StandingQueries, writer::PlanSink,
};

/// Everything that a run needs, opened.
pub(crate) struct Resources {
    /// Locations of the planned sources.
    pub(crate) locations: Vec<Option<Location>>,
    /// Contents of the folders, each with its planned source.
    pub(crate) recording_sets: Vec<(usize, RecordingSet)>,
    /// The indexes, for the writer.
    pub(crate) index_writers: Vec<IndexWriter>,
    /// The same indexes, for the reconciliation of found recordings.
    pub(crate) reconciler_writers: Vec<IndexWriter>,
    pub(crate) modules: Modules,
    pub(crate) sinks: Vec<PlanSink>,
    pub(crate) standing_queries: StandingQueries,
    /// Starts of the planned sources.
    pub(crate) starts: Vec<SourceStart>,
}

/// The choices of a run that its resources depend on.
pub(crate) struct ResourceOptions<'m> {
    /// True if sources resume where their indexes stopped.
    pub(crate) resume: bool,
    /// True if people may ask questions.
    pub(crate) questions: bool,
    /// True if modules do not run at the same time.
    pub(crate) sequential: bool,
    /// True if segments are counted even without standing queries.
    pub(crate) always_count: bool,
    /// Measure the modules.
    pub(crate) meters: &'m Meters,
    /// The modules, if they are loaded already.
    pub(crate) modules: Option<Modules>,
}

impl Resources {
    /// Opens everything that a plan needs.
    ///
    /// # Errors
    /// If anything cannot be used.
    pub(crate) fn open(
        plan: &Plan,
        pack: &Pack,
        options: ResourceOptions,
    ) -> Result<Self, RuntimeError> {
        let locations = locations(plan)?;
        let recording_sets = recording_sets(plan)?;
        let mut index_writers = open_index_writers(plan, pack)?;
        let reconciler_writers = match recording_sets.is_empty() {
            true => Vec::new(),
            false => open_index_writers(plan, pack)?,
        };
        let modules = match options.modules {
            Some(modules) => modules,
            None => {
                let needs = ModuleNeeds::of(plan, pack.prompts(), options.questions);
                Modules::load(pack, needs, options.meters, !options.sequential)?
            }
        };
        let sinks = open_sinks(plan)?;
        let standing_queries =
            StandingQueries::open(plan, pack, &modules.text, options.always_count)?;
        let starts = find_starts(plan, &mut index_writers, options.resume)?;
        Ok(Self {
            locations,
            recording_sets,
            index_writers,
            reconciler_writers,
            modules,
            sinks,
            standing_queries,
            starts,
        })
    }
}
