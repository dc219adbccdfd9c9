//! The decoder of a published vision-language model: a token embedding and a decoder that returns its cache as a copy.

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use crate::{
    Decoder, InputToken, KvCache, KvShape, ModelError,
    runtime::session::{OnnxModule, SessionOptions},
    text::tokenizer::Tokenizer,
    vlm::{
        decoder_layout::{DecoderLayout, size},
        row_batch::{RowBatch, RowsOutput},
        token_embedding::TokenEmbedding,
    },
};

/// The files of a decoder.
pub(crate) struct VlmDecoderFiles<'f> {
    pub(crate) embed: &'f Path,
    pub(crate) decoder: &'f Path,
    pub(crate) tokenizer: &'f Path,
}

/// A decoder as two ONNX modules.
///
/// The token embedding is a [`TokenEmbedding`]. Decoder: `inputs_embeds` f32 `[b, s, h]`, `attention_mask` i64 `[b, all tokens]`,
/// `position_ids` i64 `[b, s]` if it has them, `num_logits_to_keep` i64 if it has it, and `past_key_values.N.key` and `.value` f32 `[b,
/// heads, past, d]` in, for the layers that attend, and `past_conv.N` or `past_recurrent.N` f32 of a fixed size for the others;
/// `logits` f32 `[b, s or 1, vocabulary]`, `present.N.key` and `.value`, `present_conv.N` and `present_recurrent.N` out.
pub(crate) struct VlmDecoder {
    embedding: TokenEmbedding,
    decoder: OnnxModule,
    layout: DecoderLayout,
    tokenizer: Tokenizer,
    ends: Vec<u32>,
    context: usize,
}

impl VlmDecoder {
    /// Loads the files. Texts end with one of `ends`; a sequence has at most `context` tokens.
    ///
    /// # Errors
    /// If a file cannot be loaded, or they do not belong together.
    pub(crate) fn load(
        files: &VlmDecoderFiles,
        ends: Vec<u32>,
        context: usize,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::load(files.tokenizer, None)?.without_padding()?;
        let decoder = OnnxModule::load_any(files.decoder, options.clone())?;
        let layout = DecoderLayout::read(files.decoder, &decoder)?;
        check_vocabulary(files.tokenizer, &tokenizer, &decoder)?;
        check_ends(files.tokenizer, &tokenizer, &ends)?;
        // The decoder's meter counts the runs of both.
        let meter = Arc::default();
        let embed_options = SessionOptions { meter, ..options };
        Ok(Self {
            embedding: TokenEmbedding::load(files.embed, layout.width, embed_options)?,
            decoder,
            layout,
            tokenizer,
            ends,
            context,
        })
    }

    /// Runs some rows, whose new tokens have these embeddings.
    fn run_rows(
        &mut self,
        rows: &[usize],
        embedded: Vec<f32>,
        kv: &mut KvCache,
    ) -> Result<RowsOutput, ModelError> {
        let new = embedded.len() / (rows.len() * self.layout.width);
        let batch = RowBatch::new(&self.layout, rows, new, kv);
        let inputs = batch.inputs(embedded, kv)?;
        let outputs = self.decoder.run(inputs, rows.len())?;
        batch.take(outputs, kv)
    }

    /// Returns the rows that run together.
    fn groups(&self, lengths: &[usize]) -> Vec<Vec<usize>> {
        if self.layout.pads {
            return vec![(0..lengths.len()).collect()];
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, length) in lengths.iter().enumerate() {
            groups.entry(*length).or_default().push(row);
        }
        groups.into_values().collect()
    }
}

impl Decoder for VlmDecoder {
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
        self.context
    }

    fn shape(&self) -> KvShape {
        self.layout.shape()
    }

    fn run(
        &mut self,
        tokens: &[InputToken],
        _adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        let rows = kv.lengths().len();
        let new = tokens.len() / rows;
        let longest = kv.lengths().iter().max().copied().unwrap_or(0);
        kv.reserve(longest + new);
        let embedded = self.embedding.embed(tokens, rows)?;
        let row_size = new * self.layout.width;
        let mut results = BTreeMap::new();
        for group in self.groups(kv.lengths()) {
            let own = group
                .iter()
                .flat_map(|row| &embedded[row * row_size..][..row_size]);
            let output = self.run_rows(&group, own.copied().collect(), kv)?;
            let each = output.logits.into_iter().zip(output.states);
            results.extend(group.into_iter().zip(each));
        }
        // Only now, because a failure leaves the rows as they were.
        kv.extend_lengths(new);
        let mut logits = Vec::new();
        for (row, (scores, state)) in results {
            logits.extend(scores);
            kv.state_mut(row).copy_from_slice(&state);
        }
        Ok(logits)
    }
}

/// Checks that the tokenizer knows one of the tokens that end a text.
fn check_ends(path: &Path, tokenizer: &Tokenizer, ends: &[u32]) -> Result<(), ModelError> {
    match ends.iter().any(|end| tokenizer.token(*end).is_some()) {
        true => Ok(()),
        false => Err(ModelError::Tokenizer {
            path: path.to_owned(),
            problem: format!(
                "it has none of the tokens {ends:?}, with which the model's texts end"
            ),
        }),
    }
}

/// Checks that the decoder scores every token of the tokenizer, if its file says how many it scores.
fn check_vocabulary(
    path: &Path,
    tokenizer: &Tokenizer,
    decoder: &OnnxModule,
) -> Result<(), ModelError> {
    let outputs = decoder.outputs();
    let logits = outputs.iter().find(|spec| spec.name() == "logits");
    match logits.and_then(|spec| size(spec, 2)) {
        Some(scored) if scored < tokenizer.size() => Err(ModelError::Tokenizer {
            path: path.to_owned(),
            problem: format!(
                "it has {} tokens, the decoder scores {scored}",
                tokenizer.size()
            ),
        }),
        _ => Ok(()),
    }
}
