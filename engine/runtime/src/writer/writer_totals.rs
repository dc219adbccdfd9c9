//! Counts, failures and errors of everything that a run wrote.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use atom_models::Reason;
use atom_operators::{failure::Stage, ids::SourceId};

use crate::{
    error::RuntimeError,
    metrics::Metrics,
    output_event::SourceEvent,
    run_report::SourceReport,
    run_status::{SealProgress, SourceStatus},
};

/// The number of incomplete recordings that are listed at most; each was logged when it happened.
const MAX_INCOMPLETE: usize = 1000;

/// The totals of a run.
#[derive(Default)]
pub(crate) struct WriterTotals {
    /// Captions sent out.
    pub(crate) captions: u64,
    /// Answers sent out.
    pub(crate) answers: u64,
    /// The progress of each source; recordings of folders only until they are finished.
    pub(crate) sources: BTreeMap<SourceId, SealProgress>,
    /// The reports of finished recordings of folders; those of a watched folder are added up.
    pub(crate) finished: BTreeMap<String, SourceReport>,
    /// Recordings of folders that were not processed to their end, with the time through which they are complete, in milliseconds.
    pub(crate) incomplete: BTreeMap<String, u64>,
    /// Recordings of folders that failed and were not replaced by something better since; each was reported when it happened.
    pub(crate) failed: BTreeSet<String>,
    /// Failures by stage and reason.
    pub(crate) failures: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Errors that make the run fail.
    pub(crate) errors: Vec<RuntimeError>,
    /// The planned sources that some of the errors are about.
    pub(crate) with_error: BTreeSet<String>,
    /// True if the run ended because the observer went away.
    pub(crate) observer_gone: bool,
    /// Counts failures too.
    pub(crate) metrics: Arc<Metrics>,
}

impl WriterTotals {
    /// Returns totals at zero.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            ..Self::default()
        }
    }

    /// Returns totals of a writer that panicked.
    pub(crate) fn of_panic() -> Self {
        Self {
            errors: vec![RuntimeError::Panicked { part: "the writer" }],
            ..Self::default()
        }
    }

    /// Counts a failure.
    pub(super) fn count_failure(&mut self, stage: Stage, reason: Reason) {
        self.metrics.failed(stage.name(), reason.name());
        let reasons = self.failures.entry(stage.name()).or_default();
        *reasons.entry(reason.name()).or_default() += 1;
    }

    /// Returns the progress of a source, which starts as complete as it is stored.
    pub(super) fn progress(&mut self, source: &SourceStatus) -> &mut SealProgress {
        self.sources
            .entry(source.id)
            .or_insert(SealProgress::at_start(source))
    }

    /// Notes that a recording of a folder ended: all of it, or only up to some point.
    pub(super) fn note_end(&mut self, source: &SourceStatus, ended: bool, progress: SealProgress) {
        self.sources.remove(&source.id);
        let name = &source.name;
        if ended {
            self.forget(name);
        } else if self.failed.contains(name) || source.failure.get().is_some() {
            self.failed.insert(name.clone());
            self.incomplete.remove(name);
        } else if self.incomplete.len() < MAX_INCOMPLETE {
            let through = progress.complete_through.millis();
            self.incomplete.insert(name.clone(), through);
        }
    }

    /// Notes what happened to a recording of a folder.
    pub(super) fn note_event(&mut self, event: &SourceEvent) {
        match event {
            SourceEvent::Removed(name) | SourceEvent::Replaced(name) => self.forget(name),
            SourceEvent::Failed { name, .. } => drop(self.failed.insert(name.clone())),
            _ => {}
        }
    }

    /// Adds the errors of planned sources before all others.
    pub(crate) fn add_source_errors(&mut self, errors: BTreeMap<String, RuntimeError>) {
        let (names, errors): (Vec<_>, Vec<_>) = errors.into_iter().unzip();
        self.errors.splice(0..0, errors);
        self.with_error.extend(names);
    }

    /// True if one of the errors explains why a planned source is incomplete, or if the observer is gone.
    pub(crate) fn is_explained(&self, source: &str) -> bool {
        self.observer_gone || self.with_error.contains(source)
    }

    fn forget(&mut self, name: &str) {
        self.incomplete.remove(name);
        self.failed.remove(name);
    }
}
