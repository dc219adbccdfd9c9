//! The vision encoder of a published vision-language model: an image in, the embeddings that the decoder sees of it out.

use std::{path::Path, sync::Arc};

use crate::{
    Image, ImageEmbeddings, ModelError, VisionEncoder, VisualFeatures,
    runtime::session::{ElementType, OnnxModule, SessionOptions, TensorSpec, TensorValue},
    vlm::idefics3::{Idefics3, PixelTiles},
};

/// A vision encoder as an ONNX module: `pixel_values` f32 `[1, n, 3, side, side]` and `pixel_attention_mask` bool `[1, n, side, side]`
/// in, `image_features` f32 `[n, tokens, h]` out.
pub(crate) struct VlmEncoder {
    module: OnnxModule,
    model: Idefics3,
}

impl VlmEncoder {
    /// Loads the module at `path`.
    ///
    /// # Errors
    /// If the file cannot be loaded or is another module.
    pub(crate) fn load(
        path: &Path,
        model: Idefics3,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let side = i64::from(model.tile);
        let inputs = [
            TensorSpec::new("pixel_values", ElementType::F32, &[-1, -1, 3, side, side]),
            TensorSpec::new(
                "pixel_attention_mask",
                ElementType::Bool,
                &[-1, -1, side, side],
            ),
        ];
        let outputs = [TensorSpec::new(
            "image_features",
            ElementType::F32,
            &[-1, -1, -1],
        )];
        let module = OnnxModule::load(path, &inputs, &outputs, options)?;
        Ok(Self { module, model })
    }

    /// Returns the embeddings of an image.
    fn embeddings(&mut self, image: &Image) -> Result<ImageEmbeddings, ModelError> {
        let PixelTiles { values, tiles } = self.model.pixels(image)?;
        let (count, side) = (tiles.len(), self.model.tile as usize);
        let mask = vec![true; count * side * side];
        let inputs = vec![
            (
                "pixel_values",
                TensorValue::new(&[1, count, 3, side, side], values)?,
            ),
            (
                "pixel_attention_mask",
                TensorValue::new(&[1, count, side, side], mask)?,
            ),
        ];
        let features = self.module.run(inputs, 1)?.take("image_features")?;
        let (shape, numbers) = features.as_f32()?;
        let width = shape.last().map_or(0, |width| *width as usize);
        ImageEmbeddings::new(width, numbers.to_vec(), tiles)
    }
}

impl VisionEncoder for VlmEncoder {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        Ok(VisualFeatures {
            image: Some(Arc::new(self.embeddings(image)?)),
            ..VisualFeatures::default()
        })
    }
}
