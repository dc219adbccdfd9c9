//! The installed packs as a part of a report.

use atom_models::{PackState, cache_folder, error_chain, pack_states};
use serde::Serialize;

use super::{libraries::divided, private_paths::PrivatePaths, time_limit::within_time_limit};

/// The installed packs, or why they cannot be listed.
#[derive(Debug, Serialize)]
pub(super) struct PacksPart {
    /// The folder of packs.
    pub(super) folder: Option<String>,
    pub(super) installed: Vec<PackState>,
    pub(super) error: Option<String>,
}

impl PacksPart {
    /// Returns the state of a pack.
    pub(super) fn find(&self, name: &str) -> Option<&PackState> {
        self.installed.iter().find(|pack| pack.name == name)
    }
}

/// Examines the cache folder; a network drive that is gone may hang.
pub(super) fn packs_part(paths: &PrivatePaths) -> PacksPart {
    let states = within_time_limit(|| pack_states().map_err(|error| error_chain(&error)));
    let (states, error) = divided(states, paths);
    let mut installed = states.unwrap_or_default();
    for fault in installed.iter_mut().flat_map(|pack| &mut pack.faults) {
        *fault = paths.shown(fault);
    }
    let folder = cache_folder().map(|cache| paths.path(&cache.join("packs")));
    PacksPart {
        folder: folder.ok(),
        installed,
        error,
    }
}
