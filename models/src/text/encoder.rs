//! The text encoder, which embeds a sentence in the space of the vision encoder's embeddings.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    ModelError,
    runtime::session::{ElementType, OnnxModule, SessionOptions, TensorSpec, TensorValue},
    text::tokenizer::Tokenizer,
};

/// The `[text]` section of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextPart {
    /// The module.
    pub(crate) file: String,
    /// Its tokenizer.
    pub(crate) tokenizer: String,
    /// Length of the embedding.
    pub(crate) embedding: usize,
    /// Number of tokens after which a text is cut off.
    pub(crate) max_tokens: usize,
}

/// An encoder of sentences for search.
pub trait TextEncoder: Send {
    /// Returns the vector of a text, `[D]`, of length 1. Cuts a text off at the encoder's token limit.
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError>;
}

/// A text encoder as an ONNX module: `input_ids` and `attention_mask` i64 `[b, t]` in, `embedding` f32 `[b, D]` out.
pub(crate) struct OnnxTextEncoder {
    module: OnnxModule,
    tokenizer: Tokenizer,
    max_tokens: usize,
}

impl OnnxTextEncoder {
    pub(crate) fn load(
        folder: &Path,
        part: &TextPart,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let tokens = |name| TensorSpec::new(name, ElementType::I64, &[-1, -1]);
        let inputs = [tokens("input_ids"), tokens("attention_mask")];
        let shape = [-1, part.embedding as i64];
        let outputs = [TensorSpec::new("embedding", ElementType::F32, &shape)];
        Ok(Self {
            tokenizer: Tokenizer::load(&folder.join(&part.tokenizer), None)?,
            module: OnnxModule::load(&folder.join(&part.file), &inputs, &outputs, options)?,
            max_tokens: part.max_tokens,
        })
    }
}

impl TextEncoder for OnnxTextEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let ids = self.tokenizer.encode_sentence(text, self.max_tokens)?;
        let ids: Vec<i64> = ids.into_iter().map(i64::from).collect();
        let shape = [1, ids.len()];
        let mask = TensorValue::new(&shape, vec![1_i64; ids.len()])?;
        let feed = vec![
            ("input_ids", TensorValue::new(&shape, ids)?),
            ("attention_mask", mask),
        ];
        self.module.run(feed, 1)?.take("embedding")?.to_f32()
    }
}
