//! The fake encoders, which know five colours.

use std::{sync::Arc, time::Instant};

use crate::{
    Image, Meter, ModelError, TextEncoder, VisionEncoder, VisualFeatures,
    vision::features::normalise,
};

/// The dimensions of the fake embedding space.
pub(super) const COLOURS: [&str; 5] = ["red", "green", "blue", "white", "dark"];

/// A vision encoder of mean colours: embedding and concepts say how red, green, blue, white and dark the image is.
pub struct FakeVisionEncoder {
    meter: Arc<Meter>,
}

impl FakeVisionEncoder {
    /// Creates an encoder and counts it as loaded.
    pub fn new(meter: Arc<Meter>) -> Self {
        meter.loaded(Instant::now());
        Self { meter }
    }
}

impl VisionEncoder for FakeVisionEncoder {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        self.meter.run(1, || {
            let [r, g, b] = mean(image);
            if g < 0.3 && r > 0.7 && b > 0.7 {
                panic!("a magenta image, as asked");
            }
            if b < 0.3 && r > 0.7 && g > 0.7 {
                return Err(ModelError::FakeFailure("a yellow image"));
            }
            let (white, dark) = (r.min(g).min(b), 1.0 - r.max(g).max(b));
            let concepts =
                [r - g.max(b), g - r.max(b), b - r.max(g), white, dark].map(|x| x.clamp(0.0, 1.0));
            let mut embedding = concepts.to_vec();
            normalise(&mut embedding);
            Ok(VisualFeatures {
                embedding: embedding.into(),
                concepts: concepts.into(),
                ..VisualFeatures::default()
            })
        })
    }
}

/// Returns the mean of each channel, 0..1.
fn mean(image: &Image) -> [f32; 3] {
    let mut sums = [0u64; 3];
    for pixel in image.pixels().chunks_exact(3) {
        sums.iter_mut()
            .zip(pixel)
            .for_each(|(sum, value)| *sum += u64::from(*value));
    }
    let count = (image.pixels().len() / 3) as f32;
    sums.map(|sum| sum as f32 / count / 255.0)
}

/// A text encoder that knows the names of colours.
pub struct FakeTextEncoder {
    meter: Arc<Meter>,
}

impl FakeTextEncoder {
    /// Creates an encoder and counts it as loaded.
    pub fn new(meter: Arc<Meter>) -> Self {
        meter.loaded(Instant::now());
        Self { meter }
    }
}

impl TextEncoder for FakeTextEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        self.meter.run(1, || {
            let lower = text.to_lowercase();
            let mut vector = COLOURS
                .map(|colour| f32::from(u8::from(lower.contains(colour))))
                .to_vec();
            normalise(&mut vector);
            Ok(vector)
        })
    }
}
