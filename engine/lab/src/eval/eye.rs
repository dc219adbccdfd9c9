//! Looks at a file: a few of its frames through the vision encoder, pooled.
//!
//! A file is one segment over its whole length, without gating and scene changes, and is pooled as segments are.

use atom_operators::cancel::CancellationToken;
use std::{path::Path, sync::Arc};

use atom_models::{ModelError, Pack, VisionEncoder, VisualFeatures};

use super::{Case, EvalError};
use atom_media::{EvenlySpacedFrames, MediaError, evenly_spaced_frames};

/// So many frames of a file are looked at, evenly spread; all of one that has fewer.
pub const FRAMES: u64 = 8;

/// The vision encoder with what it takes to feed it.
pub struct Eye {
    vision: Box<dyn VisionEncoder>,
    size: (u32, u32),
    stop: CancellationToken,
}

/// What was seen of a file.
pub struct Seen {
    /// Its frames, pooled.
    pub features: VisualFeatures,
    /// What was wrong with the file, though it could be played to its end.
    pub warnings: Vec<String>,
}

impl Eye {
    /// Loads the vision encoder of a pack. Once `stop` is set, playing ends with an error.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn open(pack: &Pack, stop: CancellationToken) -> Result<Self, ModelError> {
        Ok(Self {
            vision: pack.vision(Arc::default())?,
            size: pack.frame_size(),
            stop,
        })
    }

    /// Looks at a file.
    ///
    /// # Errors
    /// If it cannot be played as a whole, or the encoder fails.
    pub fn look(&mut self, case: &Case) -> Result<Seen, EvalError> {
        let EvenlySpacedFrames { images, warnings } =
            self.frames(&case.path).map_err(|source| EvalError::File {
                file: case.file.clone(),
                source: Box::new(source),
            })?;
        let features: Result<Vec<_>, _> = images
            .iter()
            .map(|image| self.vision.encode(image))
            .collect();
        let features = features.map_err(|source| EvalError::Module {
            module: "vision encoder",
            file: case.file.clone(),
            source: Box::new(source),
        })?;
        Ok(Seen {
            features: VisualFeatures::pool(&features).expect("a file that was played has a frame"),
            warnings,
        })
    }

    fn frames(&self, path: &Path) -> Result<EvenlySpacedFrames, MediaError> {
        evenly_spaced_frames(path, self.size, FRAMES, &self.stop)
    }
}
