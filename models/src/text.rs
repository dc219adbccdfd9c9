//! The text encoder: a sentence in, its index vector out, in the same space as the vision encoder's embeddings.

use std::{path::Path, sync::Arc};

use crate::{
    error::ModelError,
    manifest::TextPart,
    meter::Meter,
    session::{Element, Module, Port, Value},
    tokenizer::Tokenizer,
};

/// Encodes sentences for search.
pub trait TextEncoder: Send {
    /// The vector of a text, `[D]`, of length 1. What is beyond the encoder's token bound is cut off.
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError>;
}

/// The text encoder as an ONNX module: `input_ids` and `attention_mask` i64 `[b, t]` in, `embedding` f32 `[b, D]` out.
pub(crate) struct OnnxText {
    module: Module,
    tokenizer: Tokenizer,
    max_tokens: usize,
}

impl OnnxText {
    pub(crate) fn load(
        folder: &Path,
        part: &TextPart,
        meter: Arc<Meter>,
    ) -> Result<Self, ModelError> {
        let tokens = |name| Port::new(name, Element::I64, &[-1, -1]);
        let outputs = [Port::new(
            "embedding",
            Element::F32,
            &[-1, part.embedding as i64],
        )];
        Ok(Self {
            tokenizer: Tokenizer::load(&folder.join(&part.tokenizer), None)?,
            module: Module::load(
                &folder.join(&part.file),
                &[tokens("input_ids"), tokens("attention_mask")],
                &outputs,
                meter,
            )?,
            max_tokens: part.max_tokens,
        })
    }
}

impl TextEncoder for OnnxText {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let mut ids: Vec<i64> = self
            .tokenizer
            .encode(text, true)?
            .into_iter()
            .map(i64::from)
            .collect();
        if ids.len() > self.max_tokens
            && let Some(last) = ids.pop()
        {
            ids.truncate(self.max_tokens - 1);
            ids.push(last); // the token that ends a sentence
        }
        let shape = [1, ids.len()];
        let mask = Value::i64(&shape, vec![1; ids.len()])?;
        let feed = vec![
            ("input_ids", Value::i64(&shape, ids)?.into()),
            ("attention_mask", mask.into()),
        ];
        self.module.run(feed, 1)?.take("embedding")?.into_f32()
    }
}
