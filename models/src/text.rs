//! The text encoder: a sentence in, its index vector out, in the same space as the vision encoder's embeddings.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

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

/// Loads a text encoder.
type Load = dyn FnMut() -> Result<Box<dyn TextEncoder>, ModelError> + Send;

/// A text encoder that is loaded when the first text comes: for who may never need it.
pub struct LazyText {
    load: Box<Load>,
    encoder: Option<Box<dyn TextEncoder>>,
}

impl LazyText {
    /// Will be loaded by this; after a failure it is tried again with the next text.
    pub fn new(load: Box<Load>) -> Self {
        Self {
            load,
            encoder: None,
        }
    }
}

impl TextEncoder for LazyText {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => (self.load)()?,
        };
        self.encoder.insert(encoder).embed(text)
    }
}

/// One text encoder for several threads: it is loaded once, and each waits its turn.
#[derive(Clone)]
pub struct SharedText(Arc<Mutex<Box<dyn TextEncoder>>>);

impl SharedText {
    /// Shares this one.
    pub fn new(encoder: Box<dyn TextEncoder>) -> Self {
        Self(Arc::new(Mutex::new(encoder)))
    }
}

impl TextEncoder for SharedText {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        // Nothing half done is left behind by a panic: the next text starts anew.
        let mut encoder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.embed(text)
    }
}

/// A text encoder that remembers the vectors of texts that come again, as questions do.
pub struct Remembering {
    encoder: Box<dyn TextEncoder>,
    newer: HashMap<String, Vec<f32>>,
    older: HashMap<String, Vec<f32>>,
}

/// So many texts are remembered for sure, and at most twice as many.
const REMEMBERED: usize = 256;

impl Remembering {
    /// Remembers what this encoder gives.
    pub fn new(encoder: Box<dyn TextEncoder>) -> Self {
        Self {
            encoder,
            newer: HashMap::new(),
            older: HashMap::new(),
        }
    }
}

impl TextEncoder for Remembering {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        if let Some(vector) = self.newer.get(text) {
            return Ok(vector.clone());
        }
        let vector = match self.older.remove(text) {
            Some(vector) => vector,
            None => self.encoder.embed(text)?,
        };
        if self.newer.len() >= REMEMBERED {
            // What was asked for again since the last time is among the newer ones.
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(text.to_owned(), vector.clone());
        Ok(vector)
    }
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
        threads: usize,
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
                threads,
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
            ("input_ids", Value::i64(&shape, ids)?),
            ("attention_mask", mask),
        ];
        self.module.run(feed, 1)?.take("embedding")?.into_f32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(Arc<std::sync::atomic::AtomicUsize>);

    impl TextEncoder for Counting {
        fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(vec![text.len() as f32])
        }
    }

    #[test]
    fn a_text_that_comes_again_and_again_is_encoded_once_and_memory_is_bounded() {
        let runs = Arc::default();
        let mut text = Remembering::new(Box::new(Counting(Arc::clone(&runs))));
        for n in 0..10 * REMEMBERED {
            assert_eq!(text.embed("again").unwrap(), [5.0]);
            text.embed(&n.to_string()).unwrap();
        }
        let runs = runs.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(runs, 1 + 10 * REMEMBERED);
        assert!(text.newer.len() + text.older.len() <= 2 * REMEMBERED);
    }
}
