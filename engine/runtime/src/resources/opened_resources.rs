//! Everything that a run needs, opened.

use atom_media::{Location, folder::RecordingSet};
use atom_models::Pack;
use atom_pipelines::Plan;

use super::{
    open_index_writers::open_index_writers,
    open_sinks::open_sinks,
    pack_modules::{ModuleNeeds, Modules},
    source_locations::{locations, recording_sets},
    source_starts::find_starts,
};
use crate::{
    error::RuntimeError, index_writer::IndexWriter, resume_point::SourceStart,
    run_options::RunOptions, standing_queries::StandingQueries, writer::PlanSink,
};

/// Everything that a run needs, opened.
pub(crate) struct Resources {
    pub(crate) sources: SourceResources,
    /// The indexes, for the writer.
    pub(crate) index_writers: Vec<IndexWriter>,
    pub(crate) modules: Modules,
    pub(crate) sinks: Vec<PlanSink>,
    pub(crate) standing_queries: StandingQueries,
}

/// The sources of a run.
pub(crate) struct SourceResources {
    /// Locations of the planned sources.
    pub(crate) locations: Vec<Option<Location>>,
    /// Starts of the planned sources.
    pub(crate) starts: Vec<SourceStart>,
    /// Contents of the folders, each with its planned source.
    pub(crate) recording_sets: Vec<(usize, RecordingSet)>,
    /// The indexes once more, for the reconciliation of found recordings.
    pub(crate) index_writers: Vec<IndexWriter>,
}

impl Resources {
    /// Opens everything that a plan needs. Takes the modules of the options, if there are any.
    ///
    /// # Errors
    /// If anything cannot be used.
    pub(crate) fn open(
        plan: &Plan,
        pack: &Pack,
        options: &mut RunOptions,
    ) -> Result<Self, RuntimeError> {
        let locations = locations(plan)?;
        let recording_sets = recording_sets(plan)?;
        let mut index_writers = open_index_writers(plan, pack)?;
        let reconciler_writers = match recording_sets.is_empty() {
            true => Vec::new(),
            false => open_index_writers(plan, pack)?,
        };
        let modules = match options.modules.take() {
            Some(modules) => modules,
            None => {
                let needs = ModuleNeeds::of(plan, pack.prompts(), options.questions.is_some());
                Modules::load(pack, needs, &options.meters, !options.sequential)?
            }
        };
        let sinks = open_sinks(plan, &options.hangups)?;
        // With a server, people may ask for counts without a standing query.
        let always_count = options.server.is_some();
        let standing_queries = StandingQueries::open(plan, pack, &modules.text, always_count)?;
        let starts = find_starts(plan, &mut index_writers, options.resume)?;
        Ok(Self {
            sources: SourceResources {
                locations,
                starts,
                recording_sets,
                index_writers: reconciler_writers,
            },
            index_writers,
            modules,
            sinks,
            standing_queries,
        })
    }
}
