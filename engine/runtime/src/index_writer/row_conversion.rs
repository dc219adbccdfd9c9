//! Converts segments to rows and gaps of an index.

use atom_index::{Gap, GapReason};
use atom_models::{PromptBuilder, Reason};
use atom_operators::{
    failure::{Failure, Stage},
    index::Row,
    media_time::MediaTime,
    seen_objects::SeenObjects,
    segment::Segment,
};

/// Quality of thumbnails as JPEG: small pictures need no more.
const JPEG_QUALITY: u8 = 70;

/// Converts a row of the graph to one of an index.
pub(crate) fn index_row(row: &Row, prompts: &PromptBuilder, thumbnails: bool) -> atom_index::Row {
    let answers = row.answers.iter();
    let failed = row.failed.iter();
    atom_index::Row {
        start_ms: row.segment.key.start.millis(),
        end_ms: row.segment.end.millis(),
        caption: row.caption.clone(),
        tags: prompts.tags(&row.segment.features),
        answers: answers
            .map(|(ask, text)| (ask.to_string(), text.clone()))
            .collect(),
        embedding: row.segment.features.embedding.to_vec(),
        concepts: row.segment.features.concepts.to_vec(),
        caption_embedding: row.caption_vector.as_deref().unwrap_or_default().to_vec(),
        objects: SeenObjects::in_segment(&row.segment, prompts),
        failed: failed.map(|stage| stage.name().to_owned()).collect(),
        thumbnail: match thumbnails {
            true => thumbnail(&row.segment),
            false => Vec::new(),
        },
    }
}

/// Returns the middle frame of a segment as JPEG; empty if it cannot be encoded, since no search needs it.
fn thumbnail(segment: &Segment) -> Vec<u8> {
    let middle = segment.frames.get(segment.frames.len() / 2);
    let jpeg = middle.and_then(|frame| frame.thumbnail.jpeg(JPEG_QUALITY).ok());
    jpeg.unwrap_or_default()
}

/// Returns the gap that the loss of a source opens; it ends with the next segment.
pub(crate) fn lost_gap(failure: &Failure) -> Option<Gap> {
    let is_loss = failure.stage == Stage::Source && failure.fault.reason == Reason::Lost;
    is_loss.then(|| Gap {
        start_ms: failure.at.millis(),
        end_ms: None,
        why: GapReason::Lost,
    })
}

/// Returns the gap of a segment whose every frame was undecodable.
pub(crate) fn undecodable_gap(start: MediaTime, end: MediaTime) -> Gap {
    Gap {
        start_ms: start.millis(),
        end_ms: Some(end.millis()),
        why: GapReason::Failed,
    }
}
