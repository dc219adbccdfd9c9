//! Finds the point at which each source starts: its beginning, or where its indexes stopped.

use std::collections::BTreeMap;

use atom_operators::{
    ids::NodeId, media_time::MediaTime, node::NodeKind, segment::START_TOLERANCE,
};
use atom_pipelines::{Input, Plan, PlannedSource, Uri};
use jiff::Timestamp;

use crate::{
    error::RuntimeError,
    index_writer::IndexWriter,
    resume_point::{ResumePoint, RowKey, SourceStart},
};

/// A source whose start is wanted.
pub(crate) struct StartRequest {
    /// The planned source.
    pub(crate) source: usize,
    /// The keys of its rows, by index node.
    pub(crate) row_keys: BTreeMap<NodeId, RowKey>,
    /// True if it resumes where its indexes stopped. Otherwise its stored rows are invalid from now on.
    pub(crate) resume: bool,
}

/// Returns the start of each source of the plan; a folder has none yet. Without `resume` the stored rows are invalid from
/// now on, so this comes after everything else that can fail.
///
/// # Errors
/// If an index cannot be used.
pub(crate) fn find_starts(
    plan: &Plan,
    writers: &mut [IndexWriter],
    resume: bool,
) -> Result<Vec<SourceStart>, RuntimeError> {
    let start = |source: usize| {
        if plan.sources[source].is_folder() {
            return Ok(SourceStart::default());
        }
        let row_keys = row_keys(writers, |writer| writer.source_names.get(&source).cloned());
        let request = StartRequest {
            source,
            row_keys,
            resume,
        };
        let start = find_start(plan, writers, request)?;
        note_played_file(&plan.sources[source], writers, &start)?;
        Ok(start)
    };
    (0..plan.sources.len()).map(start).collect()
}

/// Notes in each index which file a source plays, so that hits have its path.
fn note_played_file(
    source: &PlannedSource,
    writers: &mut [IndexWriter],
    start: &SourceStart,
) -> Result<(), RuntimeError> {
    let uri = Uri::parse(&source.uri).ok();
    let path = uri.as_ref().and_then(Uri::path);
    let path = path.and_then(|path| path.canonicalize().ok());
    let path = path.filter(|_| !source.is_live());
    for writer in writers {
        if let Some(key) = start.row_keys.get(&writer.node) {
            writer.store.set_played_file(&key.source, path.as_deref())?;
        }
    }
    Ok(())
}

/// Returns the keys of a source's rows, given its name in each index.
pub(crate) fn row_keys(
    writers: &[IndexWriter],
    name: impl Fn(&IndexWriter) -> Option<String>,
) -> BTreeMap<NodeId, RowKey> {
    let key = |writer: &IndexWriter| {
        let key = RowKey {
            source: name(writer)?,
            pack: writer.pack.clone(),
        };
        Some((writer.node, key))
    };
    writers.iter().filter_map(key).collect()
}

/// Returns the start of a source.
///
/// # Errors
/// If an index cannot be used.
pub(crate) fn find_start(
    plan: &Plan,
    writers: &mut [IndexWriter],
    request: StartRequest,
) -> Result<SourceStart, RuntimeError> {
    let resume_point = match plan.sources[request.source].is_live() {
        true => Some(resume_live(writers, &request.row_keys)?),
        false => resume_recording(plan, writers, &request)?,
    };
    Ok(SourceStart {
        resume_point,
        row_keys: request.row_keys,
    })
}

/// Returns the earliest point from which an index misses rows; `None` if all indexes are complete.
fn resume_recording(
    plan: &Plan,
    writers: &mut [IndexWriter],
    request: &StartRequest,
) -> Result<Option<ResumePoint>, RuntimeError> {
    if request.row_keys.is_empty() {
        return Ok(Some(ResumePoint::default()));
    }
    let mut earliest: Option<ResumePoint> = None;
    for writer in writers.iter_mut() {
        let Some(key) = request.row_keys.get(&writer.node) else {
            continue;
        };
        if request.resume && writer.store.is_fully_expired(&key.source)? {
            continue;
        }
        let stored = writer.store.begin(&key.source, &key.pack)?;
        if request.resume && stored.ended {
            continue;
        }
        if !request.resume {
            writer.store.restart(&key.source, &key.pack)?;
        }
        let sealed_ms = if request.resume { stored.sealed_ms } else { 0 };
        let point = ResumePoint {
            from: MediaTime::from_millis(segment_boundary(plan, writer.node, sealed_ms)),
            stored_through: MediaTime::from_millis(sealed_ms),
            start_time: None,
        };
        if earliest.is_none_or(|other| point.from < other.from) {
            earliest = Some(point);
        }
    }
    Ok(earliest)
}

/// Returns the resume point of a live source. It always resumes: earlier video cannot be seen again, so no stored row becomes
/// invalid. It starts after every segment that is stored already.
fn resume_live(
    writers: &mut [IndexWriter],
    row_keys: &BTreeMap<NodeId, RowKey>,
) -> Result<ResumePoint, RuntimeError> {
    let mut point = ResumePoint::default();
    for writer in writers {
        let Some(key) = row_keys.get(&writer.node) else {
            continue;
        };
        writer.store.begin(&key.source, &key.pack)?;
        // An earlier recording of this name may have ended; a live source never does.
        let sealed_ms = writer.store.reopen(&key.source)?;
        let start = writer.store.start_times()?.get(&key.source).copied();
        let start_time = start.and_then(|start| Timestamp::from_millisecond(start.utc_ms).ok());
        // The earlier of two start times suits both indexes.
        point.start_time = point.start_time.into_iter().chain(start_time).min();
        point.stored_through = point.stored_through.max(MediaTime::from_millis(sealed_ms));
    }
    // A segment may start up to this long before its first frame; no two may start at the same time.
    if point.stored_through > MediaTime::default() {
        let from = point.stored_through.millis() + START_TOLERANCE.millis() + 1;
        point.from = MediaTime::from_millis(from);
    }
    Ok(point)
}

/// Returns the last moment not after `sealed_ms` at which sampling and segmenting start over.
fn segment_boundary(plan: &Plan, index: NodeId, sealed_ms: u64) -> u64 {
    let sources = plan.sources_of(Input::Node(index.0));
    let nodes = plan.nodes.iter().enumerate();
    let lengths = nodes.filter_map(|(at, node)| match &node.kind {
        NodeKind::Segment(spec) if !plan.sources_of(Input::Node(at)).is_disjoint(&sources) => {
            Some(spec.length_ms)
        }
        _ => None,
    });
    lengths
        .map(|length| sealed_ms / length * length)
        .min()
        .unwrap_or(0)
}
