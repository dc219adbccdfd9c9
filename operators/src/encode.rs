//! The one vision encoder, shared by the encode nodes of all pipelines.
//!
//! Losses and ends go through the same queue as frames, so the records of a source stay in order. A frame that two
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
    circuit_breaker::CircuitBreaker,
    credits::Permit,
    event::{EncodedEvent, IntakeEvent},
    failure::{Failure, Stage},
    frame::{EncodedFrame, Frame},
    ids::{NodeId, SourceId},
    media_time::MediaTime,
    offload::{Processed, Sequential, ThreadGroup, offload},
};

/// Runs the vision encoder on sampled frames. All encode nodes of all pipelines share one encoder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EncodeSpec {}

impl EncodeSpec {
    /// Smallest useful settings of this node in a pipeline file.
    pub const EXAMPLE: &str = "kind = \"encode\"\ninputs = [\"frames\"]\n";
}

/// Encodes the frames of all encode nodes on a thread of its own; each record leaves for the node that it came to.
///
/// The second stream reports the frames that could not be encoded.
///
/// ```
/// use std::sync::{Arc, mpsc};
///
/// use atom_models::{Image, fake::FakeVisionEncoder};
/// use atom_operators::{
///     circuit_breaker::CircuitBreaker, encode::encode, event::{EncodedEvent, IntakeEvent},
///     frame::Frame, ids::{NodeId, SourceId}, media_time::MediaTime, offload::ThreadGroup,
/// };
/// use timely::dataflow::operators::{Inspect, vec::ToStream};
///
/// let image = Image::filled(4, 4, [255, 0, 0]);
/// let frame = Arc::new(Frame::new(SourceId::new(0), MediaTime::default(), image));
/// let (output, encoded) = mpsc::channel();
/// timely::example(move |scope| {
///     let frames = [(NodeId(1), IntakeEvent::Frame(frame))].to_stream(scope);
///     let vision = Box::new(FakeVisionEncoder::new(Arc::default()));
///     let threads = ThreadGroup::default();
///     let (encoded, _failures) = encode(frames, vision, CircuitBreaker::default(), &threads);
///     encoded.inspect(move |event| output.send(event.clone()).unwrap());
/// });
/// let Ok((NodeId(1), EncodedEvent::Frame(frame))) = encoded.recv() else { panic!("no frame") };
/// assert_eq!(frame.features.concepts[0], 1.0); // the fake encoder's score of "red"
/// ```
pub fn encode<'s, T: Timestamp>(
    samples: StreamVec<'s, T, (NodeId, IntakeEvent)>,
    vision: Box<dyn VisionEncoder>,
    breaker: CircuitBreaker,
    threads: &ThreadGroup,
) -> (
    StreamVec<'s, T, (NodeId, EncodedEvent)>,
    StreamVec<'s, T, Failure>,
) {
    let mut encoder = FrameEncoder::new(vision);
    let processed = offload(
        samples,
        threads,
        Sequential {
            name: "vision",
            breaker,
            run: move |(_, event): &(NodeId, IntakeEvent)| encoder.process(event),
            counts_as_success: Option::is_some,
        },
    );
    let failures = processed.clone().flat_map(|processed| failure(&processed));
    (processed.map(encoded_event), failures)
}

/// The encoded frame; `None` for records that are not frames.
type Encoding = Option<Arc<EncodedFrame>>;

/// The core: the encoder and its latest results.
struct FrameEncoder {
    vision: Box<dyn VisionEncoder>,
    recent: VecDeque<((SourceId, MediaTime), Arc<EncodedFrame>)>,
}

/// Longer side of a thumbnail in pixels: enough to recognise a scene, and some kilobytes as JPEG.
const THUMBNAIL: u32 = 160;
/// Number of encoded frames that are remembered for a second sampler that chose them too.
const RECENT: usize = 16;

impl FrameEncoder {
    fn new(vision: Box<dyn VisionEncoder>) -> Self {
        Self {
            vision,
            recent: VecDeque::new(),
        }
    }

    fn process(&mut self, event: &IntakeEvent) -> Result<Encoding, Fault> {
        let IntakeEvent::Frame(frame) = event else {
            return Ok(None);
        };
        let key = (frame.source, frame.at);
        if let Some((_, encoded)) = self.recent.iter().find(|(known, _)| *known == key) {
            return Ok(Some(Arc::clone(encoded)));
        }
        let encoded = Arc::new(self.encode(frame)?);
        self.recent.push_back((key, Arc::clone(&encoded)));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        Ok(Some(encoded))
    }

    fn encode(&mut self, frame: &Frame) -> Result<EncodedFrame, Fault> {
        let features = self.vision.encode(&frame.image).map_err(Fault::from)?;
        Ok(EncodedFrame {
            source: frame.source,
            at: frame.at,
            received_at: frame.received_at,
            signature: frame.signature.clone(),
            thumbnail: frame.image.thumbnail(THUMBNAIL),
            features,
            credits: frame.permit.as_ref().map(Permit::credits),
        })
    }
}

fn encoded_event(processed: Processed<(NodeId, IntakeEvent), Encoding>) -> (NodeId, EncodedEvent) {
    let failed = failure(&processed);
    let (node, event) = processed.item;
    let encoded = match (event, processed.result) {
        (IntakeEvent::End(end), _) => EncodedEvent::End(end),
        (IntakeEvent::Lost(failure), _) => EncodedEvent::Lost(failure),
        (IntakeEvent::Idle(idle), _) => EncodedEvent::Idle(idle),
        (IntakeEvent::Frame(_), Ok(Some(encoded))) => EncodedEvent::Frame(encoded),
        (IntakeEvent::Frame(frame), _) => EncodedEvent::Lost(
            failed.unwrap_or_else(|| frame_failure(&frame, Reason::Missing, "no result")),
        ),
    };
    (node, encoded)
}

fn failure(processed: &Processed<(NodeId, IntakeEvent), Encoding>) -> Option<Failure> {
    match (&processed.item.1, &processed.result) {
        (IntakeEvent::Frame(frame), Err(fault)) => {
            Some(frame_failure(frame, fault.reason, &fault.detail))
        }
        _ => None,
    }
}

fn frame_failure(frame: &Frame, reason: Reason, detail: &str) -> Failure {
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
        let mut encoder = FrameEncoder::new(Box::new(FakeVisionEncoder::new(Arc::clone(&meter))));
        let frame = |at| {
            let image = Image::filled(4, 4, [255, 0, 0]);
            IntakeEvent::Frame(Arc::new(Frame::new(
                SourceId::new(0),
                MediaTime::from_millis(at),
                image,
            )))
        };
        for at in [0, 0, 500, 0] {
            assert!(encoder.process(&frame(at)).unwrap().is_some());
        }
        assert_eq!(meter.reading().runs, 2);
    }
}
