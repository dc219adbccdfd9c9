//! Conversion between text and tokens.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use crate::ModelError;

/// A tokenizer as published with a model (`tokenizer.json`).
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    /// Texts that become a token of their own wherever they stand, such as `<image>`.
    control_tokens: Vec<String>,
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
            _ => {
                let added = inner.get_added_tokens_decoder().into_values();
                Ok(Self {
                    control_tokens: added.map(|token| token.content).collect(),
                    inner,
                    path: path.to_owned(),
                })
            }
        }
    }

    /// Removes the padding and the limit that a file can contain, so that a text has all its tokens and no others.
    pub(crate) fn without_padding(mut self) -> Result<Self, ModelError> {
        let path = self.path.clone();
        self.inner.with_padding(None);
        self.inner
            .with_truncation(None)
            .map_err(|source| ModelError::LoadTokenizer { path, source })?;
        Ok(self)
    }

    /// Returns the number of tokens.
    pub(crate) fn size(&self) -> usize {
        self.inner.get_vocab_size(true)
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

    /// Returns the token ids of a sentence with the model's tokens around it. One of more than `limit` tokens is cut before its
    /// last token, which ends it.
    pub(crate) fn encode_sentence(&self, text: &str, limit: usize) -> Result<Vec<u32>, ModelError> {
        let mut ids = self.encode(text, true)?;
        if ids.len() > limit
            && let Some(end) = ids.pop()
        {
            ids.truncate(limit.saturating_sub(1));
            ids.push(end);
        }
        Ok(ids)
    }

    /// Returns the token ids of a prompt. Control tokens are recognised, except within the byte ranges `foreign`.
    pub(crate) fn encode_prompt(
        &self,
        text: &str,
        foreign: &[Range<usize>],
    ) -> Result<Vec<u32>, ModelError> {
        let (mut ids, mut start) = (Vec::new(), 0);
        for cut in self.cuts(text, foreign) {
            ids.extend(self.encode(&text[start..cut], false)?);
            start = cut;
        }
        ids.extend(self.encode(&text[start..], false)?);
        Ok(ids)
    }

    /// Returns the positions between which the parts of a text hold no control token that lies in a foreign range, in order.
    fn cuts(&self, text: &str, foreign: &[Range<usize>]) -> Vec<usize> {
        let mut cuts = Vec::new();
        for control in self.control_tokens.iter().filter(|token| !token.is_empty()) {
            for range in foreign {
                let starts = text.char_indices().map(|(at, _)| at);
                let overlapping = starts
                    .skip_while(|at| at + control.len() <= range.start)
                    .take_while(|at| *at < range.end);
                let found = overlapping.filter(|at| text[*at..].starts_with(control.as_str()));
                let first = control.chars().next().map_or(0, char::len_utf8);
                cuts.extend(found.map(|at| at + first));
            }
        }
        cuts.sort_unstable();
        cuts.dedup();
        cuts
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

    /// Returns the text of a token, with special tokens.
    pub(crate) fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
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
