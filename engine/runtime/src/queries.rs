//! Keeps the standing queries of a run's stores up to date while it goes on, on a thread of its own.
//!
//! The writer wakes it after each seal; otherwise it looks a few times a second whether another program changed rows or queries. What
//! came and went is read back from the store and told: also what another program found out.
//! Invariant: each event of a store is told once by a run that is there when it is written, in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use atom_models::{Pack, SharedTextEncoder};
use atom_operators::node::NodeKind;
use atom_pipelines::Plan;
use tracing::warn;

use crate::{error::RuntimeError, metrics::Metrics};
use atom_index::{Lookout, QueryEvent, Scale, Store, StoreError};
use atom_models::error_chain;

/// How often it is looked whether another program changed something.
const LOOK: Duration = Duration::from_millis(250);
/// So many events are told at a time.
const AT_ONCE: usize = 1000;

/// A store whose queries are followed.
struct Followed {
    lookout: Lookout,
    /// The newest event that was told.
    told: u64,
    /// Whether the last step failed.
    failed: bool,
}

impl Followed {
    fn new(opened: Opened) -> Self {
        Self {
            told: opened.told,
            lookout: Lookout::new(opened.store, Some(opened.scale)),
            failed: false,
        }
    }
}

/// A store whose queries will be followed.
struct Opened {
    store: Store,
    scale: Scale,
    told: u64,
}

/// The standing queries of all stores of a run.
pub(crate) struct Queries {
    stores: Vec<Opened>,
    metrics: Arc<Metrics>,
    /// Sources that are counted by name: what folders hold would be any number of names.
    sources: BTreeSet<String>,
    /// Whether counts are kept without queries too: somebody may ask for them.
    counted: bool,
}

impl Queries {
    /// Opens the stores of a plan once more, and makes the queries of its pipelines known there.
    pub(crate) fn open(
        plan: &Plan,
        pack: &Pack,
        text: &SharedTextEncoder,
        metrics: &Arc<Metrics>,
        counted: bool,
    ) -> Result<Self, RuntimeError> {
        let (mut stores, mut sources) = (BTreeMap::new(), BTreeSet::new());
        for node in &plan.nodes {
            let names = node.source_names.iter();
            let named = names.filter(|(source, _)| !plan.sources[**source].is_folder());
            sources.extend(named.map(|(_, name)| name.clone()));
            if let NodeKind::Index(spec) = &node.kind
                && !stores.contains_key(&spec.store)
            {
                let opened = opened(&spec.store, plan, (pack, text.clone()))?;
                stores.insert(spec.store.clone(), opened);
            }
        }
        Ok(Self {
            stores: stores.into_values().collect(),
            metrics: Arc::clone(metrics),
            sources,
            counted,
        })
    }

    /// The files of the stores.
    pub(crate) fn paths(&self) -> Arc<[PathBuf]> {
        let stores = self.stores.iter();
        stores
            .map(|opened| opened.store.path().to_owned())
            .collect()
    }

    /// Keeps everything up to date until nobody can wake it any more, and once more then.
    pub(crate) fn run(mut self, wakes: &Receiver<()>, mut tell: impl FnMut(QueryEvent)) {
        // Differential dataflow stays on the thread on which it was made.
        let mut stores: Vec<_> = self.stores.drain(..).map(Followed::new).collect();
        loop {
            let woken = wakes.recv_timeout(LOOK);
            // One look makes up for all seals until now.
            while wakes.try_recv().is_ok() {}
            self.look(&mut stores, &mut tell);
            if woken == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
    }

    fn look(&self, stores: &mut [Followed], tell: &mut impl FnMut(QueryEvent)) {
        let mut new = false;
        for followed in stores.iter_mut() {
            new |= followed.look(self.counted, tell);
        }
        if new {
            let lookouts = || stores.iter().map(|followed| &followed.lookout);
            self.metrics.queries(lookouts().map(Lookout::queries).sum());
            let totals = lookouts().flat_map(Lookout::totals);
            let named = totals.filter(|((source, _), _)| self.sources.contains(source));
            self.metrics.seen(&named.collect());
        }
    }
}

fn opened(path: &Path, plan: &Plan, own: (&Pack, SharedTextEncoder)) -> Result<Opened, StoreError> {
    let mut store = Store::open(path)?;
    for wanted in plan
        .queries
        .iter()
        .filter(|wanted| wanted.stores.contains(path))
    {
        store.set_queries(&wanted.pipeline, &wanted.queries)?;
    }
    let (pack, text) = own;
    Ok(Opened {
        told: store.newest_event()?,
        store,
        scale: Scale::new(pack, Box::new(text)),
    })
}

impl Followed {
    /// Brings everything up to date and tells what came of it. Tells whether there was anything new.
    fn look(&mut self, counted: bool, tell: &mut impl FnMut(QueryEvent)) -> bool {
        match self.step(counted, tell) {
            Ok(new) => {
                self.failed = false;
                new
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    let reason = error_chain(&error);
                    warn!("standing queries are behind: {reason}; it is tried again");
                }
                false
            }
        }
    }

    fn step(
        &mut self,
        counted: bool,
        tell: &mut impl FnMut(QueryEvent),
    ) -> Result<bool, StoreError> {
        let idle = !counted && self.lookout.queries() == 0;
        if idle && self.lookout.store().queries()?.is_empty() {
            return Ok(false);
        }
        let new = self.lookout.step()?;
        loop {
            let events = self.lookout.store().events(self.told, AT_ONCE)?;
            let Some(last) = events.last() else { break };
            self.told = last.id;
            events.into_iter().for_each(&mut *tell);
        }
        Ok(new)
    }
}

/// Wakes the keeping of queries; when the last of these goes, it comes to its end.
pub(crate) fn wakes() -> (Sender<()>, Receiver<()>) {
    channel()
}
