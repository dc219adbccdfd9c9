//! The state that all request handlers share.

use std::{path::PathBuf, sync::Arc};

use atom_runtime::{RunStatus, metrics::Metrics};

use crate::bearer_token::BearerToken;

/// The run that is served, and the token that protects it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The status of the run and of its sources.
    pub status: RunStatus,
    pub metrics: Arc<Metrics>,
    /// The token that requests need, if any.
    pub token: Option<BearerToken>,
    /// The index files of the run.
    pub indexes: Arc<[PathBuf]>,
}
