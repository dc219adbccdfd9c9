//! The outcome of a run: its report, its errors, and the sources that are not complete.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Instant,
};

use atom_models::error_chain;

use crate::{
    error::RuntimeError,
    process_usage,
    resume_point::SourceStart,
    run_report::{self, DecoderReport, Report, SourceReport},
    run_status::{RunStatus, SealProgress},
    writer::WriterTotals,
};

/// The outcome of a run.
#[derive(Debug)]
pub struct RunOutcome {
    /// Counts and times.
    pub report: Report,
    /// Errors of the run and of its planned sources.
    pub errors: Vec<RuntimeError>,
    /// Recordings of folders that failed; the observer got an event for each when it happened, unless part of it was processed: then a
    /// warning was logged.
    pub failed: BTreeSet<String>,
    /// Other sources that were not processed to their end, with the time through which they are complete, in milliseconds.
    pub incomplete: BTreeMap<String, u64>,
}

impl RunOutcome {
    /// True if everything was processed to its end without an error.
    pub fn succeeded(&self) -> bool {
        self.errors.is_empty() && self.failed.is_empty() && self.incomplete.is_empty()
    }

    /// Returns the errors as text, each with its causes.
    pub fn error_messages(&self) -> Vec<String> {
        self.errors.iter().map(|error| error_chain(error)).collect()
    }

    /// Returns the outcome of a run whose planned sources started like this.
    pub(crate) fn new(
        status: &RunStatus,
        mut totals: WriterTotals,
        starts: &[SourceStart],
        started: Instant,
    ) -> Self {
        let mut incomplete = mem::take(&mut totals.incomplete);
        let mut sources = mem::take(&mut totals.finished);
        for source in status.sources() {
            let start = &starts[source.id.planned as usize];
            if source.recording.is_none() && start.resume_point.is_none() {
                // Its indexes hold all of it already.
                continue;
            }
            let progress = totals.sources.get(&source.id).copied();
            let progress = progress.unwrap_or(SealProgress::at_start(&source));
            if !(progress.ended || source.live || totals.is_explained(&source.name)) {
                let through = progress.complete_through.millis();
                incomplete.insert(source.name.clone(), through);
            }
            let report = SourceReport::new(status, &source, progress);
            sources.insert(source.name.clone(), report);
        }
        let report = Report {
            wall_seconds: started.elapsed().as_secs_f64(),
            peak_rss_bytes: process_usage::peak_rss_bytes(),
            captions: totals.captions,
            answers: totals.answers,
            sources,
            modules: run_report::module_readings(&status.meters),
            decoder: DecoderReport::new(&status.counters),
            failures: totals.failures,
        };
        Self {
            report,
            errors: totals.errors,
            failed: totals.failed,
            incomplete,
        }
    }
}
