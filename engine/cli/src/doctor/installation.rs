//! The facts of a report: what the machine has, and what Atom uses of it.

use serde::Serialize;

use super::{
    libraries::{GstreamerPart, RuntimePart, gstreamer_part, runtime_part},
    machine::Machine,
    packs::{PacksPart, packs_part},
    private_paths::PrivatePaths,
    storage::{Limits, Storage},
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
            versions: Versions::collect(),
            machine: Machine::collect(),
            gstreamer: gstreamer_part(&paths),
            onnx_runtime: runtime_part(&paths),
            packs: packs_part(&paths),
            storage: Storage::collect(&paths),
            limits: Limits::collect(),
        }
    }
}
