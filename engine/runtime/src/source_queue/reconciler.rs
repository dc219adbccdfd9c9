//! Reconciles a found recording with the indexes: finds its name and the point at which it starts.
//!
//! Invariant: rows of a recording are moved or removed only while nothing of it is in the graph.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use atom_index::{CatalogFile, DiscoveredFile, ReconciledFile, Reconciliation, path_to_text};
use atom_media::{
    file::{content_digest::ContentDigest, recording_start::recording_start},
    folder::FileState,
};
use atom_operators::{ids::NodeId, start_time::StartTime};
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use tracing::debug;

use super::{queue::SourceQueue, source_job::FolderJob};
use crate::{
    error::RuntimeError,
    index_writer::{IndexWriter, Retry},
    intake_context::IntakeContext,
    output_event::{EventSender, OutputEvent, SourceEvent},
    resources::source_starts::{StartRequest, find_start, row_keys},
    resume_point::SourceStart,
};

/// Interval at which the end of an earlier playback is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The reconciliation of recordings with the indexes.
pub(crate) struct Reconciler<'r> {
    context: &'r IntakeContext<'r>,
    queue: &'r SourceQueue,
    /// Connections of its own to the indexes.
    writers: Mutex<Vec<IndexWriter>>,
    /// Recordings that started in this run: only their first start may ignore stored rows.
    started: Mutex<BTreeSet<PathBuf>>,
}

/// A recording's name and start.
pub(crate) struct Reconciled {
    pub(crate) name: String,
    pub(crate) start: SourceStart,
}

/// The identity of a file: enough to recognize it under another name.
struct FileIdentity<'a> {
    path: &'a Path,
    content_digest: String,
    /// Changes whenever the file is written to.
    change_stamp: String,
    start: Option<StartTime>,
}

impl<'r> Reconciler<'r> {
    /// Returns a reconciler over its own connections to the indexes.
    pub(crate) fn new(
        context: &'r IntakeContext<'r>,
        queue: &'r SourceQueue,
        writers: Vec<IndexWriter>,
    ) -> Self {
        Self {
            context,
            queue,
            writers: Mutex::new(writers),
            started: Mutex::default(),
        }
    }

    /// Reconciles a recording; `None` if the run stops before. In a watched folder, it waits until the indexes can be written.
    pub(crate) fn reconcile(
        &self,
        job: &FolderJob,
        events: &EventSender,
    ) -> Result<Option<Reconciled>, RuntimeError> {
        let _reconciling = self.queue.reconciling();
        let watched = self.context.is_watched(job.planned);
        let problems = &self.context.status.problems;
        let retry = Retry::new("recordings".to_owned(), &self.context.stop, problems);
        loop {
            match self.reconcile_once(job, events) {
                Err(RuntimeError::Store(error)) if watched && retry.may_pass(&error) => {
                    retry.wait(&error);
                }
                Ok(reconciled) => {
                    retry.succeeded();
                    return Ok(reconciled);
                }
                failed => return failed,
            }
        }
    }

    fn reconcile_once(
        &self,
        job: &FolderJob,
        events: &EventSender,
    ) -> Result<Option<Reconciled>, RuntimeError> {
        if !self.wait_until_out_of_graph(job) {
            return Ok(None);
        }
        let file = self.identify(job)?;
        let mut writers = self.writers.lock();
        let names = self.claim(&mut writers, job, &file, events)?;
        let name = names.values().next().unwrap_or(&job.name).clone();
        let first_start = self.started.lock().insert(job.file.path.clone());
        let request = StartRequest {
            source: job.planned,
            row_keys: row_keys(&writers, |writer| names.get(&writer.node).cloned()),
            resume: self.context.resume || !first_start,
        };
        let start = find_start(self.context.plan, &mut writers, request)?;
        Ok(Some(Reconciled { name, start }))
    }

    /// Identifies the file of a recording. One that was not written to since it was indexed is not read again.
    fn identify<'j>(&self, job: &'j FolderJob) -> Result<FileIdentity<'j>, RuntimeError> {
        let path = &*job.file.path;
        let change_stamp = change_stamp(&job.state);
        let (content_digest, start) = match self.digest_if_unchanged(job, &change_stamp) {
            Some(digest) => (digest, None),
            None => {
                let start = recording_start(path, &TimeZone::system());
                (ContentDigest::of_file(path)?.to_string(), start)
            }
        };
        Ok(FileIdentity {
            path,
            content_digest,
            change_stamp,
            start,
        })
    }

    /// Claims a name for the recording in each index: the one it is known by, or its own, or its full path if another file has that.
    /// Returns the names by index node.
    fn claim(
        &self,
        writers: &mut [IndexWriter],
        job: &FolderJob,
        file: &FileIdentity,
        events: &EventSender,
    ) -> Result<BTreeMap<NodeId, String>, RuntimeError> {
        let mut names = BTreeMap::new();
        for writer in writers {
            if !writer.source_names.contains_key(&job.planned) {
                continue;
            }
            let mut claim = self.claim_name(writer, &job.name, file)?;
            if claim.outcome == Reconciliation::NameInUse {
                claim = self.claim_name(writer, &path_to_text(file.path), file)?;
            }
            let ReconciledFile { source, outcome } = claim;
            if let Some(event) = SourceEvent::of_reconciliation(&source, outcome) {
                events.send(OutputEvent::Source(event));
            }
            names.insert(writer.node, source);
        }
        Ok(names)
    }

    fn claim_name(
        &self,
        writer: &mut IndexWriter,
        name: &str,
        file: &FileIdentity,
    ) -> Result<ReconciledFile, RuntimeError> {
        let found = DiscoveredFile {
            name,
            path: file.path,
            content_digest: &file.content_digest,
            change_stamp: &file.change_stamp,
            start: file.start,
            grown_from: &|old| has_grown_from(old, file.path),
            exists: &|other| other.is_file() || self.is_in_use(other),
            has_content: &|other, content| has_content(other, content) || self.is_in_use(other),
        };
        Ok(writer.store.reconcile(&found)?)
    }

    /// Returns the stored digest of a file that was not written to since it was indexed: it need not be read again then.
    fn digest_if_unchanged(&self, job: &FolderJob, change_stamp: &str) -> Option<String> {
        let mut known = self.known_at(&job.file.path).into_iter();
        let same = known.find(|file| file.change_stamp == change_stamp);
        same.map(|file| file.content_digest)
    }

    /// Returns what the indexes know of the file at a path.
    fn known_at(&self, path: &Path) -> Vec<CatalogFile> {
        let writers = self.writers.lock();
        let known = writers.iter().flat_map(|writer| {
            writer.store.files_at(path).unwrap_or_else(|error| {
                debug!(%error, "cannot look up a file in the index");
                Vec::new()
            })
        });
        known.collect()
    }

    /// Waits until nothing of sources with the names of a recording is in the graph any more; false if the run stops before.
    fn wait_until_out_of_graph(&self, job: &FolderJob) -> bool {
        let known = self.known_at(&job.file.path).into_iter();
        let mut names: Vec<String> = known.map(|file| file.source).collect();
        names.extend([job.name.clone(), path_to_text(&job.file.path)]);
        while self.is_in_graph(&names) {
            if self.context.stop.wait(POLL_INTERVAL) {
                return false;
            }
        }
        true
    }

    fn is_in_graph(&self, names: &[String]) -> bool {
        let sources = self.context.status.sources();
        let recordings = sources.iter().filter(|source| source.recording.is_some());
        recordings
            .flat_map(|source| source.row_keys.values())
            .any(|key| names.contains(&key.source))
    }

    /// True if a file is queued, being played, or in the graph.
    pub(super) fn is_in_use(&self, path: &Path) -> bool {
        let sources = self.context.status.sources();
        let mut recordings = sources
            .iter()
            .filter_map(|source| source.recording.as_ref());
        self.queue.is_busy(path) || recordings.any(|recording| recording.path == path)
    }

    /// Removes the rows of a removed file from the indexes; false if some are left.
    pub(super) fn remove_rows(&self, path: &Path, events: &EventSender) -> bool {
        let mut removed = true;
        for writer in self.writers.lock().iter_mut() {
            match writer.store.remove_file(path) {
                Ok(sources) => sources.into_iter().for_each(|source| {
                    events.send(OutputEvent::Source(SourceEvent::Removed(source)))
                }),
                Err(error) => {
                    removed = false;
                    debug!(%error, "cannot remove the rows of a deleted file yet");
                }
            }
        }
        removed
    }

    /// Returns the files of the planned folders that the indexes know, each with its planned sources.
    pub(super) fn known_files(&self) -> Vec<(PathBuf, Vec<usize>)> {
        let writers = self.writers.lock();
        let files = |writer: &IndexWriter| {
            let planned: Vec<usize> = writer.source_names.keys().copied().collect();
            let files = writer.store.files().unwrap_or_else(|error| {
                debug!(%error, "cannot list the files in the index");
                Vec::new()
            });
            files
                .into_iter()
                .map(|file| (file.path, planned.clone()))
                .collect::<Vec<_>>()
        };
        writers.iter().flat_map(files).collect()
    }

    /// True if an index stores the recordings of a planned folder.
    pub(super) fn stores(&self, planned: usize) -> bool {
        let writers = self.writers.lock();
        let mut writers = writers.iter();
        writers.any(|writer| writer.source_names.contains_key(&planned))
    }
}

/// True if a file still has this content.
fn has_content(path: &Path, content: &str) -> bool {
    ContentDigest::of_file(path).is_ok_and(|now| now.to_string() == content)
}

/// True if a file starts with an older content.
fn has_grown_from(old: &str, path: &Path) -> bool {
    let old = old.parse::<ContentDigest>().ok();
    old.is_some_and(|old| {
        let first = ContentDigest::of_prefix(path, old.size);
        first.is_ok_and(|first| first == Some(old))
    })
}

/// Returns the size and time of a file as text, which changes whenever the file is written to.
fn change_stamp(state: &FileState) -> String {
    let since = state.modified.duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    format!("{} {nanos}", state.size)
}
