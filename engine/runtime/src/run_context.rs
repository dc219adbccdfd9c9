//! The context that all threads of a run share: its status, its metrics, the health of its modules, and the token that ends it early.

use std::sync::Arc;

use atom_operators::{cancel::CancellationToken, hangup::HangupCount};

use crate::{metrics::Metrics, module_health::ModuleHealth, run_status::RunStatus};

/// The context that all threads of a run share. Clones share it too.
#[derive(Clone)]
pub(crate) struct RunContext {
    pub(crate) status: RunStatus,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: ModuleHealth,
    /// Cancelled to end the run early.
    pub(crate) stop: CancellationToken,
    /// Counts the requests to reopen files.
    pub(crate) hangups: HangupCount,
}

impl RunContext {
    /// Returns the context of a run that starts now.
    pub(crate) fn new(status: RunStatus, stop: CancellationToken, hangups: HangupCount) -> Self {
        let metrics = Arc::new(Metrics::new());
        metrics.attach(&status);
        Self {
            status,
            metrics,
            health: ModuleHealth::default(),
            stop,
            hangups,
        }
    }
}
