//! Frames before and after the vision encoder: plain values, cheap to clone behind an [`Arc`].

use std::{sync::Arc, time::Instant};

use atom_models::{Image, VisualFeatures};

use crate::{
    credits::{Credits, Permit},
    ids::SourceId,
    media_time::MediaTime,
    signature::Signature,
};

/// A frame of a source with its media time.
#[derive(Debug)]
pub struct Frame {
    /// The source.
    pub source: SourceId,
    /// Media time at which the frame is shown.
    pub at: MediaTime,
    /// Wall-clock time at which the frame was received.
    pub received_at: Instant,
    /// The pixels, in the size that the pack's vision encoder takes.
    pub image: Image,
    /// A very small copy of the image, for change detection.
    pub signature: Signature,
    /// The frame's credit, from intake on.
    pub(crate) permit: Option<Permit>,
}

impl Frame {
    /// Creates a frame that is received now.
    pub fn new(source: SourceId, at: MediaTime, image: Image) -> Self {
        let signature = Signature::new(&image);
        Self {
            source,
            at,
            received_at: Instant::now(),
            image,
            signature,
            permit: None,
        }
    }
}

/// A frame after the vision encoder; the full image is dropped.
#[derive(Debug)]
pub struct EncodedFrame {
    /// The source.
    pub source: SourceId,
    /// Media time at which the frame is shown.
    pub at: MediaTime,
    /// Wall-clock time at which the frame was received.
    pub received_at: Instant,
    /// A very small copy of the image, for change detection.
    pub signature: Signature,
    /// A copy that is large enough for people to recognise the scene.
    pub thumbnail: Image,
    /// The output of the vision encoder.
    pub features: VisualFeatures,
    /// The credits that the frame drew on; its segment draws on them too.
    pub(crate) credits: Option<Arc<Credits>>,
}
