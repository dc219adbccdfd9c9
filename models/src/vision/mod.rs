//! Images, the vision encoder, and the features, concepts and objects that it finds in them.

pub(crate) mod concept_vocabulary;
pub(crate) mod encoder;
pub(crate) mod encoder_pair;
pub(crate) mod features;
pub(crate) mod image;
pub(crate) mod image_embeddings;
pub(crate) mod object_classes;
pub(crate) mod pixel_levels;
pub(crate) mod resize;
