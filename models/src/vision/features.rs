//! The vision encoder's output: an embedding, concept scores and object counts, and the vector arithmetic on them.

use std::{collections::BTreeMap, sync::Arc};

use crate::ImageEmbeddings;

/// The number of objects of one class in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectCount {
    /// The class, by its position in the pack's list of object classes.
    pub class: usize,
    /// Number of objects, at least 1.
    pub count: u32,
}

/// The features of one image, or of several images of one scene.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VisualFeatures {
    /// Embedding of length 1 in the text encoder's space: `[D]`; empty if the pack has no text encoder.
    pub embedding: Arc<[f32]>,
    /// Score of each concept, 0..1: `[C]`; empty if the pack scores none.
    pub concepts: Arc<[f32]>,
    /// The objects that the pack's detector found, by class; empty if there are none or the pack has no detector. For
    /// several images, the most of each class in one image.
    pub objects: Arc<[ObjectCount]>,
    /// The input of a decoder that sees the image; `None` in packs without such a decoder, and for several images.
    pub image: Option<Arc<ImageEmbeddings>>,
}

impl VisualFeatures {
    /// Returns the cosine of the embedding and another vector of length 1; 0 if they come from different spaces.
    pub(crate) fn similarity(&self, vector: &[f32]) -> f32 {
        cosine(vector, &self.embedding)
    }

    /// Merges the features of several images of one scene: the mean of the embeddings, scaled to length 1, and the mean
    /// of each concept's score, and the most objects of each class in one image. Returns `None` for no images.
    pub fn pool<'a>(features: impl IntoIterator<Item = &'a VisualFeatures>) -> Option<Self> {
        let mut all = features.into_iter();
        let first = all.next()?;
        let (mut embedding, mut concepts) = (first.embedding.to_vec(), first.concepts.to_vec());
        let mut objects = BTreeMap::new();
        keep_most(&mut objects, &first.objects);
        let mut count = 1.0;
        for next in all {
            count += 1.0;
            add(&mut embedding, &next.embedding);
            add(&mut concepts, &next.concepts);
            keep_most(&mut objects, &next.objects);
        }
        if count > 1.0 {
            normalise(&mut embedding);
            concepts.iter_mut().for_each(|sum| *sum /= count);
        }
        Some(Self {
            embedding: embedding.into(),
            concepts: concepts.into(),
            objects: objects
                .into_iter()
                .map(|(class, count)| ObjectCount { class, count })
                .collect(),
            image: None,
        })
    }
}

/// Raises the count of each class to that of another image.
fn keep_most(most: &mut BTreeMap<usize, u32>, objects: &[ObjectCount]) {
    for object in objects {
        let count = most.entry(object.class).or_default();
        *count = object.count.max(*count);
    }
}

/// Returns the cosine of two vectors of length 1; 0 if they come from different spaces.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    match a.len() == b.len() {
        true => dot(a, b),
        false => 0.0,
    }
}

/// Returns the dot product. The sums run in eight lanes, which the compiler turns into vector instructions.
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

/// Scales a vector to length 1; leaves a vector of zeros unchanged.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(embedding: &[f32], concepts: &[f32]) -> VisualFeatures {
        VisualFeatures {
            embedding: embedding.into(),
            concepts: concepts.into(),
            ..VisualFeatures::default()
        }
    }

    #[test]
    fn pools_objects_by_the_most_in_one_image_and_never_adds_them_up() {
        let with = |objects: &[(usize, u32)]| VisualFeatures {
            objects: objects
                .iter()
                .map(|(class, count)| ObjectCount {
                    class: *class,
                    count: *count,
                })
                .collect(),
            ..features(&[1.0], &[0.5])
        };
        let images = [with(&[(2, 3)]), with(&[(0, 1), (2, 2)]), with(&[])];
        let pooled = VisualFeatures::pool(&images).unwrap();
        assert_eq!(pooled.objects, with(&[(0, 1), (2, 3)]).objects);
    }

    #[test]
    fn pools_embeddings_and_concepts_by_their_mean() {
        let (a, b) = (features(&[1.0, 0.0], &[0.2]), features(&[0.0, 1.0], &[0.4]));
        let pooled = VisualFeatures::pool([&a, &b]).unwrap();
        assert!((pooled.embedding[0] - 0.5f32.sqrt()).abs() < 1e-6);
        assert!((pooled.concepts[0] - 0.3).abs() < 1e-6);
    }

    #[test]
    fn pools_one_image_to_itself_and_no_images_to_none() {
        let a = features(&[0.6, 0.8], &[1.0]);
        assert_eq!(VisualFeatures::pool([&a]), Some(a.clone()));
        assert_eq!(VisualFeatures::pool([]), None);
    }
}
