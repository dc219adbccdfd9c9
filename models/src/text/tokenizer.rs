//! Conversion between text and tokens.

use std::path::{Path, PathBuf};

use crate::ModelError;

/// A tokenizer as published with a model (`tokenizer.json`).
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
}

impl Tokenizer {
    /// Loads a tokenizer and checks that it has exactly `vocabulary` tokens, if given.
    pub(crate) fn load(path: &Path, vocabulary: Option<usize>) -> Result<Self, ModelError> {
        let inner =
            tokenizers::Tokenizer::from_file(path).map_err(|source| ModelError::LoadTokenizer {
                path: path.to_owned(),
                source,
            })?;
        let size = inner.get_vocab_size(true);
        match vocabulary {
            Some(expected) if size != expected => Err(ModelError::Tokenizer {
                path: path.to_owned(),
                problem: format!("it has {size} tokens, the module expects {expected}"),
            }),
            _ => Ok(Self {
                inner,
                path: path.to_owned(),
            }),
        }
    }

    /// Returns the token ids of a text; `special` adds the model's tokens around a sentence.
    pub(crate) fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>, ModelError> {
        self.inner
            .encode_fast(text, special)
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|source| ModelError::Tokenize {
                characters: text.chars().count(),
                source,
            })
    }

    /// Returns the text of token ids without special tokens.
    pub(crate) fn decode(&self, ids: &[u32]) -> Result<String, ModelError> {
        self.inner
            .decode(ids, true)
            .map_err(|source| ModelError::Detokenize {
                tokens: ids.len(),
                source,
            })
    }

    /// Returns the ids of all tokens that contain a line break.
    pub(crate) fn line_breaks(&self) -> Result<Vec<u32>, ModelError> {
        let mut found = Vec::new();
        for id in 0..self.inner.get_vocab_size(true) as u32 {
            if self.decode(&[id])?.contains('\n') {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Returns the id of one token.
    pub(crate) fn id(&self, token: &str) -> Result<u32, ModelError> {
        self.inner
            .token_to_id(token)
            .ok_or_else(|| ModelError::Tokenizer {
                path: self.path.clone(),
                problem: format!("it has no token {token:?}"),
            })
    }
}
