//! Image embeddings: what the decoder of a vision-language model sees of an image, in place of tokens.
//!
//! They are computed once for an image and shared by all prompts that show it. Equal embeddings have equal keys, so the
//! decoder's work on a shown image can be reused.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::ModelError;

/// The embeddings of one image: `[tokens, width]`, tile by tile.
#[derive(Clone, Debug)]
pub struct ImageEmbeddings {
    width: usize,
    values: Vec<f32>,
    tiles: Vec<Tile>,
    key: u64,
}

/// A part of an image that the vision encoder saw by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    /// Row and column among the tiles, from 1; `None` for the whole image.
    pub(crate) place: Option<(u32, u32)>,
    /// Number of its embeddings.
    pub(crate) tokens: usize,
}

impl ImageEmbeddings {
    /// Creates the embeddings of an image from `[tokens, width]` numbers, in the order of its tiles.
    ///
    /// # Errors
    /// If the numbers are not as many as the tiles need, or are not finite.
    pub(crate) fn new(
        width: usize,
        values: Vec<f32>,
        tiles: Vec<Tile>,
    ) -> Result<Self, ModelError> {
        let tokens: usize = tiles.iter().map(|tile| tile.tokens).sum();
        if width == 0 || values.len() != tokens * width {
            return Err(ModelError::ImageTokens {
                expected: tokens,
                found: values.len() / width.max(1),
            });
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(ModelError::NotFinite { module: "vision" });
        }
        let mut hasher = DefaultHasher::new();
        tiles.hash(&mut hasher);
        values
            .iter()
            .for_each(|value| hasher.write_u32(value.to_bits()));
        Ok(Self {
            width,
            values,
            tiles,
            key: hasher.finish(),
        })
    }

    /// Returns the number of tokens that the image takes in a prompt.
    pub fn tokens(&self) -> usize {
        self.values.len() / self.width
    }

    /// Returns the numbers of one token.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns all numbers, `[tokens, width]`.
    #[cfg(test)]
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the n-th embedding.
    pub(crate) fn row(&self, n: usize) -> &[f32] {
        &self.values[n * self.width..][..self.width]
    }

    /// Returns the tiles, in the order of the embeddings.
    pub(crate) fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Returns a hash of 64 bits, which equal embeddings share and no others will in practice.
    pub(crate) fn key(&self) -> u64 {
        self.key
    }
}

impl PartialEq for ImageEmbeddings {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for ImageEmbeddings {}

/// A frame as a prompt shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownFrame {
    /// Media time since the start of the scene, in milliseconds.
    pub at_ms: u64,
    /// The decoder's input for it.
    pub embeddings: Arc<ImageEmbeddings>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Tile = Tile {
        place: None,
        tokens: 2,
    };

    #[test]
    fn equal_embeddings_have_equal_keys() {
        let embeddings = |values: [f32; 4]| ImageEmbeddings::new(2, values.to_vec(), vec![WHOLE]);
        let (a, b) = (
            embeddings([1.0, 2.0, 3.0, 4.0]).unwrap(),
            embeddings([1.0, 2.0, 3.0, 5.0]).unwrap(),
        );
        assert_eq!(a.key(), a.clone().key());
        assert_ne!(a.key(), b.key());
        assert_eq!((a.tokens(), a.row(1)), (2, &[3.0, 4.0][..]));
    }

    #[test]
    fn refuses_embeddings_that_are_too_few_or_not_finite() {
        assert!(ImageEmbeddings::new(2, vec![0.0; 3], vec![WHOLE]).is_err());
        assert!(ImageEmbeddings::new(2, vec![f32::NAN; 4], vec![WHOLE]).is_err());
    }
}
