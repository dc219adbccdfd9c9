//! Gathers what is known of a segment into one row.
//!
//! A row leaves when each of the node's inputs has given its result or its failure for the segment; all of them come at
//! the segment's tick, so nothing is held back.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    data::{Answer, Caption, NodeId, Outcome, Row, Segment, SegmentKey},
    keep::Keep,
    node::{SpecError, require},
};

/// Makes segments searchable: one row a segment, sealed when each of the node's inputs has given its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexSpec {
    /// The file of the index; made if it is missing. Relative to the working directory.
    pub store: PathBuf,
    /// Whether a small picture of each segment is stored too: some kilobytes, three quarters of all that is stored of it.
    #[serde(default = "yes")]
    pub thumbnails: bool,
    /// How much is kept, as in "30d, 20GB": an age (min, h, d, w), a size of the store (MB, GB, TB), a number of segments, or several of
    /// them with commas between. Beyond an age go segments that ended longer ago by the clock of this machine, if it is known when
    /// their source began; beyond a size or a number, those that were written first. What is gone is told as expired. It holds for the whole
    /// store, whoever wrote it. Everything is kept if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub keep: Option<Keep>,
}

fn yes() -> bool {
    true
}

impl Default for IndexSpec {
    fn default() -> Self {
        Self {
            store: PathBuf::new(),
            thumbnails: true,
            keep: None,
        }
    }
}

impl IndexSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str =
        "kind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"atom.db\"\n";

    /// Rejects an empty path.
    pub fn check(&self) -> Result<(), SpecError> {
        require(
            !self.store.as_os_str().is_empty(),
            "store",
            "empty",
            "the path of a file",
        )
    }
}

/// One input's word about a segment.
#[derive(Clone, Debug)]
pub enum Part {
    /// The segment itself.
    Segment(Arc<Segment>),
    /// Its caption.
    Caption(Outcome<Caption>),
    /// An answer about it.
    Answer(Outcome<Answer>),
    /// An input has nothing to say about it.
    Nothing(SegmentKey),
}

impl Part {
    fn key(&self) -> SegmentKey {
        let failed = |failure: &crate::data::Failure| SegmentKey {
            source: failure.source,
            start: failure.at,
        };
        match self {
            Self::Segment(segment) => segment.key,
            Self::Nothing(key) => *key,
            Self::Caption(caption) => caption
                .as_ref()
                .map_or_else(failed, |caption| caption.segment.key),
            Self::Answer(answer) => answer
                .as_ref()
                .map_or_else(failed, |answer| answer.segment.key),
        }
    }
}

/// The core: rows that lack some of their parts.
#[derive(Debug)]
pub struct Rows {
    node: NodeId,
    parts: usize,
    pending: HashMap<SegmentKey, Vec<Part>>,
}

impl Rows {
    /// A row is whole with so many parts, the segment among them.
    pub fn new(node: NodeId, parts: usize) -> Self {
        Self {
            node,
            parts,
            pending: HashMap::new(),
        }
    }

    /// Takes a part; gives the row that it completes.
    pub fn push(&mut self, part: Part) -> Option<Row> {
        let key = part.key();
        let parts = self.pending.entry(key).or_default();
        parts.push(part);
        if parts.len() < self.parts {
            return None;
        }
        self.pending.remove(&key).and_then(|parts| self.row(parts))
    }

    fn row(&self, parts: Vec<Part>) -> Option<Row> {
        let segment = parts.iter().find_map(|part| match part {
            Part::Segment(segment) => Some(Arc::clone(segment)),
            _ => None,
        })?;
        let mut row = Row {
            segment,
            node: self.node,
            caption: None,
            caption_vector: None,
            answers: Vec::new(),
            failed: Vec::new(),
        };
        for part in parts {
            match part {
                Part::Segment(_) | Part::Nothing(_) => {}
                Part::Caption(Ok(caption)) => {
                    (row.caption, row.caption_vector) = (Some(caption.text), caption.vector);
                }
                Part::Answer(Ok(answer)) => row.answers.push((answer.ask, answer.text)),
                Part::Caption(Err(failure)) | Part::Answer(Err(failure)) => {
                    row.failed.push(failure.stage)
                }
            }
        }
        // Parts come in any order; a row does not tell in which.
        row.answers.sort();
        row.failed.sort();
        Some(row)
    }
}

/// Gathers the parts of each segment into a row.
pub fn index<'s, T: Timestamp>(
    parts: StreamVec<'s, T, Part>,
    node: NodeId,
    count: usize,
) -> StreamVec<'s, T, Row> {
    let mut rows = Rows::new(node, count);
    parts.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Index",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let whole = batches
                        .flat_map(|batch| batch.drain(..))
                        .filter_map(|part| rows.push(part));
                    output.session(&capability).give_iterator(whole);
                });
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use atom_models::{Fault, Reason, VisualFeatures};

    use super::*;
    use crate::data::{Failure, MediaTime, SourceId, Stage};

    fn segment(start: u64) -> Arc<Segment> {
        let key = SegmentKey {
            source: SourceId::of(0),
            start: MediaTime::from_millis(start),
        };
        let features = VisualFeatures {
            embedding: [1.0].into(),
            concepts: [].into(),
        };
        Arc::new(Segment {
            key,
            end: MediaTime::from_millis(start + 1),
            frames: vec![],
            features,
            slot: None,
            closed: std::time::Instant::now(),
            span: tracing::Span::none(),
        })
    }

    #[test]
    fn a_row_is_whole_when_every_input_has_spoken() {
        let (mut rows, node) = (Rows::new(NodeId(9), 3), NodeId(1));
        let (a, b) = (segment(0), segment(5));
        let caption = |segment: &Arc<Segment>| {
            Part::Caption(Ok(Caption {
                segment: Arc::clone(segment),
                node,
                text: "x".into(),
                vector: None,
                from_draft: false,
            }))
        };
        assert!(rows.push(Part::Segment(Arc::clone(&a))).is_none());
        assert!(rows.push(caption(&b)).is_none());
        assert!(rows.push(caption(&a)).is_none());
        let fault = Fault::new(Reason::Model, "no");
        let failure = Failure {
            stage: Stage::Reason,
            source: SourceId::of(0),
            at: a.key.start,
            fault,
        };
        let row = rows.push(Part::Answer(Err(failure))).unwrap();
        assert_eq!(
            (row.caption.as_deref(), row.failed, row.segment.key),
            (Some("x"), vec![Stage::Reason], a.key)
        );
        assert_eq!(rows.pending.len(), 1);
    }
}
