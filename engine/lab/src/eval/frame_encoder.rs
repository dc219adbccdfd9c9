//! Encodes a file: some of its frames through the vision encoder, pooled into one feature set.
//!
//! A file is treated as one segment over its whole length, without gating and scene changes, and is pooled as segments
//! are.

use std::sync::Arc;

use atom_media::{EvenlySpacedFrames, evenly_spaced_frames};
use atom_models::{ModelError, Pack, ShownFrame, VisionEncoder, VisualFeatures};
use atom_operators::{cancel::CancellationToken, shown_frames::choose_frames};

use super::DatasetFile;
use crate::LabError;

/// Number of frames of a file that are encoded, evenly spaced; all frames of a file that has fewer.
pub const FRAMES: u64 = 8;

/// The vision encoder of a pack, and the size of the frames it takes.
pub struct FrameEncoder {
    vision: Box<dyn VisionEncoder>,
    frame_size: (u32, u32),
    /// Most frames that a prompt shows.
    shown: usize,
    stop: CancellationToken,
}

/// The features of a file.
pub struct EncodedFile {
    /// The features of its frames, pooled.
    pub features: VisualFeatures,
    /// The frames that a prompt shows, if the decoder sees images.
    pub frames: Vec<ShownFrame>,
    /// Problems of a file that could be played to its end.
    pub warnings: Vec<String>,
}

impl FrameEncoder {
    /// Loads the vision encoder of a pack. Cancelling `stop` makes playing fail.
    ///
    /// # Errors
    /// If the encoder cannot be loaded.
    pub fn open(pack: &Pack, stop: CancellationToken) -> Result<Self, ModelError> {
        Ok(Self {
            vision: pack.vision(Arc::default())?,
            frame_size: pack.frame_size(),
            shown: pack.prompts().frames(),
            stop,
        })
    }

    /// Encodes a file.
    ///
    /// # Errors
    /// If the file cannot be played as a whole, or the encoder fails.
    pub fn encode(&mut self, file: &DatasetFile) -> Result<EncodedFile, LabError> {
        let EvenlySpacedFrames { frames, warnings } =
            evenly_spaced_frames(&file.path, self.frame_size, FRAMES, &self.stop).map_err(
                |source| LabError::File {
                    file: file.name.clone(),
                    source: Box::new(source),
                },
            )?;
        let encoded: Result<Vec<_>, _> = frames
            .iter()
            .map(|frame| self.vision.encode(&frame.image))
            .collect();
        let encoded = encoded.map_err(|source| LabError::Encoder {
            module: "vision encoder",
            file: file.name.clone(),
            source: Box::new(source),
        })?;
        let signatures: Vec<_> = frames.iter().map(|frame| &frame.signature).collect();
        let chosen = choose_frames(&signatures, self.shown).into_iter();
        let shown = chosen.filter_map(|at| {
            Some(ShownFrame {
                at_ms: frames[at].at.millis(),
                embeddings: Arc::clone(encoded[at].image.as_ref()?),
            })
        });
        Ok(EncodedFile {
            frames: shown.collect(),
            features: VisualFeatures::pool(&encoded).expect("a file that was played has a frame"),
            warnings,
        })
    }
}
