//! The language decoder: a prompt in, short texts out, by beam search over a cache of keys and values.

use std::{path::Path, sync::Arc};

use crate::{
    beam::Search,
    connector::Prompt,
    error::ModelError,
    manifest::DecoderPart,
    meter::Meter,
    session::{Element, Module, Outputs, Port, Value},
    text::TextEncoder,
    tokenizer::Tokenizer,
};

/// Texts with what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The best texts found, best first; one for greedy search. Never empty, but a text may be.
    pub candidates: Vec<Candidate>,
    /// Prompt tokens that were computed.
    pub prefilled: usize,
    /// Prompt tokens whose keys and values were taken from an earlier request.
    pub reused: usize,
    /// New tokens, those of beams given up included.
    pub generated: usize,
}

/// One text that the decoder would say.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The new text, without the prompt, trimmed.
    pub text: String,
    /// Its log-probability, divided by its length to a power below 1; [`Generation::prefer_like`] adds to it.
    pub score: f32,
}

impl Generation {
    /// The best text.
    pub fn text(&self) -> &str {
        self.candidates.first().map_or("", |best| &best.text)
    }

    /// Puts the text first that is best when its likeness with an index vector counts too: its score plus `weight`
    /// times the cosine of `vector` and the text's own vector.
    ///
    /// # Errors
    /// If a text cannot be encoded.
    pub fn prefer_like(
        &mut self,
        vector: &[f32],
        weight: f32,
        text: &mut dyn TextEncoder,
    ) -> Result<(), ModelError> {
        if self.candidates.len() < 2 || weight == 0.0 {
            return Ok(());
        }
        for candidate in &mut self.candidates {
            let said = text.embed(&candidate.text)?;
            let cosine: f32 = said.iter().zip(vector).map(|(a, b)| a * b).sum();
            candidate.score += weight * cosine;
        }
        self.candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(())
    }
}

/// Continues prompts. The same prompt always gives the same texts.
pub trait Decoder: Send {
    /// Continues a prompt by at most `max_tokens` tokens, up to the model's end token or the end of the line.
    fn generate(&mut self, prompt: &Prompt, max_tokens: usize) -> Result<Generation, ModelError>;
}

/// A decoder as an ONNX module with key-value cache.
///
/// In: `input_ids` i64 `[b, s]`, `seqlens_k` i32 `[b]` (length of all tokens minus one), `total_seq` i32 `[1]`,
/// `past_k.i` and `past_v.i` f32 `[b, heads, p, d]` for each layer, and `adapter` f32 `[b, 1, 1]` if the pack has one. Out: `logits` f32 `[b, 1, vocabulary]` of the last
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
        let mut ends = part
            .end
            .iter()
            .map(|token| tokenizer.id(token))
            .collect::<Result<Vec<_>, _>>()?;
        ends.extend(tokenizer.breaking_lines()?);
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
        if part.adapter {
            inputs.push(Port::new("adapter", Element::F32, &[-1, 1, 1]));
        }
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

    /// Runs new tokens, equally many for each text, after those in the cache; gives the logits `[texts × vocabulary]` of
    /// each text's next token and the longer cache.
    fn step(
        &mut self,
        ids: &[u32],
        texts: usize,
        past: Past,
        adapter: bool,
    ) -> Result<(Vec<f32>, Past), ModelError> {
        let new = ids.len() / texts;
        let total = (past.tokens + new) as i32;
        let ids = ids.iter().copied().map(i64::from).collect();
        let mut feed = vec![
            ("input_ids".into(), Value::i64(&[texts, new], ids)?),
            (
                "seqlens_k".into(),
                Value::i32(&[texts], vec![total - 1; texts])?,
            ),
            ("total_seq".into(), Value::i32(&[1], vec![total])?),
        ];
        if self.part.adapter {
            let scale = vec![f32::from(u8::from(adapter)); texts];
            feed.push(("adapter".into(), Value::from_f32(&[texts, 1, 1], scale)?));
        }
        let names = self.caches.iter().map(|names| names.past.clone());
        feed.extend(names.zip(past.cache));
        let mut outputs = self.module.run(feed, texts)?;
        let logits = outputs.take("logits")?.into_f32()?;
        let past = Past {
            cache: self.grown(&mut outputs)?,
            tokens: past.tokens + new,
        };
        Ok((logits, past))
    }

    fn grown(&self, outputs: &mut Outputs) -> Result<Vec<Value>, ModelError> {
        self.caches
            .iter()
            .map(|names| outputs.take(&names.present))
            .collect()
    }
}

/// Keys and values of the texts under way, all equally long.
struct Past {
    cache: Vec<Value>,
    tokens: usize,
}

impl Past {
    /// The past of the texts that come next, each continuing one of these.
    fn of(self, rows: &[usize], texts: usize) -> Result<Self, ModelError> {
        if rows.iter().copied().eq(0..texts) {
            return Ok(self);
        }
        Ok(Self {
            cache: self
                .cache
                .iter()
                .map(|value| value.rows(rows))
                .collect::<Result<_, _>>()?,
            tokens: self.tokens,
        })
    }
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
        let mut search = Search::new(prompt.beams(), self.ends.clone());
        let start = Past {
            cache: self.empty_cache()?,
            tokens: 0,
        };
        let (mut logits, mut past) = self.step(&ids, 1, start, prompt.adapter())?;
        let (mut texts, mut generated) = (1, 0);
        loop {
            let next = search.step(&logits, max_tokens)?;
            if next.is_empty() {
                break;
            }
            let (rows, tokens): (Vec<_>, Vec<_>) = next.into_iter().unzip();
            past = past.of(&rows, texts)?;
            texts = rows.len();
            generated += texts;
            (logits, past) = self.step(&tokens, texts, past, prompt.adapter())?;
        }
        let candidates = search
            .finish()
            .into_iter()
            .map(|beam| {
                Ok(Candidate {
                    text: self.tokenizer.decode(&beam.tokens)?.trim().to_owned(),
                    score: beam.score,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Generation {
            candidates,
            prefilled: ids.len(),
            reused: 0,
            generated,
        })
    }
}
