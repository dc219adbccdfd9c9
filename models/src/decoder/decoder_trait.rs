//! The interface of a language decoder: tokens and image embeddings in, scores of the next token out, over a KV cache that the caller keeps.
//!
//! The [`Scheduler`](crate::Scheduler) generates texts with it.

use std::ops::Range;

use crate::{InputToken, KvCache, KvShape, ModelError};

/// A language model that runs step by step. The same tokens give the same scores, whatever runs beside them, at most within rounding.
pub trait Decoder: Send {
    /// Returns the tokens of a text. Control tokens are recognised, except within the byte ranges `foreign`, which are in order
    /// and do not overlap.
    fn encode(&mut self, text: &str, foreign: &[Range<usize>]) -> Result<Vec<u32>, ModelError>;

    /// Returns the text of tokens without control tokens.
    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError>;

    /// Returns the tokens that end a text.
    fn ends(&self) -> &[u32];

    /// Returns the maximum length of a sequence in tokens, prompt and text together.
    fn context(&self) -> usize;

    /// Returns the dimensions of a token's keys and values.
    fn shape(&self) -> KvShape;

    /// Runs `tokens`, equally many for each row of `kv`, after the row's tokens, and appends their keys and values. Several
    /// tokens a row are allowed only for a single row. `adapter` switches the caption adapter on or off for each row. Returns
    /// the scores (logits) `[rows × vocabulary]` of the next token.
    ///
    /// # Errors
    /// If the module fails; `kv` then holds the same tokens as before.
    fn run(
        &mut self,
        tokens: &[InputToken],
        adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError>;
}
