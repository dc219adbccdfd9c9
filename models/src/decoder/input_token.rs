//! The decoder's input, token by token: tokens of text and embeddings of images.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::ImageEmbeddings;

/// One position of the decoder's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputToken {
    /// A token of the vocabulary.
    Text(u32),
    /// One of the embeddings of an image.
    Image {
        /// The embeddings of the image.
        embeddings: Arc<ImageEmbeddings>,
        /// The embedding at this position.
        row: usize,
    },
}

impl InputToken {
    /// Returns a number that equal tokens share and no others will in practice: prompts with equal keys have equal prefixes.
    pub(crate) fn key(&self) -> u64 {
        match self {
            Self::Text(token) => u64::from(*token),
            Self::Image { embeddings, row } => {
                let mut hasher = DefaultHasher::new();
                (embeddings.key(), row).hash(&mut hasher);
                hasher.finish() | 1 << 63
            }
        }
    }

    /// Returns the token of the vocabulary, if it is one.
    pub fn text(&self) -> Option<u32> {
        match self {
            Self::Text(token) => Some(*token),
            Self::Image { .. } => None,
        }
    }
}

impl From<u32> for InputToken {
    fn from(token: u32) -> Self {
        Self::Text(token)
    }
}
