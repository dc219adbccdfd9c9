//! Rows of a cache that run together through a published decoder: its inputs for them, and what becomes of its outputs.

use crate::{
    KvCache, ModelError,
    runtime::session::{NamedOutputs, TensorValue},
    vlm::decoder_layout::DecoderLayout,
};

/// Some rows of a cache with their new tokens, equally many for each.
pub(crate) struct RowBatch<'l> {
    layout: &'l DecoderLayout,
    rows: &'l [usize],
    /// Tokens that each row has.
    lengths: Vec<usize>,
    /// The most of them.
    past: usize,
    /// New tokens of a row.
    new: usize,
}

/// The output of a run.
pub(crate) struct RowsOutput {
    /// Logits of each row's last token.
    pub(crate) logits: Vec<Vec<f32>>,
    /// The new state of each row.
    pub(crate) states: Vec<Vec<f32>>,
}

/// An input of the decoder.
type Input<'l> = (&'l str, TensorValue);

impl<'l> RowBatch<'l> {
    /// Creates the batch of some rows of `kv` with `new` new tokens each.
    pub(crate) fn new(
        layout: &'l DecoderLayout,
        rows: &'l [usize],
        new: usize,
        kv: &KvCache,
    ) -> Self {
        let lengths: Vec<usize> = rows.iter().map(|row| kv.lengths()[*row]).collect();
        Self {
            past: lengths.iter().max().copied().unwrap_or(0),
            layout,
            rows,
            lengths,
            new,
        }
    }

    /// Returns the decoder's inputs: those of the new tokens, whose embeddings are `embedded`, and the caches and states of the rows.
    ///
    /// # Errors
    /// If a tensor cannot be made.
    pub(crate) fn inputs(
        &self,
        embedded: Vec<f32>,
        kv: &KvCache,
    ) -> Result<Vec<Input<'l>>, ModelError> {
        let mut inputs = self.token_inputs(embedded)?;
        let layout = self.layout;
        let shape = [self.rows.len(), layout.heads, self.past, layout.dim];
        for (part, cache) in layout.caches.iter().enumerate() {
            let numbers = kv.left_padded(part, self.rows, self.past);
            inputs.push((&cache.past, TensorValue::new(&shape, numbers)?));
        }
        let mut first = 0;
        for state in &layout.states {
            let range = first..first + state.numbers();
            first = range.end;
            let each = self.rows.iter();
            let numbers = each.flat_map(|row| kv.state(*row)[range.clone()].iter().copied());
            let tensor = TensorValue::new(&state.shape(self.rows.len()), numbers.collect())?;
            inputs.push((&state.past, tensor));
        }
        Ok(inputs)
    }

    /// Returns the inputs of the new tokens: their embeddings, the mask and the positions.
    fn token_inputs(&self, embedded: Vec<f32>) -> Result<Vec<Input<'l>>, ModelError> {
        let (count, new, all) = (self.rows.len(), self.new, self.past + self.new);
        let visible = |padding: usize| (0..all).map(move |at| i64::from(at >= padding));
        let mask = self
            .lengths
            .iter()
            .map(|length| visible(self.past - length));
        let mask = mask.flatten().collect();
        let shape = [count, new, self.layout.width];
        let mut inputs = vec![
            ("inputs_embeds", TensorValue::new(&shape, embedded)?),
            ("attention_mask", TensorValue::new(&[count, all], mask)?),
        ];
        if self.layout.position_ids {
            let positions = self.lengths.iter();
            let positions = positions.flat_map(|length| (0..new).map(move |n| (length + n) as i64));
            let positions = TensorValue::new(&[count, new], positions.collect())?;
            inputs.push(("position_ids", positions));
        }
        if self.layout.logits_to_keep {
            inputs.push(("num_logits_to_keep", TensorValue::new(&[], vec![1_i64])?));
        }
        Ok(inputs)
    }

    /// Takes the outputs apart. Writes the new keys and values after those of the rows, where nothing reads them yet.
    ///
    /// # Errors
    /// If an output is missing or has another shape than its input.
    pub(crate) fn take(
        &self,
        mut outputs: NamedOutputs,
        kv: &mut KvCache,
    ) -> Result<RowsOutput, ModelError> {
        let layout = self.layout;
        let size = layout.heads * (self.past + self.new) * layout.dim;
        for (part, cache) in layout.caches.iter().enumerate() {
            let numbers = outputs.take(&cache.present)?;
            let numbers = self.checked(&cache.present, &numbers, size)?;
            kv.write_last(part, self.rows, numbers, self.new);
        }
        let mut states = vec![Vec::new(); self.rows.len()];
        for state in &layout.states {
            let numbers = outputs.take(&state.present)?;
            let numbers = self.checked(&state.present, &numbers, state.numbers())?;
            let each = states.iter_mut().zip(numbers.chunks_exact(state.numbers()));
            each.for_each(|(own, numbers)| own.extend_from_slice(numbers));
        }
        Ok(RowsOutput {
            logits: self.last_logits(&outputs.take("logits")?)?,
            states,
        })
    }

    /// Returns the numbers of an output if there are `size` of them for each row.
    fn checked<'v>(
        &self,
        output: &str,
        value: &'v TensorValue,
        size: usize,
    ) -> Result<&'v [f32], ModelError> {
        let (shape, numbers) = value.as_f32()?;
        match numbers.len() == self.rows.len() * size {
            true => Ok(numbers),
            false => Err(unexpected(output, shape)),
        }
    }

    /// Returns the logits of the last token of each row.
    fn last_logits(&self, logits: &TensorValue) -> Result<Vec<Vec<f32>>, ModelError> {
        let (shape, numbers) = logits.as_f32()?;
        let vocabulary = shape.last().map_or(0, |size| *size as usize);
        let row = numbers.len() / self.rows.len();
        if vocabulary == 0 || row < vocabulary {
            return Err(unexpected("logits", shape));
        }
        let rows = numbers.chunks_exact(row);
        Ok(rows
            .map(|row| row[row.len() - vocabulary..].to_vec())
            .collect())
    }
}

fn unexpected(output: &str, shape: &[i64]) -> ModelError {
    ModelError::OutputShape {
        output: output.to_owned(),
        found: shape.to_vec(),
    }
}
