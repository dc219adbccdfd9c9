//! Text to tokens and back.

use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// A tokenizer as published beside a model (`tokenizer.json`).
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
}

impl Tokenizer {
    /// Loads a tokenizer and checks that none of its tokens is `vocabulary` or higher.
    pub fn load(path: &Path, vocabulary: Option<usize>) -> Result<Self, ModelError> {
        let refused = |reason: String| ModelError::Tokenizer {
            path: path.to_owned(),
            reason,
        };
        let inner = tokenizers::Tokenizer::from_file(path).map_err(|e| refused(e.to_string()))?;
        let size = inner.get_vocab_size(true);
        match vocabulary {
            Some(expected) if size != expected => Err(refused(format!(
                "it has {size} tokens, the module expects {expected}"
            ))),
            _ => Ok(Self {
                inner,
                path: path.to_owned(),
            }),
        }
    }

    /// The token ids of a text. `framed` adds what the model wants around a sentence.
    pub fn encode(&self, text: &str, framed: bool) -> Result<Vec<u32>, ModelError> {
        self.inner
            .encode_fast(text, framed)
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|e| ModelError::Text {
                length: text.chars().count(),
                reason: e.to_string(),
            })
    }

    /// The text of token ids, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.inner.decode(ids, true).map_err(|e| ModelError::Text {
            length: ids.len(),
            reason: e.to_string(),
        })
    }

    /// The ids of all tokens with a line break in them.
    pub fn breaking_lines(&self) -> Result<Vec<u32>, ModelError> {
        let mut found = Vec::new();
        for id in 0..self.inner.get_vocab_size(true) as u32 {
            if self.decode(&[id])?.contains('\n') {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// The id of one token.
    pub fn id(&self, token: &str) -> Result<u32, ModelError> {
        self.inner
            .token_to_id(token)
            .ok_or_else(|| ModelError::Tokenizer {
                path: self.path.clone(),
                reason: format!("it has no token {token:?}"),
            })
    }
}
