//! The inputs and outputs of a published decoder, read from its file.
//!
//! Its caches have as many tokens for each row, so shorter rows are padded on the left and masked. Two kinds of graphs do not allow
//! that, and their rows run together only if they are equally long: those with the operator GroupQueryAttention, which expects
//! the padding elsewhere, and those with convolutions, which apply the mask to the new tokens.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use crate::{
    KvShape, ModelError,
    runtime::session::{ElementType, OnnxModule, TensorSpec},
};

/// The inputs and outputs of a decoder.
pub(crate) struct DecoderLayout {
    /// Numbers of an embedding, at least 1.
    pub(crate) width: usize,
    /// Keys and values, layer by layer.
    pub(crate) caches: Vec<CacheTensor>,
    /// States of the layers without keys and values.
    pub(crate) states: Vec<StateTensor>,
    pub(crate) heads: usize,
    pub(crate) dim: usize,
    pub(crate) position_ids: bool,
    pub(crate) logits_to_keep: bool,
    /// True if rows of different lengths may run together.
    pub(crate) pads: bool,
}

/// A cache: the names of the input that has the tokens so far, and of the output that has the new ones too.
pub(crate) struct CacheTensor {
    pub(crate) past: String,
    pub(crate) present: String,
}

/// A state of fixed size of one layer.
pub(crate) struct StateTensor {
    pub(crate) past: String,
    pub(crate) present: String,
    /// Sizes after the first.
    sizes: Vec<usize>,
}

impl StateTensor {
    /// Returns the numbers of a row.
    pub(crate) fn numbers(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Returns the shape for some rows.
    pub(crate) fn shape(&self, rows: usize) -> Vec<usize> {
        [&[rows], &*self.sizes].concat()
    }
}

impl DecoderLayout {
    /// Reads the layout of the decoder file at `path`.
    pub(crate) fn read(path: &Path, decoder: &OnnxModule) -> Result<Self, ModelError> {
        let inputs = decoder.inputs();
        let find = |name: &str| inputs.iter().find(|spec| spec.name() == name);
        let (caches, sizes) = caches(path, &inputs)?;
        let width = find("inputs_embeds").and_then(|spec| size(spec, 2));
        let width =
            width.ok_or_else(|| wrong(path, "inputs_embeds", "f32 [-1, -1, width]", &inputs))?;
        let states = states(path, &inputs)?;
        let layout = Self {
            width,
            caches,
            pads: states.is_empty() && !contains(path, b"GroupQueryAttention")?,
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

    /// Returns the dimensions of a cache for this decoder.
    pub(crate) fn shape(&self) -> KvShape {
        KvShape {
            parts: self.caches.len(),
            heads: self.heads,
            dim: self.dim,
            in_runtime: false,
            state: self.states.iter().map(StateTensor::numbers).sum(),
        }
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
        inputs.extend(self.states.iter().map(|own| state(&own.past, own)));
        let mut outputs = vec![TensorSpec::new("logits", ElementType::F32, &[-1, -1, -1])];
        outputs.extend(self.caches.iter().map(|names| cache(&names.present)));
        outputs.extend(self.states.iter().map(|own| state(&own.present, own)));
        (inputs, outputs)
    }
}

/// Returns the caches among the inputs, and their heads and dimensions, which must be the same for all.
fn caches(
    path: &Path,
    inputs: &[TensorSpec],
) -> Result<(Vec<CacheTensor>, (usize, usize)), ModelError> {
    let cache = |spec: &TensorSpec| {
        let rest = spec.name().strip_prefix("past_key_values.")?;
        let names = CacheTensor {
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
        let numbers = |sizes: &Vec<usize>| {
            sizes
                .iter()
                .try_fold(1_usize, |n, size| n.checked_mul(*size))
        };
        let sizes = sizes.filter(|sizes| numbers(sizes).is_some_and(|numbers| numbers <= MOST));
        let expected = "f32 with the same sizes for every length of the text";
        Ok(StateTensor {
            past: spec.name().to_owned(),
            present: spec.name().replacen("past_", "present_", 1),
            sizes: sizes.ok_or_else(|| wrong(path, spec.name(), expected, inputs))?,
        })
    };
    inputs.iter().filter(is_state).map(state).collect()
}

/// Largest size of a dimension, and most numbers of a layer's state. Those of published models are far below.
const MOST: usize = 1 << 24;

/// Returns a size of a tensor if the file states one that makes sense.
pub(crate) fn size(spec: &TensorSpec, dimension: usize) -> Option<usize> {
    spec.size(dimension).filter(|size| *size <= MOST)
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
