//! The evidence about a scene in a prompt: images for decoders that see them, words for the others.

use crate::ShownFrame;

/// The evidence about a scene in a prompt.
#[derive(Clone, Copy, Debug, Default)]
pub struct SceneEvidence<'e> {
    /// The content of its frames in words.
    pub tags: &'e str,
    /// Its caption.
    pub caption: Option<&'e str>,
    /// Captions of similar scenes.
    pub similar: &'e [String],
    /// Some of its frames, for decoders that see images.
    pub frames: &'e [ShownFrame],
}

impl<'e> From<&'e str> for SceneEvidence<'e> {
    /// Evidence of tags alone.
    fn from(tags: &'e str) -> Self {
        Self {
            tags,
            ..Self::default()
        }
    }
}

impl SceneEvidence<'_> {
    /// Returns tags and caption as one text.
    pub(crate) fn words(&self) -> String {
        match self.caption {
            Some(caption) => format!("{}. {caption}", self.tags),
            None => self.tags.to_owned(),
        }
    }
}
