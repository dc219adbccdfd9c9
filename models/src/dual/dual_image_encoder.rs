//! The image encoder of a dual encoder: an image in, its vector in the space of the text encoder's vectors out.

use std::path::Path;

use crate::{
    Image, ModelError, VisionEncoder, VisualFeatures,
    dual::{
        embedding_module::{EmbeddingModule, EncoderKind},
        image_steps::ImageSteps,
    },
    runtime::session::{ElementType, SessionOptions, TensorSpec, TensorValue},
};

const KIND: EncoderKind = EncoderKind {
    name: "vision",
    outputs: ["image_embeds", "pooler_output"],
};

/// An image encoder as an ONNX module: `pixel_values` f32 `[b, 3, H, W]` in, `image_embeds` or `pooler_output` f32 `[b, D]` out.
pub(crate) struct DualImageEncoder {
    module: EmbeddingModule,
    steps: ImageSteps,
}

impl DualImageEncoder {
    /// Loads the module at `path`, whose images are prepared in these steps.
    ///
    /// # Errors
    /// If the file cannot be loaded or is another module, such as one that takes images of another size or as patches.
    pub(crate) fn load(
        path: &Path,
        steps: ImageSteps,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let (width, height) = steps.size();
        let shape = [-1, 3, i64::from(height), i64::from(width)];
        let pixels = TensorSpec::new("pixel_values", ElementType::F32, &shape);
        let module = EmbeddingModule::load(path, &KIND, |_| vec![pixels], options)?;
        Ok(Self { module, steps })
    }
}

impl VisionEncoder for DualImageEncoder {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        let (width, height) = self.steps.size();
        let rows = self.module.rows();
        let pixels = self.steps.pixels(image)?.repeat(rows);
        let shape = [rows, 3, height as usize, width as usize];
        let inputs = vec![("pixel_values", TensorValue::new(&shape, pixels)?)];
        Ok(VisualFeatures {
            embedding: self.module.run(inputs)?.into(),
            ..VisualFeatures::default()
        })
    }
}
