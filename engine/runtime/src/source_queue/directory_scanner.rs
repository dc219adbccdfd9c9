//! Scans the folders of a plan for new, changed and removed recordings.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use atom_index::path_to_text;
use atom_media::{
    file::container_kind::ContainerKind,
    folder::{
        self, ChangeWatcher, FileEntry, FileState, ReadyFile, RecordingSet, ScanContext,
        SettleTracker,
    },
};
use crossbeam::channel::Sender;
use tracing::{info, warn};

use super::{
    queue::SourceQueue,
    reconciler::Reconciler,
    source_job::{FolderJob, Job},
};
use crate::{intake_context::IntakeContext, output_event::EventSender};

/// Interval between two scans if no change is notified.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// Shortest interval between two scans, whatever changes are notified.
const MIN_SCAN_INTERVAL: Duration = Duration::from_millis(200);
/// Scanning takes at most one part in this many of the time: a folder on a slow disk is scanned less often.
const SCAN_SHARE: u32 = 20;
/// Interval at which rows of removed files that could not be removed are tried again.
const REMOVAL_RETRY: Duration = Duration::from_secs(30);
/// Short pause between two steps.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The scanner of a run's folders.
pub(crate) struct DirectoryScanner<'r> {
    context: &'r IntakeContext<'r>,
    queue: &'r SourceQueue,
    reconciler: &'r Reconciler<'r>,
    folders: Vec<ScannedFolder>,
    jobs: Sender<Job>,
    /// Folders that could not be read, and what was left out; each is logged once.
    logged: BTreeSet<PathBuf>,
}

struct ScannedFolder {
    planned: usize,
    recordings: RecordingSet,
    /// Prefix of the names of its recordings.
    prefix: String,
    watch: bool,
    /// True if rows of removed recordings are kept.
    keep_removed: bool,
    /// True if an index stores its recordings.
    stored: bool,
    tracker: SettleTracker,
}

impl<'r> DirectoryScanner<'r> {
    /// Returns a scanner of these folders, each given with its planned source.
    pub(crate) fn new(
        context: &'r IntakeContext<'r>,
        recording_sets: Vec<(usize, RecordingSet)>,
        (queue, jobs): (&'r SourceQueue, Sender<Job>),
        reconciler: &'r Reconciler<'r>,
    ) -> Self {
        let folder = |(planned, recordings): (usize, RecordingSet)| {
            let source = &context.plan.sources[planned];
            ScannedFolder {
                planned,
                recordings,
                prefix: match source.name.is_empty() {
                    true => String::new(),
                    false => format!("{}/", source.name),
                },
                watch: source.settings.watch,
                keep_removed: source.settings.keep_gone,
                stored: reconciler.stores(planned),
                tracker: SettleTracker::default(),
            }
        };
        Self {
            context,
            queue,
            reconciler,
            folders: recording_sets.into_iter().map(folder).collect(),
            jobs,
            logged: BTreeSet::new(),
        }
    }

    /// Scans all folders once, and the watched ones again and again until the run stops. Then rows of removed files are removed.
    pub(crate) fn run(mut self, events: &EventSender) {
        let stop = &self.context.stop;
        self.expect_known_files();
        self.scan(true);
        if self.folders.iter().any(|folder| folder.watch) {
            self.watch(events);
        }
        while self.queue.has_unreconciled() && !stop.wait(POLL_INTERVAL) {}
        if !stop.is_cancelled() {
            self.remove_gone(Duration::ZERO, events);
        }
    }

    /// Scans the watched folders again and again until the run stops.
    fn watch(&mut self, events: &EventSender) {
        let stop = &self.context.stop;
        let watched = self.folders.iter().filter(|folder| folder.watch);
        let watcher = ChangeWatcher::new(watched.map(|folder| &folder.recordings));
        while !stop.is_cancelled() {
            let started = Instant::now();
            self.scan(false);
            self.remove_gone(folder::REMOVAL_GRACE, events);
            let pause = started.elapsed() * SCAN_SHARE;
            watcher.wait(pause.max(MIN_SCAN_INTERVAL), pause.max(SCAN_INTERVAL), stop);
        }
    }

    /// Expects the files that the indexes know, so that one that is gone already counts as removed.
    fn expect_known_files(&mut self) {
        for (path, planned) in self.reconciler.known_files() {
            let mut folders = self.folders.iter_mut();
            let folder = folders.find(|folder| {
                planned.contains(&folder.planned) && folder.recordings.contains(&path)
            });
            if let Some(folder) = folder {
                folder.tracker.expect_missing(path, Instant::now());
            }
        }
    }

    fn scan(&mut self, first: bool) {
        let mut seen = BTreeSet::new();
        for folder in &mut self.folders {
            if !(first || folder.watch) {
                continue;
            }
            let listing = folder::list(&folder.recordings);
            for (path, error) in listing.unreadable {
                if self.logged.insert(path.clone()) {
                    warn!("cannot read the folder {}: {error}", path.display());
                }
            }
            for (path, reason) in listing.left_out {
                if self.logged.insert(path.clone()) {
                    info!("skipped {}: {reason}", path.display());
                }
            }
            let mut files = listing.files;
            // A file that is in two folders belongs to the first.
            files.retain(|entry| seen.insert(entry.path.clone()));
            for job in folder.ready_jobs(files, self.queue, Instant::now()) {
                self.context.status.folders.add(job.state.size);
                self.queue.note_queued(&job.file.path);
                // The queue holds the receiver.
                let _ = self.jobs.send(Job::Folder(job));
            }
        }
    }

    /// Removes the rows of files that have been gone for some time.
    fn remove_gone(&mut self, grace: Duration, events: &EventSender) {
        // A recording that is not reconciled yet may be the one that is gone, under a new name.
        if self.queue.has_unreconciled() {
            return;
        }
        for folder in &mut self.folders {
            for path in folder.tracker.take_removed(Instant::now(), grace) {
                if folder.keep_removed {
                    continue;
                }
                let removable = !self.reconciler.is_in_use(&path) && folder::was_removed(&path);
                if !(removable && self.reconciler.remove_rows(&path, events)) {
                    // It may become removable later, or come back.
                    folder
                        .tracker
                        .expect_missing(path, Instant::now() + REMOVAL_RETRY);
                }
            }
        }
    }
}

impl ScannedFolder {
    /// Returns the name of a recording in the index.
    fn name(&self, path: &Path) -> String {
        let name = path_to_text(self.recordings.index_name(path));
        format!("{}{name}", self.prefix)
    }

    /// Returns jobs for the files that are ready to be played.
    fn ready_jobs(
        &mut self,
        files: Vec<FileEntry>,
        queue: &SourceQueue,
        now: Instant,
    ) -> Vec<FolderJob> {
        let states: BTreeMap<PathBuf, FileState> = files
            .iter()
            .map(|entry| (entry.path.clone(), entry.state))
            .collect();
        let context = ScanContext {
            playing: &|path| queue.is_busy(path),
            // Without an index it would be played from its beginning each time.
            playable_while_growing: &|path| {
                self.stored
                    && ContainerKind::sniff(path).is_ok_and(ContainerKind::playable_while_growing)
            },
            wait_until_settled: self.watch,
            wall_time: SystemTime::now(),
        };
        let ready = self.tracker.update(files, now, &context);
        let job = |file: ReadyFile| {
            Some(FolderJob {
                planned: self.planned,
                name: self.name(&file.path),
                state: *states.get(&file.path)?,
                file,
            })
        };
        ready.into_iter().filter_map(job).collect()
    }
}
