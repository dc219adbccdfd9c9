//! The state that all threads of a run share.

use std::sync::Arc;

use atom_operators::cancel::CancellationToken;

use crate::{health::ModuleHealth, metrics::Metrics, status::RunStatus};

/// The state that all threads of a run share. Clones share it.
#[derive(Clone)]
pub(crate) struct RunState {
    pub(crate) status: RunStatus,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: ModuleHealth,
    /// Cancelled to end the run early.
    pub(crate) stop: CancellationToken,
}

impl RunState {
    /// Returns the state of a run that starts now.
    pub(crate) fn new(status: RunStatus, stop: CancellationToken) -> Self {
        let metrics = Arc::new(Metrics::new());
        metrics.attach(&status);
        Self {
            status,
            metrics,
            health: ModuleHealth::default(),
            stop,
        }
    }
}
