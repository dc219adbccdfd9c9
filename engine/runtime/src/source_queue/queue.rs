//! The queue of sources that wait to be played.
//!
//! Invariant: a file is *busy* from the time it is queued until it was played, so that it is never played twice at the same time.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use atom_operators::cancel::CancellationToken;
use crossbeam::channel::{Receiver, Sender, select, unbounded};
use parking_lot::Mutex;

use super::source_job::{FolderJob, Job};
use crate::{intake_context::IntakeContext, resume_point::SourceStart};

/// The sources that wait to be played.
pub(crate) struct SourceQueue {
    jobs: Receiver<Job>,
    stop: CancellationToken,
    busy: Mutex<BTreeSet<PathBuf>>,
    /// Queued recordings that are not reconciled yet.
    unreconciled: AtomicUsize,
}

impl SourceQueue {
    /// Returns a queue of the planned recordings that are not complete yet, and its sender. The queue ends when the sender is dropped.
    pub(crate) fn new(context: &IntakeContext, starts: &[SourceStart]) -> (Self, Sender<Job>) {
        let (sender, jobs) = unbounded();
        let sources = starts.iter().zip(&context.plan.sources).enumerate();
        for (at, (start, planned)) in sources {
            if start.resume_point.is_some() && !planned.is_live() {
                // The receiver is right here.
                let _ = sender.send(Job::Planned(at));
            }
        }
        let queue = Self {
            jobs,
            stop: context.stop.clone(),
            busy: Mutex::default(),
            unreconciled: AtomicUsize::new(0),
        };
        (queue, sender)
    }

    /// Waits for the next job; `None` if there will be none, or the run stops.
    pub(crate) fn next(&self) -> Option<Job> {
        if self.stop.is_cancelled() {
            return None;
        }
        select! {
            recv(self.jobs) -> job => job.ok(),
            recv(self.stop.cancelled()) -> _ => None,
        }
    }

    /// Marks a file as busy and as not reconciled.
    pub(super) fn note_queued(&self, path: &Path) {
        self.busy.lock().insert(path.to_owned());
        self.unreconciled.fetch_add(1, SeqCst);
    }

    /// Returns a guard that counts the recording as reconciled when it is dropped, whatever the result.
    pub(super) fn reconciling(&self) -> Reconciling<'_> {
        Reconciling(&self.unreconciled)
    }

    /// True if a queued recording is not reconciled yet.
    pub(super) fn has_unreconciled(&self) -> bool {
        self.unreconciled.load(SeqCst) > 0
    }

    /// True if a file is queued or being played.
    pub(super) fn is_busy(&self, path: &Path) -> bool {
        self.busy.lock().contains(path)
    }

    /// Marks the file of a job as not busy any more.
    pub(crate) fn finish(&self, job: &Job) {
        if let Job::Folder(FolderJob { file, .. }) = job {
            self.busy.lock().remove(&file.path);
        }
    }
}

/// Counts a recording as reconciled when it is dropped.
pub(super) struct Reconciling<'q>(&'q AtomicUsize);

impl Drop for Reconciling<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
