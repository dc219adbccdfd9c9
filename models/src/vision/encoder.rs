//! The vision encoder, which turns an image into its visual features.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    Image, ModelError, VisualFeatures,
    prompt::concept_tags::TagRules,
    runtime::session::{ElementType, OnnxModule, SessionOptions, TensorSpec, TensorValue},
};

/// The `[vision]` section of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisionPart {
    /// The module.
    pub(crate) file: String,
    /// Width to which frames are stretched, u8 RGB.
    pub(crate) width: u32,
    /// Height to which frames are stretched.
    pub(crate) height: u32,
    /// Length of the embedding.
    pub(crate) embedding: usize,
    /// File of concepts, one a line: word, mean score, standard deviation, separated by tabs; line j describes column j.
    pub(crate) concepts: String,
    /// Rules that choose the concepts to name.
    pub(crate) words: TagRules,
}

/// An encoder of images of one size. It encodes image by image, so a result never depends on other images.
pub trait VisionEncoder: Send {
    /// Returns the features of one image of the size that the pack names.
    ///
    /// # Errors
    /// If the image has another size or the module fails.
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError>;
}

/// A vision encoder as an ONNX module: `frames` u8 `[n, H, W, 3]` RGB in, `embedding` f32 `[n, D]` and
/// `concepts` f32 `[n, C]` out.
pub(crate) struct OnnxVisionEncoder {
    module: OnnxModule,
    width: u32,
    height: u32,
}

impl OnnxVisionEncoder {
    /// Loads the module at `path`, which scores `concepts` concepts.
    pub(crate) fn load(
        path: &Path,
        part: &VisionPart,
        concepts: usize,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let (width, height) = (part.width, part.height);
        let inputs = [TensorSpec::new(
            "frames",
            ElementType::U8,
            &[-1, i64::from(height), i64::from(width), 3],
        )];
        let outputs = [
            TensorSpec::new("embedding", ElementType::F32, &[-1, part.embedding as i64]),
            TensorSpec::new("concepts", ElementType::F32, &[-1, concepts as i64]),
        ];
        Ok(Self {
            module: OnnxModule::load(path, &inputs, &outputs, options)?,
            width,
            height,
        })
    }
}

impl VisionEncoder for OnnxVisionEncoder {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        if (image.width(), image.height()) != (self.width, self.height) {
            return Err(ModelError::EncoderInputSize {
                expected: (self.width, self.height),
                found: (image.width(), image.height()),
            });
        }
        let shape = [1, self.height as usize, self.width as usize, 3];
        let frames = TensorValue::new(&shape, image.pixels().to_vec())?;
        let mut outputs = self.module.run(vec![("frames", frames)], 1)?;
        let embedding = outputs.take("embedding")?.to_f32()?;
        let concepts = outputs.take("concepts")?.to_f32()?;
        if embedding.iter().chain(&concepts).any(|x| !x.is_finite()) {
            return Err(ModelError::NotFinite { module: "vision" });
        }
        Ok(VisualFeatures {
            embedding: embedding.into(),
            concepts: concepts.into(),
        })
    }
}
