//! The vision encoder: pictures in, impressions out.

use std::{path::Path, sync::Arc};

use crate::{
    error::ModelError,
    image::Image,
    manifest::VisionPart,
    meter::Meter,
    session::{Element, Module, Port, Value},
};

/// What the vision encoder makes of a picture, or of several pictures of one scene.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impression {
    /// Index vector of length 1, in the text encoder's space: `[D]`.
    pub embedding: Arc<[f32]>,
    /// How much of each named concept is seen, 0..1: `[C]`.
    pub concepts: Arc<[f32]>,
}

impl Impression {
    /// The cosine of the index vector with another vector of length 1 in its space.
    pub fn likeness(&self, vector: &[f32]) -> f32 {
        dot(vector, &self.embedding)
    }

    /// Several pictures of one scene as one impression: the mean of the embeddings, scaled to length 1, and the mean of
    /// each concept's score. `None` of none.
    pub fn pool<'a>(impressions: impl IntoIterator<Item = &'a Impression>) -> Option<Self> {
        let mut all = impressions.into_iter();
        let first = all.next()?;
        let (mut embedding, mut concepts) = (first.embedding.to_vec(), first.concepts.to_vec());
        let mut count = 1.0;
        for next in all {
            count += 1.0;
            add(&mut embedding, &next.embedding);
            add(&mut concepts, &next.concepts);
        }
        if count > 1.0 {
            normalise(&mut embedding);
            concepts.iter_mut().for_each(|sum| *sum /= count);
        }
        Some(Self {
            embedding: embedding.into(),
            concepts: concepts.into(),
        })
    }
}

/// The sum of products. In eight lanes, so that the compiler can use those of the machine.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.0.iter().zip(b.0) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    let rest = a.1.iter().zip(b.1).map(|(a, b)| a * b);
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

fn add(sums: &mut [f32], more: &[f32]) {
    sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += x);
}

/// Scales a vector to length 1; leaves a vector of zeros as it is.
pub fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// Encodes pictures, all of one size. Frame by frame: the result of a picture never depends on its neighbours.
pub trait Vision: Send {
    /// The impression of one picture of the size that the pack names.
    ///
    /// # Errors
    /// If the picture has another size or the module fails.
    fn encode(&mut self, image: &Image) -> Result<Impression, ModelError>;
}

/// The vision encoder as an ONNX module: `frames` u8 `[n, H, W, 3]` RGB in, `embedding` f32 `[n, D]` and
/// `concepts` f32 `[n, C]` out.
pub(crate) struct OnnxVision {
    module: Module,
    width: u32,
    height: u32,
}

impl OnnxVision {
    pub(crate) fn load(
        path: &Path,
        part: &VisionPart,
        concepts: usize,
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Self, ModelError> {
        let (width, height) = (part.width, part.height);
        let inputs = vec![Port::new(
            "frames",
            Element::U8,
            &[-1, i64::from(height), i64::from(width), 3],
        )];
        let outputs = vec![
            Port::new("embedding", Element::F32, &[-1, part.embedding as i64]),
            Port::new("concepts", Element::F32, &[-1, concepts as i64]),
        ];
        Ok(Self {
            module: Module::load(path, &inputs, &outputs, threads, meter)?,
            width,
            height,
        })
    }
}

impl Vision for OnnxVision {
    fn encode(&mut self, image: &Image) -> Result<Impression, ModelError> {
        if (image.width(), image.height()) != (self.width, self.height) {
            return Err(ModelError::PictureSize {
                expected: (self.width, self.height),
                found: (image.width(), image.height()),
            });
        }
        let shape = [1, self.height as usize, self.width as usize, 3];
        let frames = Value::u8(&shape, image.pixels().to_vec())?;
        let mut outputs = self.module.run(vec![("frames", frames)], 1)?;
        let embedding = outputs.take("embedding")?.into_f32()?;
        let concepts = outputs.take("concepts")?.into_f32()?;
        if embedding.iter().chain(&concepts).any(|x| !x.is_finite()) {
            return Err(ModelError::NotFinite { module: "vision" });
        }
        Ok(Impression {
            embedding: embedding.into(),
            concepts: concepts.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impression(embedding: &[f32], concepts: &[f32]) -> Impression {
        Impression {
            embedding: embedding.into(),
            concepts: concepts.into(),
        }
    }

    #[test]
    fn pools_directions_and_concepts_by_their_mean() {
        let (a, b) = (
            impression(&[1.0, 0.0], &[0.2]),
            impression(&[0.0, 1.0], &[0.4]),
        );
        let pooled = Impression::pool([&a, &b]).unwrap();
        assert!((pooled.embedding[0] - 0.5f32.sqrt()).abs() < 1e-6);
        assert!((pooled.concepts[0] - 0.3).abs() < 1e-6);
    }

    #[test]
    fn one_picture_pools_to_itself_and_none_to_none() {
        let a = impression(&[0.6, 0.8], &[1.0]);
        assert_eq!(Impression::pool([&a]), Some(a.clone()));
        assert_eq!(Impression::pool([]), None);
    }
}
