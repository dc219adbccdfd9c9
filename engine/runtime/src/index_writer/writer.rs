//! The index of one node, with the batches that wait to be written.
//!
//! A batch is written in one transaction, which also moves the time through which the source is complete. After an error the index
//! takes nothing more, so that nothing is sealed over the missing rows; the next run resumes where this one failed.

use std::collections::{BTreeMap, BTreeSet};

use atom_index::{Gap, Seal, SourceFailure, Store, StoreError};
use atom_operators::{
    failure::Stage,
    ids::{NodeId, SourceId},
    start_time::{StartOrigin, StartTime},
};
use jiff::Timestamp;

use super::write_retry::{Retry, index_part};
use crate::{
    resume_point::RowKey, retention_task::RetentionTask, run_context::RunContext,
    run_status::SealProgress,
};

/// The writer of an index node.
pub(crate) struct IndexWriter {
    /// The index node.
    pub(crate) node: NodeId,
    /// The index.
    pub(crate) store: Store,
    /// The pack and settings under which rows are stored.
    pub(crate) pack: String,
    /// True if rows have a thumbnail.
    pub(crate) thumbnails: bool,
    /// Removes expired segments, if the index has a retention policy.
    pub(crate) retention: Option<RetentionTask>,
    /// The segment nodes above the index node.
    pub(crate) segment_nodes: Vec<NodeId>,
    /// The names of the sources in the pipeline file, by planned source.
    pub(crate) source_names: BTreeMap<usize, String>,
    /// True after an error: nothing more is written.
    pub(crate) failed: bool,
    /// Batches that wait to be written, by source.
    pub(crate) pending: BTreeMap<SourceId, RowBatch>,
    /// The live sources whose start time is stored.
    pub(crate) start_times: BTreeSet<SourceId>,
}

/// The rows and gaps of a source that are written together.
#[derive(Debug, Default)]
pub(crate) struct RowBatch {
    pub(crate) rows: Vec<atom_index::Row>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) progress: SealProgress,
    pub(crate) key: RowKey,
    /// The reason why the source could not be played to its end, if it is to blame.
    pub(crate) failure: Option<String>,
}

impl IndexWriter {
    /// Writes a batch, and the start time of a live source once it is known. With `retry_in`, an index that cannot be written now
    /// is tried again until that run stops: meanwhile intake halts, since results in flight are bounded.
    pub(crate) fn write(
        &mut self,
        source: SourceId,
        batch: &RowBatch,
        start_time: Option<Timestamp>,
        retry_in: Option<&RunContext>,
    ) -> Result<(), StoreError> {
        let part = index_part(self.store.path());
        let mut write = || {
            self.store_start_time(source, &batch.key, start_time)?;
            self.seal(batch)
        };
        match retry_in {
            Some(run) => Retry::new(part, &run.stop, &run.status.problems).run(write),
            None => write(),
        }
    }

    fn store_start_time(
        &mut self,
        source: SourceId,
        key: &RowKey,
        start_time: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let Some(time) = start_time.filter(|_| !self.start_times.contains(&source)) else {
            return Ok(());
        };
        let start = StartTime::new(time, StartOrigin::Clock);
        self.store.set_start_once(&key.source, start)?;
        self.start_times.insert(source);
        Ok(())
    }

    fn seal(&mut self, batch: &RowBatch) -> Result<(), StoreError> {
        let RowKey { source, pack } = &batch.key;
        let through = batch.progress.complete_through.millis();
        let seal = Seal {
            rows: &batch.rows,
            gaps: &batch.gaps,
            sealed_ms: through,
        };
        self.store.seal(source, pack, seal)?;
        match &batch.failure {
            _ if batch.progress.ended => self.store.finish(source, pack, through),
            Some(reason) => self.store.fail(source, pack, &source_failure(reason)),
            None => Ok(()),
        }
    }
}

fn source_failure(reason: &str) -> SourceFailure {
    SourceFailure {
        stage: Stage::Source.name().to_owned(),
        reason: reason.to_owned(),
    }
}
