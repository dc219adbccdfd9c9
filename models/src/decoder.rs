//! The language decoder: a prompt in, a short text out, by greedy search over a cache of keys and values.

use std::{path::Path, sync::Arc};

use crate::{
    connector::Prompt,
    error::ModelError,
    manifest::DecoderPart,
    meter::Meter,
    session::{Element, Module, Outputs, Port, Value},
    tokenizer::Tokenizer,
};

/// A text with what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The new text, without the prompt, trimmed.
    pub text: String,
    /// Prompt tokens that were computed.
    pub prefilled: usize,
    /// Prompt tokens whose keys and values were taken from an earlier request.
    pub reused: usize,
    /// New tokens.
    pub generated: usize,
}

/// Continues prompts. The same prompt always gives the same text.
pub trait Decoder: Send {
    /// Continues a prompt by at most `max_tokens` tokens, up to the model's end token or the end of the line.
    fn generate(&mut self, prompt: &Prompt, max_tokens: usize) -> Result<Generation, ModelError>;
}

/// A decoder as an ONNX module with key-value cache.
///
/// In: `input_ids` i64 `[b, s]`, `seqlens_k` i32 `[b]` (length of all tokens minus one), `total_seq` i32 `[1]`,
/// `past_k.i` and `past_v.i` f32 `[b, heads, p, d]` for each layer. Out: `logits` f32 `[b, 1, vocabulary]` of the last
/// position, `present_k.i` and `present_v.i`.
pub(crate) struct OnnxDecoder {
    module: Module,
    tokenizer: Tokenizer,
    part: DecoderPart,
    ends: Vec<u32>,
    caches: Vec<CacheNames>,
}

/// The cache tensors of one layer, as (input, output) for keys and for values.
struct CacheNames {
    past: String,
    present: String,
}

impl OnnxDecoder {
    pub(crate) fn load(
        folder: &Path,
        part: &DecoderPart,
        meter: Arc<Meter>,
    ) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::load(&folder.join(&part.tokenizer), Some(part.vocabulary))?;
        let ends = part
            .end
            .iter()
            .map(|token| tokenizer.id(token))
            .collect::<Result<_, _>>()?;
        let caches: Vec<_> = (0..part.layers)
            .flat_map(|layer| ["k", "v"].map(|c| (c, layer)))
            .map(|(c, layer)| CacheNames {
                past: format!("past_{c}.{layer}"),
                present: format!("present_{c}.{layer}"),
            })
            .collect();
        let cache = |name: &String| {
            Port::new(
                name,
                Element::F32,
                &[-1, part.kv_heads as i64, -1, part.head_dim as i64],
            )
        };
        let mut inputs = vec![
            Port::new("input_ids", Element::I64, &[-1, -1]),
            Port::new("seqlens_k", Element::I32, &[-1]),
            Port::new("total_seq", Element::I32, &[1]),
        ];
        inputs.extend(caches.iter().map(|names| cache(&names.past)));
        let mut outputs = vec![Port::new(
            "logits",
            Element::F32,
            &[-1, 1, part.vocabulary as i64],
        )];
        outputs.extend(caches.iter().map(|names| cache(&names.present)));
        let module = Module::load(&folder.join(&part.file), &inputs, &outputs, meter)?;
        Ok(Self {
            module,
            tokenizer,
            part: part.clone(),
            ends,
            caches,
        })
    }

    fn empty_cache(&self) -> Result<Vec<Value>, ModelError> {
        let shape = [1, self.part.kv_heads, 0, self.part.head_dim];
        self.caches
            .iter()
            .map(|_| Value::empty_f32(&shape))
            .collect()
    }

    /// Runs new tokens after those in the cache; gives the best next token and the longer cache.
    fn step(
        &mut self,
        ids: &[u32],
        cached: usize,
        cache: Vec<Value>,
    ) -> Result<(u32, Vec<Value>), ModelError> {
        let total = (cached + ids.len()) as i32;
        let mut feed = vec![
            (
                "input_ids".into(),
                Value::i64(
                    &[1, ids.len()],
                    ids.iter().copied().map(i64::from).collect(),
                )?,
            ),
            ("seqlens_k".into(), Value::i32(&[1], vec![total - 1])?),
            ("total_seq".into(), Value::i32(&[1], vec![total])?),
        ];
        feed.extend(
            self.caches
                .iter()
                .map(|names| names.past.clone())
                .zip(cache),
        );
        let mut outputs = self.module.run(feed, 1)?;
        let next = best(outputs.take("logits")?.f32()?)?;
        Ok((next, self.grown(&mut outputs)?))
    }

    fn grown(&self, outputs: &mut Outputs) -> Result<Vec<Value>, ModelError> {
        self.caches
            .iter()
            .map(|names| outputs.take(&names.present))
            .collect()
    }
}

/// The index of the highest score; the lowest such index if several are equal.
fn best(logits: &[f32]) -> Result<u32, ModelError> {
    let mut best = 0;
    for (index, score) in logits.iter().enumerate() {
        if !score.is_finite() {
            return Err(ModelError::NotFinite { module: "decoder" });
        }
        if *score > logits[best] {
            best = index;
        }
    }
    Ok(best as u32)
}

impl Decoder for OnnxDecoder {
    fn generate(&mut self, prompt: &Prompt, max_tokens: usize) -> Result<Generation, ModelError> {
        let ids = self.tokenizer.encode(prompt.as_str(), false)?;
        if ids.is_empty() || ids.len() + max_tokens > self.part.context {
            return Err(ModelError::PromptLength {
                found: ids.len(),
                new: max_tokens,
                context: self.part.context,
            });
        }
        let mut new = Vec::with_capacity(max_tokens);
        let (mut next, mut cache) = self.step(&ids, 0, self.empty_cache()?)?;
        while !self.ends.contains(&next) {
            new.push(next);
            if new.len() >= max_tokens || self.tokenizer.decode(&[next])?.contains('\n') {
                break;
            }
            (next, cache) = self.step(&[next], ids.len() + new.len() - 1, cache)?;
        }
        let text = self.tokenizer.decode(&new)?.trim().to_owned();
        Ok(Generation {
            text,
            prefilled: ids.len(),
            reused: 0,
            generated: new.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_equal_scores_is_the_first() {
        assert_eq!(best(&[0.0, 2.0, 2.0, 1.0]).unwrap(), 1);
    }

    #[test]
    fn refuses_scores_that_are_not_numbers() {
        assert!(best(&[0.0, f32::NAN]).is_err());
    }
}
