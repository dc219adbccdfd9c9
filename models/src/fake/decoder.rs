//! The fake decoder, which repeats its prompt.

use std::{ops::Range, sync::Arc, time::Instant};

use crate::{Decoder, InputToken, KvCache, KvShape, Meter, ModelError};

/// A decoder that repeats its prompt: a caption names the tags, an answer says if the evidence contains the question's last
/// word. A token is a word, and its key and value is its number. All output derives from the given keys and values, so a
/// mistake in those is visible.
pub struct FakeDecoder {
    words: Vec<String>,
    meter: Arc<Meter>,
}

/// The word that ends a prompt; no user can write it.
const SAY: &str = "<|say|>";
/// The token that ends a text.
const END: u32 = 0;

impl FakeDecoder {
    /// Creates a decoder and counts it as loaded.
    pub fn new(meter: Arc<Meter>) -> Self {
        meter.loaded(Instant::now());
        Self {
            words: vec!["<|end|>".to_owned()],
            meter,
        }
    }

    fn token(&mut self, word: &str) -> u32 {
        let known = self.words.iter().position(|have| have == word);
        known.unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        }) as u32
    }

    /// Returns the token that follows these.
    fn next(&mut self, tokens: &[u32]) -> Result<u32, ModelError> {
        let words: Vec<_> = tokens
            .iter()
            .map(|token| &*self.words[*token as usize])
            .collect();
        let prompt = words
            .iter()
            .position(|word| *word == SAY)
            .unwrap_or(words.len());
        let generated = words.len().saturating_sub(prompt + 1);
        let text = match words[..prompt].split_first() {
            Some((&"caption", tags)) => format!("A picture of {}.", tags.join(" ")),
            Some((_, rest)) => answer(&rest.join(" "), generated)?,
            None => String::new(),
        };
        let word = text
            .split(' ')
            .filter(|word| !word.is_empty())
            .nth(generated);
        Ok(word.map_or(END, |word| self.token(word)))
    }
}

impl Decoder for FakeDecoder {
    fn encode(&mut self, text: &str, _: &[Range<usize>]) -> Result<Vec<u32>, ModelError> {
        Ok(text
            .split_whitespace()
            .map(|word| self.token(word))
            .collect())
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        let words: Vec<_> = tokens
            .iter()
            .map(|token| &*self.words[*token as usize])
            .collect();
        Ok(words.join(" "))
    }

    fn ends(&self) -> &[u32] {
        &[END]
    }

    fn context(&self) -> usize {
        1000
    }

    fn shape(&self) -> KvShape {
        KvShape {
            parts: 1,
            heads: 1,
            dim: 1,
            in_runtime: false,
            state: 0,
        }
    }

    fn run(
        &mut self,
        tokens: &[InputToken],
        _: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        let ids: Option<Vec<u32>> = tokens.iter().map(InputToken::text).collect();
        let ids = ids.ok_or(ModelError::NoImageInput)?;
        let meter = Arc::clone(&self.meter);
        let rows = kv.lengths().len();
        meter.run(rows, || {
            let new = ids.len() / rows;
            let mut next = Vec::new();
            for (row, ids) in ids.chunks_exact(new).enumerate() {
                let past = kv.tokens(row, 0..kv.lengths()[row]);
                let past = past.into_iter().map(|number| number as u32);
                next.push(self.next(&past.chain(ids.iter().copied()).collect::<Vec<_>>())?);
            }
            let longest = kv.lengths().iter().max().copied().unwrap_or(0) + new;
            kv.reserve(longest);
            let (capacity, lengths) = (kv.capacity(), kv.lengths().to_vec());
            let numbers = kv.parts()[0].as_mut_slice();
            for (row, ids) in ids.chunks_exact(new).enumerate() {
                let to = numbers[row * capacity + lengths[row]..].iter_mut().zip(ids);
                to.for_each(|(number, id)| *number = *id as f32);
            }
            kv.extend_lengths(new);
            // Token numbers depend on earlier prompts, so the scores of the other words are all equal.
            let score = |next: u32| {
                let scores = (0..self.words.len() as u32)
                    .map(move |word| if word == next { 0.0 } else { -99.0 });
                scores.collect::<Vec<f32>>()
            };
            Ok(next.into_iter().flat_map(score).collect())
        })
    }
}

/// Returns "Yes" or "No". Fails if the question requests it: "fail" and "panic" at once, "fail2" and "panic2" after one
/// generated word.
fn answer(prompt: &str, generated: usize) -> Result<String, ModelError> {
    let (evidence, question) = prompt.split_once(" ? ").unwrap_or((prompt, ""));
    let requested = |word: &str| {
        question.contains(word) && (generated > 0 || !question.contains(&format!("{word}2")))
    };
    if requested("panic") {
        panic!("a question that says panic, as asked");
    }
    if requested("fail") {
        return Err(ModelError::FakeFailure("a question that says fail"));
    }
    let word = question
        .trim_end_matches('?')
        .split(' ')
        .next_back()
        .unwrap_or("");
    let yes = evidence.contains(word);
    Ok(if yes { "Yes" } else { "No" }.to_owned())
}
