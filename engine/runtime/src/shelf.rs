//! What of a run goes into a store: rows with their thumbnails, gaps, and how far a source is complete.
//!
//! All of a seal is written in one transaction. What cannot be written ends the writing for good, so that nothing is sealed over
//! it, but for runs that follow something: they wait.

use atom_operators::cancel::CancellationToken;
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use atom_models::{PromptBuilder, Reason};
use atom_operators::data::{Failure, MediaTime, NodeId, Row, Segment, SourceId, Stage};
use jiff::Timestamp;
use tracing::warn;

use crate::{keeper::Keeper, writer::Passed};
use atom_index::{Gap, Seal, Store, StoreError, Why};
use atom_models::error_chain;

/// How long it is waited before a store that cannot be written is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The store of an index node, opened.
pub struct OpenStore {
    /// The index node.
    pub node: NodeId,
    /// The store.
    pub store: Store,
    /// The pack and settings under which rows are stored.
    pub pack: String,
    /// Whether it holds a small picture of each segment.
    pub thumbnails: bool,
    /// Removes what is kept no longer, if there are bounds.
    pub keeper: Option<Keeper>,
    /// The segment nodes whose segments it holds.
    pub segments: Vec<NodeId>,
    /// What its file calls the sources of the plan.
    pub sources: BTreeMap<usize, String>,
    /// Something could not be written: nothing is written any more, and the next run goes on where this one failed.
    pub given_up: bool,
    /// What waits until it is known whether the modules work.
    pub held: BTreeMap<SourceId, Held>,
    /// The live sources whose beginning is kept in it.
    pub clocks: BTreeSet<SourceId>,
}

/// What of a source is to be stored.
#[derive(Debug, Default)]
pub struct Held {
    pub(crate) rows: Vec<atom_index::Row>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) passed: Passed,
    pub(crate) shelf: Shelf,
}

/// The place of one source's rows in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// What the index node's file calls the source.
    pub source: String,
    /// The key of its rows: pack, version, and a hash of the settings.
    pub pack: String,
}

/// Keeps when a live source began, once that is known.
pub(crate) fn keep_start(
    open: &mut OpenStore,
    source: SourceId,
    shelf: &Shelf,
    start: Option<Timestamp>,
) -> Result<(), StoreError> {
    let Some(start) = start.filter(|_| !open.clocks.contains(&source)) else {
        return Ok(());
    };
    open.store
        .keep_start(&shelf.source, start.as_millisecond())?;
    open.clocks.insert(source);
    Ok(())
}

pub(crate) fn seal(store: &mut Store, held: &Held) -> Result<(), StoreError> {
    let Shelf { source, pack } = &held.shelf;
    let through = held.passed.complete_through.millis();
    let seal = Seal {
        rows: &held.rows,
        gaps: &held.gaps,
        sealed_ms: through,
    };
    store.seal(source, pack, seal)?;
    if held.passed.whole {
        store.finish(source, pack, through)?;
    }
    Ok(())
}

/// Writes what must be written for a run to go on for ever: while the disk is full or another process holds the store, it is
/// tried again and again. Meanwhile nothing more is taken in than what may be in flight.
pub(crate) fn patiently(
    write: &mut dyn FnMut() -> Result<(), StoreError>,
    stop: &CancellationToken,
) -> Result<(), StoreError> {
    let mut patience = Patience::default();
    loop {
        match write() {
            Err(error) if error.may_pass() && !stop.is_cancelled() => patience.wait(&error),
            written => return written,
        }
    }
}

/// Waits for a store that cannot be written, and tells once why.
#[derive(Default)]
pub(crate) struct Patience {
    told: bool,
}

impl Patience {
    pub(crate) fn wait(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.told, true) {
            warn!(
                "{}; it is tried again until that has passed",
                error_chain(error)
            );
        }
        thread::sleep(RETRY);
    }
}

/// The gap that the loss of a source leaves; it ends with the next segment.
pub(crate) fn lost(failure: &Failure) -> Option<Gap> {
    let is_loss = failure.stage == Stage::Source && failure.fault.reason == Reason::Lost;
    is_loss.then(|| Gap {
        start_ms: failure.at.millis(),
        end_ms: None,
        why: Why::Lost,
    })
}

/// The gap of a segment of which every frame was lost.
pub(crate) fn failed(start: MediaTime, end: MediaTime) -> Gap {
    Gap {
        start_ms: start.millis(),
        end_ms: Some(end.millis()),
        why: Why::Failed,
    }
}

/// The quality of thumbnails as JPEG: what is small anyway needs no more.
const QUALITY: u8 = 70;

/// A picture from the middle of a segment, as JPEG; none if it cannot be made, which no search misses.
fn thumbnail(segment: &Segment) -> Vec<u8> {
    let middle = segment.frames.get(segment.frames.len() / 2);
    let jpeg = middle.and_then(|frame| frame.thumbnail.jpeg(QUALITY).ok());
    jpeg.unwrap_or_default()
}

pub(crate) fn stored(row: &Row, prompts: &PromptBuilder, thumbnails: bool) -> atom_index::Row {
    atom_index::Row {
        start_ms: row.segment.key.start.millis(),
        end_ms: row.segment.end.millis(),
        caption: row.caption.clone(),
        tags: prompts.tags(&row.segment.features),
        answers: row
            .answers
            .iter()
            .map(|(ask, text)| (ask.to_string(), text.clone()))
            .collect(),
        embedding: row.segment.features.embedding.to_vec(),
        concepts: row.segment.features.concepts.to_vec(),
        caption_embedding: row.caption_vector.as_deref().unwrap_or_default().to_vec(),
        failed: row
            .failed
            .iter()
            .map(|stage| stage.name().to_owned())
            .collect(),
        thumbnail: match thumbnails {
            true => thumbnail(&row.segment),
            false => Vec::new(),
        },
    }
}
