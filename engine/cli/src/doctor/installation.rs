//! The facts of a report: what the machine has, and what Atom uses of it.

use atom_models::installed_runtime_version;
use serde::Serialize;

use super::{
    libraries::{GstreamerPart, RuntimePart, gstreamer_part, runtime_part},
    machine::Machine,
    packs::{PacksPart, packs_part},
    private_paths::PrivatePaths,
    storage::{Limits, Storage},
    time_limit::within_time_limit,
};
use crate::versions::Versions;

/// The facts of a report, by section.
#[derive(Debug, Serialize)]
pub(super) struct Installation {
    pub(super) versions: Versions,
    pub(super) machine: Machine,
    pub(super) gstreamer: GstreamerPart,
    pub(super) onnx_runtime: RuntimePart,
    pub(super) packs: PacksPart,
    pub(super) storage: Storage,
    pub(super) limits: Limits,
}

impl Installation {
    /// Examines this machine. Nothing is written or changed.
    pub(super) fn collect() -> Self {
        let paths = PrivatePaths::of_environment();
        Self {
            versions: Versions::collect_with(runtime_version),
            machine: Machine::collect(),
            gstreamer: gstreamer_part(&paths),
            onnx_runtime: runtime_part(&paths),
            packs: packs_part(&paths),
            storage: Storage::collect(&paths),
            limits: Limits::collect(),
        }
    }
}

/// Returns the version of the installed ONNX Runtime library. Its manifest is read like all packs: a file that never answers
/// must not hold up the report.
fn runtime_version() -> Option<String> {
    within_time_limit(installed_runtime_version).ok().flatten()
}
