//! The vision encoder, which turns an image into its visual features.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Image, ModelError, ObjectCount, VisualFeatures,
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
    /// File of the detector's classes, one a line: singular, plural, and further names with commas between, separated by tabs;
    /// line j describes column j of the output `objects`. The pack has no detector if absent.
    #[serde(default)]
    pub(crate) objects: Option<String>,
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
/// `concepts` f32 `[n, C]` out; with a detector also `objects` f32 `[n, K]`, the number of objects of each class.
pub(crate) struct OnnxVisionEncoder {
    module: OnnxModule,
    counts_objects: bool,
    width: u32,
    height: u32,
}

impl OnnxVisionEncoder {
    /// Loads the module at `path`, which scores `concepts` concepts and counts objects of `classes` classes.
    pub(crate) fn load(
        path: &Path,
        part: &VisionPart,
        (concepts, classes): (usize, usize),
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let (width, height) = (part.width, part.height);
        let inputs = [TensorSpec::new(
            "frames",
            ElementType::U8,
            &[-1, i64::from(height), i64::from(width), 3],
        )];
        let mut outputs = vec![
            TensorSpec::new("embedding", ElementType::F32, &[-1, part.embedding as i64]),
            TensorSpec::new("concepts", ElementType::F32, &[-1, concepts as i64]),
        ];
        let counts_objects = part.objects.is_some();
        if counts_objects {
            let shape = [-1, classes as i64];
            outputs.push(TensorSpec::new("objects", ElementType::F32, &shape));
        }
        Ok(Self {
            module: OnnxModule::load(path, &inputs, &outputs, options)?,
            counts_objects,
            width,
            height,
        })
    }

    fn check_size(&self, image: &Image) -> Result<(), ModelError> {
        let (expected, found) = ((self.width, self.height), (image.width(), image.height()));
        match expected == found {
            true => Ok(()),
            false => Err(ModelError::EncoderInputSize { expected, found }),
        }
    }
}

impl VisionEncoder for OnnxVisionEncoder {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        self.check_size(image)?;
        let shape = [1, self.height as usize, self.width as usize, 3];
        let frames = TensorValue::new(&shape, image.pixels().to_vec())?;
        let mut outputs = self.module.run(vec![("frames", frames)], 1)?;
        let embedding = outputs.take("embedding")?.to_f32()?;
        let concepts = outputs.take("concepts")?.to_f32()?;
        if embedding.iter().chain(&concepts).any(|x| !x.is_finite()) {
            return Err(ModelError::NotFinite { module: "vision" });
        }
        let objects = match self.counts_objects {
            true => sparse(&outputs.take("objects")?.to_f32()?),
            false => Arc::default(),
        };
        Ok(VisualFeatures {
            embedding: embedding.into(),
            concepts: concepts.into(),
            objects,
            image: None,
        })
    }
}

/// Returns the classes of which there is at least one object.
fn sparse(counts: &[f32]) -> Arc<[ObjectCount]> {
    let counts = counts.iter().enumerate();
    let counts = counts.map(|(class, count)| ObjectCount {
        class,
        // The module counts with whole numbers; a number out of range saturates.
        count: count.round() as u32,
    });
    counts.filter(|object| object.count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_classes_with_objects_are_kept() {
        let two = ObjectCount { class: 1, count: 2 };
        assert_eq!(*sparse(&[0.0, 2.0, f32::NAN, -1.0]), [two]);
    }
}
