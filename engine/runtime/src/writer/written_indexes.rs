//! The indexes that a run writes.
//!
//! The rows of a sealed tick and the time through which the source is complete go into an index in one transaction, so that the two
//! never disagree. An index that fails takes nothing more, and the run ends: going on would lose rows.

use atom_index::{Gap, Store, StoreError};
use atom_models::{PromptBuilder, Reason, error_chain};
use atom_operators::{event::SourceEnd, failure::Stage, ids::NodeId, index::Row};
use tracing::{debug, warn};

use super::writer_totals::WriterTotals;
use crate::{
    index_writer::{IndexWriter, index_part, index_row},
    retention_task::RetentionTask,
    run_context::RunContext,
    run_status::{SealProgress, SourceStatus},
};

/// The indexes of a run.
pub(crate) struct Indexes {
    pub(crate) writers: Vec<IndexWriter>,
    /// Turns features into tags.
    pub(crate) prompts: PromptBuilder,
    /// Its token is cancelled when an index fails.
    pub(crate) context: RunContext,
}

/// The part of a sealed tick that goes into the indexes.
#[derive(Default)]
pub(super) struct SealedTick {
    pub(super) rows: Vec<Row>,
    /// Gaps, each with the segment node that it concerns; `None` concerns all.
    pub(super) gaps: Vec<(Option<NodeId>, Gap)>,
    pub(super) progress: SealProgress,
    /// The end of the source, if the tick brought it.
    pub(super) end: Option<SourceEnd>,
}

impl Indexes {
    /// Stores a sealed tick in every index of its source. While the modules may be broken, rows wait: their rows must not count as done.
    pub(super) fn store(
        &mut self,
        totals: &mut WriterTotals,
        source: &SourceStatus,
        tick: &SealedTick,
    ) {
        let broken_modules = !self.context.health.errors().is_empty();
        let mut errors = Vec::new();
        for writer in &mut self.writers {
            if !add_to_pending(writer, source, tick, &self.prompts) {
                continue;
            }
            if broken_modules || writer.failed {
                continue;
            }
            let retry_in = source.is_endless().then_some(&self.context);
            while let Some((id, batch)) = writer.pending.pop_first() {
                let start_time = self
                    .context
                    .status
                    .source(id)
                    .and_then(|source| source.start_time());
                match writer.write(id, &batch, start_time, retry_in) {
                    Ok(()) => totals.metrics.indexed(batch.rows.len()),
                    Err(error) => {
                        // Later batches would be sealed over the missing rows.
                        writer.failed = true;
                        errors.push((index_part(writer.store.path()), error));
                        break;
                    }
                }
            }
        }
        self.fail(totals, errors);
    }

    /// Removes expired segments from each index. A passing error is tried again later, since nothing is lost by that.
    pub(super) fn apply_retention(
        &mut self,
        totals: &mut WriterTotals,
        remove: impl Fn(&mut RetentionTask, &mut Store) -> Result<Option<usize>, StoreError>,
    ) {
        let mut errors = Vec::new();
        for writer in self.writers.iter_mut().filter(|writer| !writer.failed) {
            let Some(task) = &mut writer.retention else {
                continue;
            };
            let Some(removed) = remove(task, &mut writer.store).transpose() else {
                continue;
            };
            let part = format!("retention of {}", index_part(writer.store.path()));
            let problems = &self.context.status.problems;
            match removed {
                Ok(segments) => {
                    problems.clear(&part);
                    if segments > 0 {
                        debug!(segments, "removed expired segments");
                    }
                }
                Err(error) if error.is_transient() => {
                    let reason = error_chain(&error);
                    if problems.set(&part, reason.clone()) {
                        warn!(
                            "cannot remove expired segments: {reason}; retrying until it succeeds"
                        );
                    }
                }
                Err(error) => {
                    writer.failed = true;
                    errors.push((index_part(writer.store.path()), error));
                }
            }
        }
        self.fail(totals, errors);
    }

    /// Ends the run because of indexes that failed.
    fn fail(&self, totals: &mut WriterTotals, errors: Vec<(String, StoreError)>) {
        for (part, error) in errors {
            totals.count_failure(Stage::Store, Reason::Write);
            // Two indexes on a full disk fail alike.
            let message = error_chain(&error);
            self.context.status.problems.set(&part, message.clone());
            let mut errors = totals.errors.iter();
            if !errors.any(|other| error_chain(other) == message) {
                totals.errors.push(error.into());
            }
            self.context.stop.cancel();
        }
    }
}

/// Adds a sealed tick to the pending batch of its source; false if the index does not store the source.
fn add_to_pending(
    writer: &mut IndexWriter,
    source: &SourceStatus,
    tick: &SealedTick,
    prompts: &PromptBuilder,
) -> bool {
    let Some(key) = source.row_keys.get(&writer.node) else {
        return false;
    };
    let rows = tick.rows.iter().filter(|row| row.node == writer.node);
    let batch = writer.pending.entry(source.id).or_default();
    batch
        .rows
        .extend(rows.map(|row| index_row(row, prompts, writer.thumbnails)));
    let concerns =
        |node: &Option<NodeId>| node.is_none_or(|node| writer.segment_nodes.contains(&node));
    let gaps = tick.gaps.iter().filter(|(node, _)| concerns(node));
    batch.gaps.extend(gaps.map(|(_, gap)| gap.clone()));
    (batch.progress, batch.key) = (tick.progress, key.clone());
    // It was set before the end of the source entered the graph.
    batch.failure = tick.end.and_then(|_| source.failure.get().cloned());
    true
}
