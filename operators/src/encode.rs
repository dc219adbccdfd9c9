//! Runs the one vision encoder over the sampled frames of all encode nodes.
//!
//! Losses and ends go through the same queue as frames, so that a source's records stay in order. A frame that two
//! samplers chose is encoded once.

use std::{collections::VecDeque, sync::Arc};

use atom_models::{Fault, Reason, VisionEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timely::{
    dataflow::{StreamVec, operators::vec::Map},
    progress::Timestamp,
};

use crate::{
    data::{Encoded, Failure, Frame, MediaTime, NodeId, Seen, SourceId, Stage, Taken},
    flow::Slot,
    offload::{Crew, Done, Health, Work, offload},
};

/// Runs the vision encoder over sampled frames. All encode nodes of all pipelines share one encoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncodeSpec {}

impl EncodeSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"encode\"\ninputs = [\"frames\"]\n";
}

/// Encodes what the encode nodes were sent; each record leaves for the node that it came to.
///
/// The second stream tells of the frames that could not be encoded.
pub fn encode<'s, T: Timestamp>(
    samples: StreamVec<'s, T, (NodeId, Taken)>,
    vision: Box<dyn VisionEncoder>,
    health: Health,
    crew: &Crew,
) -> (StreamVec<'s, T, (NodeId, Seen)>, StreamVec<'s, T, Failure>) {
    let mut encoder = Encoder::new(vision);
    let run = move |(_, taken): &(NodeId, Taken)| encoder.work(taken);
    let done = offload(
        samples,
        crew,
        Work {
            name: "vision",
            health,
            run,
            shows: Option::is_some,
        },
    );
    let failures = done.clone().flat_map(|done| failure(&done));
    (done.map(seen), failures)
}

/// What came of a frame that was to be encoded; nothing for losses and ends.
type Encoding = Option<Arc<Encoded>>;

/// The core: the encoder and what it encoded last.
struct Encoder {
    vision: Box<dyn VisionEncoder>,
    recent: VecDeque<((SourceId, MediaTime), Arc<Encoded>)>,
}

/// The longer side of a thumbnail, in pixels: enough to recognise a scene, and some kilobytes as JPEG.
const THUMBNAIL: u32 = 160;
/// How many encoded frames are remembered for a second sampler that chose them too.
const RECENT: usize = 16;

impl Encoder {
    fn new(vision: Box<dyn VisionEncoder>) -> Self {
        Self {
            vision,
            recent: VecDeque::new(),
        }
    }

    fn work(&mut self, taken: &Taken) -> Result<Encoding, Fault> {
        let Taken::Frame(frame) = taken else {
            return Ok(None);
        };
        let key = (frame.source, frame.at);
        if let Some((_, encoded)) = self.recent.iter().find(|(have, _)| *have == key) {
            return Ok(Some(Arc::clone(encoded)));
        }
        let encoded = Arc::new(self.encode(frame)?);
        self.recent.push_back((key, Arc::clone(&encoded)));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Ok(Some(encoded))
    }

    fn encode(&mut self, frame: &Frame) -> Result<Encoded, Fault> {
        let features = self.vision.encode(&frame.image).map_err(Fault::from)?;
        Ok(Encoded {
            source: frame.source,
            at: frame.at,
            taken: frame.taken,
            signature: frame.signature.clone(),
            thumbnail: frame.image.thumbnail(THUMBNAIL),
            features,
            flow: frame.slot.as_ref().map(Slot::flow),
        })
    }
}

fn seen(done: Done<(NodeId, Taken), Encoding>) -> (NodeId, Seen) {
    let failed = failure(&done);
    let (node, taken) = done.item;
    let seen = match (taken, done.result) {
        (Taken::End(end), _) => Seen::End(end),
        (Taken::Lost(failure), _) => Seen::Lost(failure),
        (Taken::Quiet(quiet), _) => Seen::Quiet(quiet),
        (Taken::Frame(_), Ok(Some(encoded))) => Seen::Frame(encoded),
        (Taken::Frame(frame), _) => {
            Seen::Lost(failed.unwrap_or_else(|| lost(&frame, Reason::Missing, "no result")))
        }
    };
    (node, seen)
}

fn failure(done: &Done<(NodeId, Taken), Encoding>) -> Option<Failure> {
    match (&done.item.1, &done.result) {
        (Taken::Frame(frame), Err(fault)) => Some(lost(frame, fault.reason, &fault.detail)),
        _ => None,
    }
}

fn lost(frame: &Frame, reason: Reason, detail: &str) -> Failure {
    Failure {
        stage: Stage::Encode,
        source: frame.source,
        at: frame.at,
        fault: Fault::new(reason, detail),
    }
}

#[cfg(test)]
mod tests {
    use atom_models::{Image, Meter, fake::FakeVisionEncoder};

    use super::*;

    #[test]
    fn a_frame_chosen_twice_is_encoded_once() {
        let meter = Arc::new(Meter::default());
        let mut encoder = Encoder::new(Box::new(FakeVisionEncoder::new(Arc::clone(&meter))));
        let frame = |at| {
            let image = Image::filled(4, 4, [255, 0, 0]);
            Taken::Frame(Arc::new(Frame::new(
                SourceId::of(0),
                MediaTime::from_millis(at),
                image,
            )))
        };
        for at in [0, 0, 500, 0] {
            assert!(encoder.work(&frame(at)).unwrap().is_some());
        }
        assert_eq!(meter.reading().runs, 2);
    }
}
