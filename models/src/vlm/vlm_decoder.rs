//! The decoder of a published vision-language model: a token embedding and a decoder that returns its cache as a copy.
//!
//! The decoder's caches have as many tokens for each row, so shorter rows are padded on the left and masked. Two kinds of graphs do
//! not allow that, and their rows run together only if they are equally long: those with the operator GroupQueryAttention, which
//! expects the padding elsewhere, and those with convolutions, which apply the mask to the new tokens.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufReader, Read},
    ops::Range,
    path::Path,
    sync::Arc,
};

use crate::{
    Decoder, InputToken, KvCache, KvShape, ModelError,
    runtime::session::{ElementType, OnnxModule, SessionOptions, TensorSpec, TensorValue},
    text::tokenizer::Tokenizer,
};

/// The files of a decoder.
pub(crate) struct VlmDecoderFiles<'f> {
    pub(crate) embed: &'f Path,
    pub(crate) decoder: &'f Path,
    pub(crate) tokenizer: &'f Path,
}

/// A decoder as two ONNX modules.
///
/// `embed_tokens`: `input_ids` i64 `[b, s]` in, `inputs_embeds` f32 `[b, s, h]` out. Decoder: `inputs_embeds`, `attention_mask` i64
/// `[b, all tokens]`, `position_ids` i64 `[b, s]` if it has them, `num_logits_to_keep` i64 if it has it, and
/// `past_key_values.N.key` and `.value` f32 `[b, heads, past, d]` in, for the layers that attend, and `past_conv.N` or
/// `past_recurrent.N` f32 of a fixed size for the others; `logits` f32 `[b, s or 1, vocabulary]`, `present.N.key` and `.value`,
/// `present_conv.N` and `present_recurrent.N` out.
pub(crate) struct VlmDecoder {
    embed: OnnxModule,
    embed_input: String,
    decoder: OnnxModule,
    layout: Layout,
    tokenizer: Tokenizer,
    ends: Vec<u32>,
    context: usize,
}

/// The inputs and outputs of a decoder file.
struct Layout {
    /// Numbers of an embedding.
    width: usize,
    caches: Vec<CacheNames>,
    states: Vec<StateTensor>,
    heads: usize,
    dim: usize,
    position_ids: bool,
    logits_to_keep: bool,
    /// True if rows of different lengths may run together.
    pads: bool,
}

struct CacheNames {
    past: String,
    present: String,
}

/// The output of a run for some rows.
struct RowsOutput {
    /// Logits of each row's last token.
    logits: Vec<f32>,
    /// The new state of each row.
    states: Vec<Vec<f32>>,
}

/// A state of fixed size of one layer.
struct StateTensor {
    names: CacheNames,
    /// Sizes after the first.
    sizes: Vec<usize>,
}

impl StateTensor {
    /// Returns the numbers of a row.
    fn numbers(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Returns the shape for some rows.
    fn shape(&self, rows: usize) -> Vec<usize> {
        [&[rows], &*self.sizes].concat()
    }
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
        let tokenizer = Tokenizer::load(files.tokenizer, None)?;
        let embed_options = SessionOptions {
            // The decoder's meter counts the runs of both.
            meter: Arc::default(),
            ..options.clone()
        };
        let embed = OnnxModule::load_any(files.embed, embed_options)?;
        let decoder = OnnxModule::load_any(files.decoder, options)?;
        let pads = !contains(files.decoder, b"GroupQueryAttention")?;
        let layout = Layout::read(files.decoder, &decoder, pads)?;
        let embed_input = check_embedding(files.embed, &embed, layout.width)?;
        let (tokens, vocabulary) = (tokenizer.size(), last_size(&decoder.outputs(), "logits"));
        if vocabulary.is_some_and(|vocabulary| vocabulary < tokens) {
            return Err(ModelError::Tokenizer {
                path: files.tokenizer.to_owned(),
                problem: format!(
                    "it has {tokens} tokens, the decoder scores {}",
                    vocabulary.unwrap_or(0)
                ),
            });
        }
        Ok(Self {
            embed,
            embed_input,
            decoder,
            layout,
            tokenizer,
            ends,
            context,
        })
    }

    /// Returns the embeddings of the tokens of all rows.
    fn embed(&mut self, tokens: &[InputToken], rows: usize) -> Result<Vec<f32>, ModelError> {
        let width = self.layout.width;
        let ids = tokens
            .iter()
            .map(|token| i64::from(token.text().unwrap_or(0)));
        let ids = TensorValue::new(&[rows, tokens.len() / rows], ids.collect())?;
        let mut outputs = self.embed.run(vec![(&*self.embed_input, ids)], rows)?;
        let mut embedded = outputs.take("inputs_embeds")?.to_f32()?;
        if embedded.len() != tokens.len() * width {
            return Err(ModelError::ImageTokens {
                expected: tokens.len(),
                found: embedded.len() / width,
            });
        }
        for (token, to) in tokens.iter().zip(embedded.chunks_exact_mut(width)) {
            if let InputToken::Image { embeddings, row } = token {
                if embeddings.width() != width {
                    return Err(ModelError::EmbeddingWidth {
                        expected: width,
                        found: embeddings.width(),
                    });
                }
                to.copy_from_slice(embeddings.row(*row));
            }
        }
        Ok(embedded)
    }

    /// Runs some rows, whose new tokens have these embeddings. Writes their keys and values after those of the rows, where nothing
    /// reads them yet.
    fn run_rows(
        &mut self,
        rows: &[usize],
        embedded: Vec<f32>,
        kv: &mut KvCache,
    ) -> Result<RowsOutput, ModelError> {
        let layout = &self.layout;
        let (count, width) = (rows.len(), layout.width);
        let new = embedded.len() / (count * width);
        let lengths: Vec<usize> = rows.iter().map(|row| kv.lengths()[*row]).collect();
        let past = lengths.iter().max().copied().unwrap_or(0);
        let visible = |length: usize, at: usize| i64::from(at >= past - length);
        let mask = lengths
            .iter()
            .flat_map(|length| (0..past + new).map(move |at| visible(*length, at)));
        let mask = TensorValue::new(&[count, past + new], mask.collect())?;
        let mut inputs = vec![
            (
                "inputs_embeds",
                TensorValue::new(&[count, new, width], embedded)?,
            ),
            ("attention_mask", mask),
        ];
        if layout.position_ids {
            let positions = lengths
                .iter()
                .flat_map(|length| (*length..length + new).map(|at| at as i64));
            let positions = TensorValue::new(&[count, new], positions.collect())?;
            inputs.push(("position_ids", positions));
        }
        if layout.logits_to_keep {
            inputs.push(("num_logits_to_keep", TensorValue::new(&[], vec![1_i64])?));
        }
        let shape = [count, layout.heads, past, layout.dim];
        for (part, names) in layout.caches.iter().enumerate() {
            let numbers = kv.left_padded(part, rows, past);
            inputs.push((&names.past, TensorValue::new(&shape, numbers)?));
        }
        let mut first = 0;
        for state in &layout.states {
            let range = first..first + state.numbers();
            let numbers = rows.iter().flat_map(|row| &kv.state(*row)[range.clone()]);
            let numbers = numbers.copied().collect();
            let tensor = TensorValue::new(&state.shape(count), numbers)?;
            inputs.push((&state.names.past, tensor));
            first = range.end;
        }
        let mut outputs = self.decoder.run(inputs, count)?;
        for (part, names) in layout.caches.iter().enumerate() {
            let present = outputs.take(&names.present)?;
            let (shape, numbers) = present.as_f32()?;
            if numbers.len() != count * layout.heads * (past + new) * layout.dim {
                return Err(ModelError::CacheShape {
                    output: names.present.clone(),
                    found: shape.to_vec(),
                });
            }
            kv.write_last(part, rows, numbers, new);
        }
        let mut states = vec![Vec::new(); count];
        for state in &layout.states {
            let present = outputs.take(&state.names.present)?;
            let (shape, numbers) = present.as_f32()?;
            if numbers.len() != count * state.numbers() {
                return Err(ModelError::CacheShape {
                    output: state.names.present.clone(),
                    found: shape.to_vec(),
                });
            }
            let each = numbers.chunks_exact(state.numbers());
            states
                .iter_mut()
                .zip(each)
                .for_each(|(own, numbers)| own.extend_from_slice(numbers));
        }
        Ok(RowsOutput {
            logits: last_logits(&outputs.take("logits")?, count)?,
            states,
        })
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
        KvShape {
            parts: self.layout.caches.len(),
            heads: self.layout.heads,
            dim: self.layout.dim,
            in_runtime: false,
            state: self.layout.states.iter().map(StateTensor::numbers).sum(),
        }
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
        let embedded = self.embed(tokens, rows)?;
        let row_size = new * self.layout.width;
        let mut results = BTreeMap::new();
        for group in self.groups(kv.lengths()) {
            let own = group
                .iter()
                .map(|row| &embedded[row * row_size..][..row_size]);
            let own: Vec<f32> = own.flatten().copied().collect();
            let output = self.run_rows(&group, own, kv)?;
            let vocabulary = output.logits.len() / group.len();
            let logits = output.logits.chunks_exact(vocabulary).map(<[f32]>::to_vec);
            let each = logits.zip(output.states);
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

impl Layout {
    /// Reads the layout of the decoder file at `path`.
    fn read(path: &Path, decoder: &OnnxModule, pads: bool) -> Result<Self, ModelError> {
        let inputs = decoder.inputs();
        let find = |name: &str| inputs.iter().find(|spec| spec.name() == name);
        let (caches, sizes) = caches(path, &inputs)?;
        let width = find("inputs_embeds").and_then(|spec| spec.shape().last().copied());
        let width = width.and_then(|width| usize::try_from(width).ok());
        let states = states(path, &inputs)?;
        let layout = Self {
            width: width
                .ok_or_else(|| wrong(path, "inputs_embeds", "f32 [-1, -1, width]", &inputs))?,
            caches,
            pads: pads && states.is_empty(),
            states,
            heads: sizes.0,
            dim: sizes.1,
            position_ids: find("position_ids").is_some(),
            logits_to_keep: find("num_logits_to_keep").is_some(),
        };
        let (inputs, outputs) = layout.signature();
        decoder.check(path, &inputs, &outputs)?;
        Ok(layout)
    }

    /// Returns the inputs and the outputs that the decoder must have.
    fn signature(&self) -> (Vec<TensorSpec>, Vec<TensorSpec>) {
        let cache = |name: &String| {
            let shape = [-1, self.heads as i64, -1, self.dim as i64];
            TensorSpec::new(name, ElementType::F32, &shape)
        };
        let width = self.width as i64;
        let mut inputs = vec![
            TensorSpec::new("inputs_embeds", ElementType::F32, &[-1, -1, width]),
            TensorSpec::new("attention_mask", ElementType::I64, &[-1, -1]),
        ];
        if self.position_ids {
            inputs.push(TensorSpec::new("position_ids", ElementType::I64, &[-1, -1]));
        }
        if self.logits_to_keep {
            inputs.push(TensorSpec::new("num_logits_to_keep", ElementType::I64, &[]));
        }
        let state = |name: &String, state: &StateTensor| {
            let sizes = state.sizes.iter().map(|size| *size as i64);
            let shape: Vec<i64> = [-1].into_iter().chain(sizes).collect();
            TensorSpec::new(name, ElementType::F32, &shape)
        };
        inputs.extend(self.caches.iter().map(|names| cache(&names.past)));
        inputs.extend(self.states.iter().map(|own| state(&own.names.past, own)));
        let mut outputs = vec![TensorSpec::new("logits", ElementType::F32, &[-1, -1, -1])];
        outputs.extend(self.caches.iter().map(|names| cache(&names.present)));
        outputs.extend(self.states.iter().map(|own| state(&own.names.present, own)));
        (inputs, outputs)
    }
}

/// Returns the caches among the inputs, and their heads and dimensions, which must be the same for all.
fn caches(
    path: &Path,
    inputs: &[TensorSpec],
) -> Result<(Vec<CacheNames>, (usize, usize)), ModelError> {
    let cache = |spec: &TensorSpec| {
        let rest = spec.name().strip_prefix("past_key_values.")?;
        let names = CacheNames {
            past: spec.name().to_owned(),
            present: format!("present.{rest}"),
        };
        Some((names, (size(spec, 1), size(spec, 3))))
    };
    let (names, sizes): (Vec<_>, BTreeSet<_>) = inputs.iter().filter_map(cache).unzip();
    let expected = "f32 [-1, heads, -1, size], with the same heads and size in all layers";
    match sizes.into_iter().collect::<Vec<_>>()[..] {
        [(Some(heads), Some(dim))] => Ok((names, (heads, dim))),
        _ => Err(wrong(path, "past_key_values", expected, inputs)),
    }
}

/// Returns the states of fixed size among the inputs.
fn states(path: &Path, inputs: &[TensorSpec]) -> Result<Vec<StateTensor>, ModelError> {
    let kinds = ["past_conv.", "past_recurrent."];
    let is_state = |spec: &&TensorSpec| kinds.iter().any(|kind| spec.name().starts_with(kind));
    let state = |spec: &TensorSpec| {
        let sizes = (1..spec.shape().len()).map(|dimension| size(spec, dimension));
        let sizes: Option<Vec<usize>> = sizes.collect();
        let expected = "f32 with the same sizes for every length of the text";
        Ok(StateTensor {
            names: CacheNames {
                past: spec.name().to_owned(),
                present: spec.name().replacen("past_", "present_", 1),
            },
            sizes: sizes.ok_or_else(|| wrong(path, spec.name(), expected, inputs))?,
        })
    };
    inputs.iter().filter(is_state).map(state).collect()
}

/// Returns a size of a tensor, if the file states it.
fn size(spec: &TensorSpec, dimension: usize) -> Option<usize> {
    let size = spec.shape().get(dimension).copied()?;
    usize::try_from(size).ok()
}

/// Returns the last size of an output, if the file states it.
fn last_size(outputs: &[TensorSpec], name: &str) -> Option<usize> {
    let output = outputs.iter().find(|spec| spec.name() == name)?;
    size(output, output.shape().len().checked_sub(1)?)
}

fn wrong(path: &Path, tensor: &str, expected: &str, inputs: &[TensorSpec]) -> ModelError {
    let of_name = |spec: &&TensorSpec| spec.name().starts_with(tensor);
    let found = match inputs.iter().find(of_name) {
        Some(spec) => format!("{:?} {:?}", spec.element(), spec.shape()),
        None => "no such input".to_owned(),
    };
    ModelError::Signature {
        path: path.to_owned(),
        tensor: tensor.to_owned(),
        expected: expected.to_owned(),
        found,
    }
}

/// Checks that a token embedding has the decoder's width, and returns the name of its input.
fn check_embedding(path: &Path, embed: &OnnxModule, width: usize) -> Result<String, ModelError> {
    let inputs = embed.inputs();
    let name = inputs
        .first()
        .map_or("input_ids", TensorSpec::name)
        .to_owned();
    let input = TensorSpec::new(&name, ElementType::I64, &[-1, -1]);
    let output = TensorSpec::new("inputs_embeds", ElementType::F32, &[-1, -1, width as i64]);
    embed.check(path, &[input], &[output])?;
    Ok(name)
}

/// Returns the logits of the last token of each row.
fn last_logits(logits: &TensorValue, rows: usize) -> Result<Vec<f32>, ModelError> {
    let (shape, numbers) = logits.as_f32()?;
    let vocabulary = shape.last().map_or(0, |size| *size as usize);
    let row = numbers.len() / rows;
    if vocabulary == 0 || row < vocabulary {
        return Err(ModelError::CacheShape {
            output: "logits".to_owned(),
            found: shape.to_vec(),
        });
    }
    let rows = numbers.chunks_exact(row);
    Ok(rows
        .flat_map(|row| row[row.len() - vocabulary..].to_vec())
        .collect())
}

/// Returns true if a file contains these bytes.
fn contains(path: &Path, wanted: &[u8]) -> Result<bool, ModelError> {
    let failed = |source| ModelError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let (mut buffer, mut kept) = (vec![0; 1 << 20], 0);
    loop {
        let read = file.read(&mut buffer[kept..]).map_err(failed)?;
        if read == 0 {
            return Ok(false);
        }
        let filled = kept + read;
        if buffer[..filled]
            .windows(wanted.len())
            .any(|bytes| bytes == wanted)
        {
            return Ok(true);
        }
        // The bytes may continue in the next block.
        kept = filled.min(wanted.len() - 1);
        buffer.copy_within(filled - kept..filled, 0);
    }
}
