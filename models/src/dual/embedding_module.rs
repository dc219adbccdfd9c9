//! A module whose output is a vector for each row of a batch.
//!
//! Files differ in the vector's name and in whether the batch size is open. A vector leaves here with length 1.

use std::path::Path;

use crate::{
    ModelError,
    runtime::session::{ElementType, OnnxModule, SessionOptions, TensorSpec, TensorValue},
    vision::features::normalise,
};

/// An encoder of one item at a time.
pub(crate) struct EmbeddingModule {
    module: OnnxModule,
    /// The output that holds the vector.
    output: &'static str,
    /// Rows of a batch: 1, unless the file has another fixed number.
    rows: usize,
    /// The encoder's name in errors.
    name: &'static str,
}

/// The kind of an encoder.
pub(crate) struct EncoderKind {
    /// Its name in errors.
    pub(crate) name: &'static str,
    /// The names that its output can have: that of CLIP, then that of SigLIP.
    pub(crate) outputs: [&'static str; 2],
}

impl EmbeddingModule {
    /// Loads the file at `path`, whose vector is the first output of `encoder` that it has. `inputs` chooses the expected
    /// inputs, given those of the file; the first of them counts the rows.
    ///
    /// # Errors
    /// If the file cannot be loaded, or has other inputs or none of the outputs.
    pub(crate) fn load(
        path: &Path,
        encoder: &EncoderKind,
        inputs: impl FnOnce(&[TensorSpec]) -> Vec<TensorSpec>,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let module = OnnxModule::load_any(path, options)?;
        let (found_inputs, found_outputs) = (module.inputs(), module.outputs());
        let exists = |name: &&&'static str| found_outputs.iter().any(|spec| spec.name() == **name);
        let output = encoder
            .outputs
            .iter()
            .find(exists)
            .unwrap_or(&encoder.outputs[0]);
        let inputs = inputs(&found_inputs);
        let vector = TensorSpec::new(*output, ElementType::F32, &[-1, -1]);
        module.check(path, &inputs, &[vector])?;
        let batch = inputs
            .first()
            .and_then(|spec| find(&found_inputs, spec.name()));
        let rows = batch.and_then(|spec| spec.size(0));
        Ok(Self {
            module,
            output,
            rows: rows.unwrap_or(1),
            name: encoder.name,
        })
    }

    /// Returns the number of rows that an input must have. All rows are the same item.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the vector of the first row, scaled to length 1.
    ///
    /// # Errors
    /// If the module fails or returns a value that is not finite.
    pub(crate) fn run(&mut self, inputs: Vec<(&str, TensorValue)>) -> Result<Vec<f32>, ModelError> {
        let found = self.module.run(inputs, 1)?.take(self.output)?;
        let (shape, numbers) = found.as_f32()?;
        let width = shape.last().map_or(0, |width| *width as usize);
        if width == 0 {
            return Err(ModelError::OutputShape {
                output: self.output.to_owned(),
                found: shape.to_vec(),
            });
        }
        let mut vector = numbers[..width.min(numbers.len())].to_vec();
        if vector.iter().any(|x| !x.is_finite()) {
            return Err(ModelError::NotFinite { module: self.name });
        }
        normalise(&mut vector);
        Ok(vector)
    }
}

/// Returns the input or output of a name.
pub(crate) fn find<'s>(specs: &'s [TensorSpec], name: &str) -> Option<&'s TensorSpec> {
    specs.iter().find(|spec| spec.name() == name)
}
