//! Keeps the standing queries of a run's indexes up to date, on a thread of its own.
//!
//! The writer wakes it after each seal; otherwise it checks a few times a second if another program changed rows or queries. Events
//! are read back from the index, so that those found by another program are sent too. An index that cannot be read is listed as a
//! problem of the run and read again after growing pauses, since each attempt may read all of it.
//! Invariant: a run sends each event that is written while it works once, in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use atom_index::{PackScorer, QueryEvent, StandingQueryMaintainer, Store, StoreError};
use atom_models::{Pack, SharedTextEncoder, error_chain};
use atom_operators::node::NodeKind;
use atom_pipelines::Plan;
use tracing::{info, warn};

use crate::{
    error::RuntimeError, index_writer::index_part, retry_pause::RetryPause,
    run_context::RunContext, run_problems::RunProblems,
};

/// Interval between two checks for changes by other programs.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// The number of events that are read at a time.
const EVENT_BATCH: usize = 1000;

/// The standing queries of all indexes of a run.
pub(crate) struct StandingQueries {
    indexes: Vec<QueriedIndex>,
    /// Sources whose counts are labelled by name: recordings of folders would be any number of names.
    labelled_sources: BTreeSet<String>,
    /// True if counts are maintained even without queries, because the server may be asked for them.
    always_count: bool,
}

/// An index with standing queries, before its maintenance starts.
struct QueriedIndex {
    store: Store,
    scorer: PackScorer,
    last_event: u64,
}

/// An index whose standing queries are maintained.
struct MaintainedIndex {
    maintainer: StandingQueryMaintainer,
    /// The newest event that was sent.
    last_event: u64,
    /// The pause after a failed step.
    pause: RetryPause,
    /// Its name in the list of problems.
    part: String,
}

impl StandingQueries {
    /// Opens the indexes of a plan with connections of their own, and registers the standing queries of its pipelines there.
    ///
    /// # Errors
    /// If an index cannot be used.
    pub(crate) fn open(
        plan: &Plan,
        pack: &Pack,
        text: &SharedTextEncoder,
        always_count: bool,
    ) -> Result<Self, RuntimeError> {
        let (mut indexes, mut labelled_sources) = (BTreeMap::new(), BTreeSet::new());
        for node in &plan.nodes {
            let names = node.source_names.iter();
            let named = names.filter(|(source, _)| !plan.sources[**source].is_folder());
            labelled_sources.extend(named.map(|(_, name)| name.clone()));
            if let NodeKind::Index(spec) = &node.kind
                && !indexes.contains_key(&spec.store)
            {
                let scorer = PackScorer::new(pack, Box::new(text.clone()));
                let index = QueriedIndex::open(&spec.store, plan, scorer)?;
                indexes.insert(spec.store.clone(), index);
            }
        }
        Ok(Self {
            indexes: indexes.into_values().collect(),
            labelled_sources,
            always_count,
        })
    }

    /// Returns the files of the indexes.
    pub(crate) fn paths(&self) -> Arc<[PathBuf]> {
        let indexes = self.indexes.iter();
        indexes.map(|index| index.store.path().to_owned()).collect()
    }

    /// Keeps everything up to date until the last sender of wake-ups is gone, and once more then.
    pub(crate) fn run(
        mut self,
        context: &RunContext,
        wake_ups: &Receiver<()>,
        mut send: impl FnMut(QueryEvent),
    ) {
        // Differential dataflow must stay on the thread that created it.
        let indexes = self.indexes.drain(..);
        let mut indexes: Vec<_> = indexes.map(MaintainedIndex::new).collect();
        loop {
            let wake_up = wake_ups.recv_timeout(CHECK_INTERVAL);
            // One step covers all seals until now.
            while wake_ups.try_recv().is_ok() {}
            let over = wake_up == Err(RecvTimeoutError::Disconnected);
            if over {
                indexes.iter_mut().for_each(|index| index.pause.succeeded());
            }
            self.update(&mut indexes, context, &mut send);
            if over {
                break;
            }
        }
    }

    fn update(
        &self,
        indexes: &mut [MaintainedIndex],
        context: &RunContext,
        send: &mut impl FnMut(QueryEvent),
    ) {
        let (metrics, problems) = (&context.metrics, &context.status.problems);
        let mut changed = false;
        for index in indexes.iter_mut() {
            changed |= index.update(self.always_count, problems, send);
        }
        if changed {
            let maintainers = || indexes.iter().map(|index| &index.maintainer);
            metrics.queries(
                maintainers()
                    .map(StandingQueryMaintainer::query_count)
                    .sum(),
            );
            let totals = maintainers().flat_map(StandingQueryMaintainer::totals);
            let labelled = totals.filter(|((source, _), _)| self.labelled_sources.contains(source));
            metrics.seen(&labelled.collect());
        }
    }
}

impl QueriedIndex {
    fn open(path: &Path, plan: &Plan, scorer: PackScorer) -> Result<Self, StoreError> {
        let mut store = Store::open(path)?;
        let queries = plan.queries.iter();
        for planned in queries.filter(|planned| planned.stores.contains(path)) {
            store.set_queries(&planned.pipeline, &planned.queries)?;
        }
        Ok(Self {
            last_event: store.newest_event()?,
            store,
            scorer,
        })
    }
}

impl MaintainedIndex {
    fn new(index: QueriedIndex) -> Self {
        Self {
            part: format!("standing queries of {}", index_part(index.store.path())),
            last_event: index.last_event,
            maintainer: StandingQueryMaintainer::new(index.store, Some(index.scorer)),
            pause: RetryPause::default(),
        }
    }

    /// Brings everything up to date and sends the events, unless the index has to rest after an error; true if anything changed.
    /// The first error in a row is logged.
    fn update(
        &mut self,
        always_count: bool,
        problems: &RunProblems,
        send: &mut impl FnMut(QueryEvent),
    ) -> bool {
        if self.pause.lasts(Instant::now()) {
            return false;
        }
        match self.step(always_count, send) {
            Ok(changed) => {
                self.pause.succeeded();
                if problems.clear(&self.part) {
                    info!("standing queries are up to date again");
                }
                changed
            }
            Err(error) => {
                self.pause.failed(Instant::now());
                let reason = error_chain(&error);
                if problems.set(&self.part, reason.clone()) {
                    warn!("standing queries are not up to date: {reason}; retrying");
                }
                false
            }
        }
    }

    fn step(
        &mut self,
        always_count: bool,
        send: &mut impl FnMut(QueryEvent),
    ) -> Result<bool, StoreError> {
        let idle = !always_count && self.maintainer.query_count() == 0;
        if idle && self.maintainer.store().queries()?.is_empty() {
            return Ok(false);
        }
        let changed = self.maintainer.step()?;
        loop {
            let store = self.maintainer.store();
            let events = store.events(self.last_event, EVENT_BATCH)?;
            let Some(last) = events.last() else { break };
            self.last_event = last.id;
            events.into_iter().for_each(&mut *send);
        }
        Ok(changed)
    }
}
