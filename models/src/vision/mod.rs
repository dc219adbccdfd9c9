//! Images, the vision encoder, and the features and concepts that it scores.

pub(crate) mod concept_vocabulary;
pub(crate) mod encoder;
pub(crate) mod features;
pub(crate) mod image;
