//! The language decoder: tokens in, scores of the next token out, over keys and values that the caller keeps.
//!
//! What makes texts of it is the [`Scheduler`](crate::Scheduler).

use std::{path::Path, sync::Arc};

use crate::{
    error::ModelError,
    kv::{Kv, KvShape},
    manifest::DecoderPart,
    meter::Meter,
    session::{Element, Module, Port, Value},
    tokenizer::Tokenizer,
};

/// Texts with what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The best texts found, best first; one for greedy search. Never empty, but a text may be.
    pub candidates: Vec<Candidate>,
    /// Prompt tokens that were computed.
    pub prefilled: usize,
    /// Prompt tokens whose keys and values were taken from an earlier request; those of constant prompts are in neither.
    pub reused: usize,
    /// New tokens, those of beams given up included.
    pub generated: usize,
}

/// One text that the decoder would say.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The new text, without the prompt, trimmed.
    pub text: String,
    /// Its log-probability, divided by its length to a power below 1; [`Generation::prefer`] adds to it.
    pub score: f32,
}

impl Generation {
    /// The best text.
    pub fn text(&self) -> &str {
        self.candidates.first().map_or("", |best| &best.text)
    }

    /// Adds to each text's score what `more` gives for it, and puts the best first. A single text is left as it is.
    ///
    /// # Errors
    /// What `more` fails with.
    pub fn prefer(
        &mut self,
        mut more: impl FnMut(&str) -> Result<f32, ModelError>,
    ) -> Result<(), ModelError> {
        if self.candidates.len() < 2 {
            return Ok(());
        }
        for candidate in &mut self.candidates {
            candidate.score += more(&candidate.text)?;
        }
        self.candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(())
    }
}

/// One step of a language model. The same tokens give the same scores, whatever runs beside them.
pub trait Decoder: Send {
    /// The tokens of a text.
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError>;

    /// The text of tokens, control tokens left out.
    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError>;

    /// The tokens after which a text is over.
    fn ends(&self) -> &[u32];

    /// So many tokens a sequence may have, prompt and text together.
    fn context(&self) -> usize;

    /// The sizes of a token's keys and values.
    fn shape(&self) -> KvShape;

    /// Runs `ids`, equally many for each row of `kv`, after the row's tokens, and adds their keys and values; several for
    /// each row only if there is one row. `adapter` says for each row whether the caption adapter is on. Gives the scores
    /// (logits) `[rows × vocabulary]` of what comes next.
    ///
    /// # Errors
    /// If the module fails; `kv` holds the same tokens as before then.
    fn run(&mut self, ids: &[u32], adapter: &[bool], kv: &mut Kv) -> Result<Vec<f32>, ModelError>;
}

/// A decoder as an ONNX module with key-value cache.
///
/// In: `input_ids` i64 `[b, s]`, `seqlens_k` i32 `[b]` (length of all tokens of a sequence minus one), `total_seq` i32 `[1]` (of the
/// longest), `past_k.i` and `past_v.i` f32 `[b, heads, p, d]` for each layer, and `adapter` f32 `[b, 1, 1]` if the pack has one. Out: `logits`
/// f32 `[b, 1, vocabulary]` of the last position, `present_k.i` and `present_v.i`, which are written into the
/// memory of the past.
pub(crate) struct OnnxDecoder {
    module: Module,
    tokenizer: Tokenizer,
    part: DecoderPart,
    ends: Vec<u32>,
    caches: Vec<CacheNames>,
}

/// The cache tensors of one part, going in and coming out.
struct CacheNames {
    past: String,
    present: String,
}

impl OnnxDecoder {
    pub(crate) fn load(
        folder: &Path,
        part: &DecoderPart,
        threads: usize,
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
        let module = Module::load(&folder.join(&part.file), &inputs, &outputs, threads, meter)?;
        Ok(Self {
            module,
            tokenizer,
            part: part.clone(),
            ends,
            caches,
        })
    }
}

impl Decoder for OnnxDecoder {
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(text, false)
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(tokens)
    }

    fn ends(&self) -> &[u32] {
        &self.ends
    }

    fn context(&self) -> usize {
        self.part.context
    }

    fn shape(&self) -> KvShape {
        KvShape {
            parts: self.caches.len(),
            heads: self.part.kv_heads,
            dim: self.part.head_dim,
            of_module: true,
        }
    }

    fn run(&mut self, ids: &[u32], adapter: &[bool], kv: &mut Kv) -> Result<Vec<f32>, ModelError> {
        let rows = kv.lengths().len();
        let new = ids.len() / rows;
        let longest = kv.lengths().iter().max().copied().unwrap_or(0) + new;
        kv.reserve(longest);
        let last = kv.lengths().iter().map(|length| (length + new - 1) as i32);
        let ids = ids.iter().copied().map(i64::from).collect();
        let mut inputs = vec![
            ("input_ids", Value::i64(&[rows, new], ids)?),
            ("seqlens_k", Value::i32(&[rows], last.collect())?),
            ("total_seq", Value::i32(&[1], vec![longest as i32])?),
        ];
        if self.part.adapter {
            let scale = adapter.iter().map(|on| f32::from(u8::from(*on)));
            inputs.push(("adapter", Value::f32(&[rows, 1, 1], scale.collect())?));
        }
        let blocks = self.caches.iter().zip(kv.parts());
        let blocks = blocks.map(|(names, block)| (&*names.past, &*names.present, block));
        let logits = self.module.run_on(inputs, blocks, "logits", rows)?;
        kv.grow(new);
        Ok(logits)
    }
}
