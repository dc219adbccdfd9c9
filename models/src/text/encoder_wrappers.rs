//! Text encoders around another one: loaded on demand, shared between threads, or with a cache. And the one of packs without.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{ModelError, TextEncoder};

/// A function that loads a text encoder.
type LoadEncoder = dyn FnMut() -> Result<Box<dyn TextEncoder>, ModelError> + Send;

/// A text encoder that is loaded for the first text.
pub struct LazyTextEncoder {
    load: Box<LoadEncoder>,
    encoder: Option<Box<dyn TextEncoder>>,
}

impl LazyTextEncoder {
    /// Creates an encoder that `load` will load. After a failure, the next text tries again.
    pub fn new(load: Box<LoadEncoder>) -> Self {
        Self {
            load,
            encoder: None,
        }
    }
}

impl TextEncoder for LazyTextEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => (self.load)()?,
        };
        self.encoder.insert(encoder).embed(text)
    }
}

/// The text encoder of a pack that has none: its vectors are empty, and so similar to nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoTextEncoder;

impl TextEncoder for NoTextEncoder {
    fn embed(&mut self, _text: &str) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::new())
    }
}

/// A text encoder shared by several threads, which take turns.
#[derive(Clone)]
pub struct SharedTextEncoder(Arc<Mutex<Box<dyn TextEncoder>>>);

impl SharedTextEncoder {
    /// Shares an encoder.
    pub fn new(encoder: Box<dyn TextEncoder>) -> Self {
        Self(Arc::new(Mutex::new(encoder)))
    }
}

impl TextEncoder for SharedTextEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        // A panic leaves no partial state behind: each text starts afresh.
        let mut encoder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.embed(text)
    }
}

/// A text encoder that caches the vectors of recent texts, because questions recur.
pub struct CachedTextEncoder {
    encoder: Box<dyn TextEncoder>,
    recent: HashMap<String, Vec<f32>>,
    previous: HashMap<String, Vec<f32>>,
}

/// Texts certain to be cached; at most twice as many are.
const CAPACITY: usize = 256;

impl CachedTextEncoder {
    /// Caches the vectors of an encoder.
    pub fn new(encoder: Box<dyn TextEncoder>) -> Self {
        Self {
            encoder,
            recent: HashMap::new(),
            previous: HashMap::new(),
        }
    }
}

impl TextEncoder for CachedTextEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        if let Some(vector) = self.recent.get(text) {
            return Ok(vector.clone());
        }
        let vector = match self.previous.remove(text) {
            Some(vector) => vector,
            None => self.encoder.embed(text)?,
        };
        if self.recent.len() >= CAPACITY {
            // Texts requested again since the last swap are among the recent ones.
            self.previous = std::mem::take(&mut self.recent);
        }
        self.recent.insert(text.to_owned(), vector.clone());
        Ok(vector)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    struct Counting(Arc<AtomicUsize>);

    impl TextEncoder for Counting {
        fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
            self.0.fetch_add(1, SeqCst);
            Ok(vec![text.len() as f32])
        }
    }

    #[test]
    fn encodes_a_recurring_text_once_in_bounded_memory() {
        let runs = Arc::default();
        let mut text = CachedTextEncoder::new(Box::new(Counting(Arc::clone(&runs))));
        for n in 0..10 * CAPACITY {
            assert_eq!(text.embed("again").unwrap(), [5.0]);
            text.embed(&n.to_string()).unwrap();
        }
        assert_eq!(runs.load(SeqCst), 1 + 10 * CAPACITY);
        assert!(text.recent.len() + text.previous.len() <= 2 * CAPACITY);
    }
}
