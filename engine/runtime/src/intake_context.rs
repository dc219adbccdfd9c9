//! The context that all threads around the sources of a run share.

use atom_operators::cancel::CancellationToken;
use atom_pipelines::Plan;

use crate::run_status::RunStatus;

/// The context that the directory scanner and the source workers of a run share.
pub(crate) struct IntakeContext<'p> {
    pub(crate) plan: &'p Plan,
    /// Width and height of frames for the vision encoder.
    pub(crate) frame_size: (u32, u32),
    /// True if the run resumes where the indexes stopped.
    pub(crate) resume: bool,
    pub(crate) stop: CancellationToken,
    pub(crate) status: RunStatus,
}

impl IntakeContext<'_> {
    /// True if the folder of a planned source is watched indefinitely.
    pub(crate) fn is_watched(&self, planned: usize) -> bool {
        self.plan.sources[planned].settings.watch
    }
}
