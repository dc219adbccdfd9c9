//! The vision encoder of a published vision-language model: an image in, the embeddings that the decoder sees of it out.

use std::{path::Path, sync::Arc};

use crate::{
    Image, ImageEmbeddings, ModelError, VisionEncoder, VisualFeatures,
    runtime::session::{OnnxModule, SessionOptions},
    vlm::vlm_images::{EncoderInput, VlmImages},
};

/// A vision encoder as an ONNX module: the tensors of [`VlmImages::encoder_input`] in, `image_features` f32 `[n, tokens, h]` or
/// `[all tokens, h]` out.
pub(crate) struct VlmEncoder {
    module: OnnxModule,
    images: VlmImages,
}

impl VlmEncoder {
    /// Loads the module at `path`.
    ///
    /// # Errors
    /// If the file cannot be loaded or is another module.
    pub(crate) fn load(
        path: &Path,
        images: VlmImages,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let (inputs, outputs) = images.signature();
        let module = OnnxModule::load(path, &inputs, &outputs, options)?;
        Ok(Self { module, images })
    }

    /// Returns the embeddings of an image.
    fn embeddings(&mut self, image: &Image) -> Result<ImageEmbeddings, ModelError> {
        let EncoderInput { tensors, tiles } = self.images.encoder_input(image)?;
        let features = self.module.run(tensors, 1)?.take("image_features")?;
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
