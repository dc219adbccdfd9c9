//! Ranking of the texts that the decoder generated, by their own scores and by how well they fit the images.

use serde::{Deserialize, Serialize};

use crate::{
    GeneratedTexts, ModelError, TextEncoder, VisualFeatures,
    prompt::constrained_decoding::ConstrainedDecoding,
};

/// The weights by which one of several options is chosen: the section `[choice]` of a manifest.
///
/// An option scores `similarity` × cosine with the images + `log_probability` × mean log-probability of its tokens; its probability is
/// its share of e^score among all options.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptionWeights {
    /// Weight of the cosine; 0 leaves the choice to the decoder.
    #[serde(alias = "likeness")]
    pub(crate) similarity: f32,
    /// Weight of the decoder's mean log-probability.
    #[serde(alias = "said")]
    pub(crate) log_probability: f32,
}

impl Default for OptionWeights {
    /// The decoder's choice alone.
    fn default() -> Self {
        Self {
            similarity: 0.0,
            log_probability: 1.0,
        }
    }
}

/// A ranker of captions and of answer options, with the weights of a pack.
#[derive(Clone, Debug)]
pub struct CaptionRanker {
    pub(crate) caption_similarity: f32,
    /// True if captions have vectors, by which they are ranked or found.
    pub(crate) embeds_captions: bool,
    pub(crate) options: OptionWeights,
    pub(crate) constraints: Option<ConstrainedDecoding>,
}

impl CaptionRanker {
    /// Puts the caption that fits the images best first. Its score is the decoder's, plus the support by the concepts
    /// that it names, plus, given a text encoder, its weighted similarity with the images.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn rank_captions(
        &self,
        captions: &mut GeneratedTexts,
        features: &VisualFeatures,
        mut text: Option<&mut dyn TextEncoder>,
    ) -> Result<(), ModelError> {
        captions.rerank(|caption| {
            let constraints = self.constraints.as_ref();
            let mut bonus =
                constraints.map_or(0.0, |rules| rules.support(caption, &features.concepts));
            if let Some(text) = &mut text {
                bonus += self.caption_similarity * features.similarity(&text.embed(caption)?);
            }
            Ok(bonus)
        })
    }

    /// Puts the likeliest of several answer options first, by the decoder and, given a text encoder, by similarity with the
    /// images. An option's probability is then its share of e^score.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn rank_options(
        &self,
        answers: &mut GeneratedTexts,
        features: &VisualFeatures,
        mut text: Option<&mut dyn TextEncoder>,
    ) -> Result<(), ModelError> {
        let OptionWeights {
            similarity,
            log_probability,
        } = self.options;
        for answer in &mut answers.candidates {
            answer.score *= log_probability;
        }
        answers.rerank(|answer| match &mut text {
            Some(text) if similarity > 0.0 => {
                Ok(similarity * features.similarity(&text.embed(answer)?))
            }
            _ => Ok(0.0),
        })
    }

    /// True if options are ranked by their similarity with the images, which takes a text encoder.
    pub fn embeds_options(&self) -> bool {
        self.options.similarity > 0.0
    }

    /// True if captions have vectors, by which they are ranked or found, which takes a text encoder.
    pub fn embeds_captions(&self) -> bool {
        self.embeds_captions
    }
}
