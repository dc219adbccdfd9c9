//! Two vision encoders as one: the vector of an image from the first, what a decoder sees of it from the second.
//!
//! Both take the same frame, which a run has stretched to the square of the second; so the first sees all of it, squeezed, where its own
//! processor might crop.

use crate::{Image, ModelError, VisionEncoder, VisualFeatures};

/// A dual encoder's image encoder beside the vision encoder of a vision-language model.
pub(crate) struct EncoderPair {
    pub(crate) index: Box<dyn VisionEncoder>,
    pub(crate) decoder_view: Box<dyn VisionEncoder>,
}

impl VisionEncoder for EncoderPair {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        let seen = self.decoder_view.encode(image)?;
        Ok(VisualFeatures {
            image: seen.image,
            ..self.index.encode(image)?
        })
    }
}
