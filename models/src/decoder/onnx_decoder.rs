//! A language decoder as an ONNX module that updates its KV cache in place.

use std::{ops::Range, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    Decoder, InputToken, KvCache, KvShape, ModelError,
    runtime::session::{ElementType, InPlace, OnnxModule, SessionOptions, TensorSpec, TensorValue},
    text::tokenizer::Tokenizer,
};

/// The `[decoder]` section of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecoderPart {
    /// The module.
    pub(crate) file: String,
    /// Its tokenizer.
    pub(crate) tokenizer: String,
    /// Layers, each with a key cache and a value cache.
    pub(crate) layers: usize,
    /// Heads of keys and values.
    pub(crate) kv_heads: usize,
    /// Size of a head.
    pub(crate) head_dim: usize,
    /// Size of the vocabulary.
    pub(crate) vocabulary: usize,
    /// Maximum length of prompt and answer together, in tokens.
    pub(crate) context: usize,
    /// Tokens that end a text.
    pub(crate) end: Vec<String>,
    /// True if the module has an input `adapter`: captions are written with it, all other texts without.
    #[serde(default)]
    pub(crate) adapter: bool,
}

/// A decoder as an ONNX module with a KV cache.
///
/// Inputs: `input_ids` i64 `[b, s]`, `seqlens_k` i32 `[b]` (each sequence's total length minus one), `total_seq` i32 `[1]`
/// (the longest total length), `past_k.i` and `past_v.i` f32 `[b, heads, p, d]` for each layer, and `adapter` f32
/// `[b, 1, 1]` if the pack has one. Outputs: `logits` f32 `[b, 1, vocabulary]` of the last position, and `present_k.i` and
/// `present_v.i`, which are written into the memory of the past.
pub(crate) struct OnnxDecoder {
    module: OnnxModule,
    tokenizer: Tokenizer,
    part: DecoderPart,
    ends: Vec<u32>,
    caches: Vec<CacheNames>,
}

/// The input and output of one cache.
struct CacheNames {
    past: String,
    present: String,
}

impl OnnxDecoder {
    pub(crate) fn load(
        folder: &Path,
        part: &DecoderPart,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::load(&folder.join(&part.tokenizer), Some(part.vocabulary))?;
        let mut ends = part
            .end
            .iter()
            .map(|token| tokenizer.id(token))
            .collect::<Result<Vec<_>, _>>()?;
        ends.extend(tokenizer.line_breaks()?);
        let caches = cache_names(part.layers);
        let (inputs, outputs) = signature(part, &caches);
        let module = OnnxModule::load(&folder.join(&part.file), &inputs, &outputs, options)?;
        Ok(Self {
            module,
            tokenizer,
            part: part.clone(),
            ends,
            caches,
        })
    }
}

fn cache_names(layers: usize) -> Vec<CacheNames> {
    (0..layers)
        .flat_map(|layer| ["k", "v"].map(|kind| (kind, layer)))
        .map(|(kind, layer)| CacheNames {
            past: format!("past_{kind}.{layer}"),
            present: format!("present_{kind}.{layer}"),
        })
        .collect()
}

/// Returns the inputs and the outputs that the module must have.
fn signature(part: &DecoderPart, caches: &[CacheNames]) -> (Vec<TensorSpec>, Vec<TensorSpec>) {
    let cache = |name: &String| {
        let shape = [-1, part.kv_heads as i64, -1, part.head_dim as i64];
        TensorSpec::new(name, ElementType::F32, &shape)
    };
    let mut inputs = vec![
        TensorSpec::new("input_ids", ElementType::I64, &[-1, -1]),
        TensorSpec::new("seqlens_k", ElementType::I32, &[-1]),
        TensorSpec::new("total_seq", ElementType::I32, &[1]),
    ];
    inputs.extend(caches.iter().map(|names| cache(&names.past)));
    if part.adapter {
        inputs.push(TensorSpec::new("adapter", ElementType::F32, &[-1, 1, 1]));
    }
    let logits = [-1, 1, part.vocabulary as i64];
    let mut outputs = vec![TensorSpec::new("logits", ElementType::F32, &logits)];
    outputs.extend(caches.iter().map(|names| cache(&names.present)));
    (inputs, outputs)
}

impl Decoder for OnnxDecoder {
    fn encode(&mut self, text: &str, foreign: &[Range<usize>]) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode_prompt(text, foreign)
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
            in_runtime: true,
            state: 0,
        }
    }

    fn run(
        &mut self,
        tokens: &[InputToken],
        adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        let rows = kv.lengths().len();
        let new = tokens.len() / rows;
        let longest = kv.lengths().iter().max().copied().unwrap_or(0) + new;
        kv.reserve(longest);
        let last = kv.lengths().iter().map(|length| (length + new - 1) as i32);
        let last = TensorValue::new(&[rows], last.collect::<Vec<_>>())?;
        let ids = tokens.iter().map(|token| token.text().map(i64::from));
        let ids: Option<Vec<i64>> = ids.collect();
        let ids = ids.ok_or(ModelError::NoImageInput)?;
        let mut inputs = vec![
            ("input_ids", TensorValue::new(&[rows, new], ids)?),
            ("seqlens_k", last),
            ("total_seq", TensorValue::new(&[1], vec![longest as i32])?),
        ];
        if self.part.adapter {
            let scale: Vec<_> = adapter.iter().map(|on| f32::from(u8::from(*on))).collect();
            inputs.push(("adapter", TensorValue::new(&[rows, 1, 1], scale)?));
        }
        let caches = self.caches.iter().zip(kv.parts());
        let caches = caches.map(|(names, buffer)| InPlace {
            input: &names.past,
            output: &names.present,
            buffer,
        });
        let logits = self.module.run_in_place(inputs, caches, "logits", rows)?;
        kv.extend_lengths(new);
        Ok(logits)
    }
}
