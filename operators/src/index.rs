//! Indexing: gathers the results about a segment into one row.
//!
//! A row leaves when each of the node's inputs has given its result or its failure for the segment. All of them come at
//! the segment's tick, so the operator holds no capability.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    caption::Caption,
    failure::{Failure, Outcome, Stage},
    ids::NodeId,
    reason::Answer,
    retention::RetentionPolicy,
    segment::{Segment, SegmentKey},
    spec::{SpecError, require},
};

/// Makes segments searchable. Stores one row per segment, which is sealed when every input has sent its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexSpec {
    /// File of the index, created if it does not exist. Relative to the working directory.
    pub store: PathBuf,
    /// Also stores a thumbnail of each segment: some kilobytes, three quarters of the stored data.
    #[serde(default = "yes")]
    pub thumbnails: bool,
    /// Retention policy, such as "30d, 20GB": an age (min, h, d, w), a size of the store (MB, GB, TB), a number of
    /// segments, or several of these separated by commas. An age limit removes segments that ended longer ago by the
    /// clock of this machine, if the recording start time of their source is known. A limit on size or number removes the
    /// segments that were written first. Removed segments are reported as expired. The policy applies to the whole store,
    /// including rows of other runs. If absent, everything is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub keep: Option<RetentionPolicy>,
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
    /// Smallest useful settings of this node in a pipeline file.
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

/// A row of the index: a segment with the results about it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The segment.
    pub segment: Arc<Segment>,
    /// The index node.
    pub node: NodeId,
    /// Its caption, unless captioning failed.
    pub caption: Option<String>,
    /// The vector of its caption.
    pub caption_vector: Option<Arc<[f32]>>,
    /// The answers about it, as (question, answer).
    pub answers: Vec<(Arc<str>, String)>,
    /// Stages that gave no result for this segment.
    pub failed: Vec<Stage>,
}

/// The contribution of one input to a row.
#[derive(Clone, Debug)]
pub enum RowPart {
    /// The segment itself.
    Segment(Arc<Segment>),
    /// Its caption.
    Caption(Outcome<Caption>),
    /// An answer about it.
    Answer(Outcome<Answer>),
    /// An input that gives nothing for this segment.
    Empty(SegmentKey),
}

impl RowPart {
    fn key(&self) -> SegmentKey {
        let failed = |failure: &Failure| SegmentKey {
            source: failure.source,
            start: failure.at,
        };
        match self {
            Self::Segment(segment) => segment.key,
            Self::Empty(key) => *key,
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
struct RowAssembler {
    node: NodeId,
    part_count: usize,
    pending: HashMap<SegmentKey, Vec<RowPart>>,
}

impl RowAssembler {
    /// Creates an assembler of rows of `part_count` parts each, the segment among them.
    fn new(node: NodeId, part_count: usize) -> Self {
        Self {
            node,
            part_count,
            pending: HashMap::new(),
        }
    }

    /// Adds a part; returns the row that it completes.
    fn push(&mut self, part: RowPart) -> Option<Row> {
        let key = part.key();
        let parts = self.pending.entry(key).or_default();
        parts.push(part);
        if parts.len() < self.part_count {
            return None;
        }
        self.pending.remove(&key).and_then(|parts| self.row(parts))
    }

    fn row(&self, parts: Vec<RowPart>) -> Option<Row> {
        let segment = parts.iter().find_map(|part| match part {
            RowPart::Segment(segment) => Some(Arc::clone(segment)),
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
                RowPart::Segment(_) | RowPart::Empty(_) => {}
                RowPart::Caption(Ok(caption)) => {
                    (row.caption, row.caption_vector) = (Some(caption.text), caption.vector);
                }
                RowPart::Answer(Ok(answer)) => row.answers.push((answer.ask, answer.text)),
                RowPart::Caption(Err(failure)) | RowPart::Answer(Err(failure)) => {
                    row.failed.push(failure.stage)
                }
            }
        }
        // Parts come in any order; the row must not depend on it.
        row.answers.sort();
        row.failed.sort();
        Some(row)
    }
}

/// Gathers the parts of each segment into a row; `part_count` is the number of inputs, the segments among them.
///
/// ```
/// use std::sync::{Arc, mpsc};
///
/// use atom_models::VisualFeatures;
/// use atom_operators::{
///     ids::{NodeId, SourceId}, index::{RowPart, index}, media_time::MediaTime,
///     segment::{Segment, SegmentKey},
/// };
/// use timely::dataflow::operators::{Inspect, vec::ToStream};
///
/// let key = SegmentKey { source: SourceId::new(0), start: MediaTime::default() };
/// let end = MediaTime::from_millis(4000);
/// let segment = Arc::new(Segment::synthetic(key, end, VisualFeatures::default()));
/// let (output, rows) = mpsc::channel();
/// timely::example(move |scope| {
///     // Two inputs: the segments, and a node that has nothing to say about this one.
///     let parts = [RowPart::Empty(key), RowPart::Segment(segment)].to_stream(scope);
///     index(parts, NodeId(4), 2).inspect(move |row| output.send(row.clone()).unwrap());
/// });
/// let rows: Vec<_> = rows.iter().collect();
/// assert_eq!((rows.len(), rows[0].segment.key), (1, key));
/// ```
pub fn index<'s, T: Timestamp>(
    parts: StreamVec<'s, T, RowPart>,
    node: NodeId,
    part_count: usize,
) -> StreamVec<'s, T, Row> {
    let mut rows = RowAssembler::new(node, part_count);
    parts.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Index",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let complete = batches
                        .flat_map(|batch| batch.drain(..))
                        .filter_map(|part| rows.push(part));
                    output.session(&capability).give_iterator(complete);
                });
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use atom_models::{Fault, Reason, VisualFeatures};

    use super::*;
    use crate::{failure::Stage, ids::SourceId, media_time::MediaTime};

    fn segment(start: u64) -> Arc<Segment> {
        let key = SegmentKey {
            source: SourceId::new(0),
            start: MediaTime::from_millis(start),
        };
        let end = MediaTime::from_millis(start + 1);
        Arc::new(Segment::synthetic(key, end, VisualFeatures::default()))
    }

    #[test]
    fn a_row_leaves_when_each_input_has_given_its_part() {
        let (mut rows, node) = (RowAssembler::new(NodeId(9), 3), NodeId(1));
        let (a, b) = (segment(0), segment(5));
        let caption = |segment: &Arc<Segment>| {
            RowPart::Caption(Ok(Caption {
                segment: Arc::clone(segment),
                node,
                text: "x".into(),
                vector: None,
                from_draft: false,
            }))
        };
        assert!(rows.push(RowPart::Segment(Arc::clone(&a))).is_none());
        assert!(rows.push(caption(&b)).is_none());
        assert!(rows.push(caption(&a)).is_none());
        let fault = Fault::new(Reason::Model, "no");
        let failure = Failure {
            stage: Stage::Reason,
            source: SourceId::new(0),
            at: a.key.start,
            fault,
        };
        let row = rows.push(RowPart::Answer(Err(failure))).unwrap();
        assert_eq!(
            (row.caption.as_deref(), row.failed, row.segment.key),
            (Some("x"), vec![Stage::Reason], a.key)
        );
        assert_eq!(rows.pending.len(), 1);
    }
}
