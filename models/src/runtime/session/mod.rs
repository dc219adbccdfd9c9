//! ONNX modules: loading, checking and running them. Only this module names ONNX Runtime.
//!
//! An [`OnnxModule`] is loaded once and belongs to one thread ([`OnnxModule::run`] takes `&mut self`). Loading checks the
//! name, type and shape of every input and output, so a run can only fail because of its data.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use ort::{
    memory::MemoryInfo,
    session::{Session, builder::GraphOptimizationLevel},
};

use crate::{Meter, ModelError};

mod ort_error;
mod ort_library;
mod providers;
mod tensor;
mod tensor_buffer;

pub(crate) use tensor::{ElementType, TensorSpec, TensorValue};
pub(crate) use tensor_buffer::TensorBuffer;

use ort_error::cause;

/// The environment in which a module is loaded.
#[derive(Clone, Debug)]
pub(crate) struct SessionOptions {
    /// The ONNX Runtime library.
    pub(crate) library: PathBuf,
    /// Threads on which the module runs.
    pub(crate) threads: usize,
    /// The counters of its loads and runs.
    pub(crate) meter: Arc<Meter>,
}

/// The outputs of a run, by name.
pub(crate) struct NamedOutputs {
    module: String,
    values: Vec<(String, Option<TensorValue>)>,
}

impl NamedOutputs {
    pub(crate) fn take(&mut self, name: &str) -> Result<TensorValue, ModelError> {
        self.values
            .iter_mut()
            .find(|(have, _)| have == name)
            .and_then(|(_, value)| value.take())
            .ok_or_else(|| no_output(&self.module, name))
    }
}

/// A cache tensor that a module reads under one name and writes, in place, under another.
pub(crate) struct InPlace<'b> {
    pub(crate) input: &'b str,
    pub(crate) output: &'b str,
    pub(crate) buffer: &'b mut TensorBuffer,
}

/// A loaded ONNX graph.
pub(crate) struct OnnxModule {
    session: Session,
    name: String,
    meter: Arc<Meter>,
}

impl OnnxModule {
    /// Loads `path` and checks that it has exactly these inputs and at least these outputs.
    pub(crate) fn load(
        path: &Path,
        inputs: &[TensorSpec],
        outputs: &[TensorSpec],
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let module = Self::load_any(path, options)?;
        module.check(path, inputs, outputs)?;
        Ok(module)
    }

    /// Loads `path` with whatever inputs and outputs it has.
    pub(crate) fn load_any(path: &Path, options: SessionOptions) -> Result<Self, ModelError> {
        let start = Instant::now();
        let session = open(path, &options)?;
        options.meter.loaded(start);
        Ok(Self {
            session,
            name: module_name(path),
            meter: options.meter,
        })
    }

    /// Returns the inputs, apart from those of unknown types.
    pub(crate) fn inputs(&self) -> Vec<TensorSpec> {
        let inputs = self.session.inputs().iter();
        inputs.filter_map(TensorSpec::of).collect()
    }

    /// Returns the outputs, apart from those of unknown types.
    pub(crate) fn outputs(&self) -> Vec<TensorSpec> {
        let outputs = self.session.outputs().iter();
        outputs.filter_map(TensorSpec::of).collect()
    }

    /// Checks that the graph of `path` has exactly these inputs and at least these outputs.
    pub(crate) fn check(
        &self,
        path: &Path,
        inputs: &[TensorSpec],
        outputs: &[TensorSpec],
    ) -> Result<(), ModelError> {
        tensor::check_inputs(path, inputs, self.session.inputs())?;
        tensor::check_present(path, outputs, self.session.outputs())
    }

    /// Runs the graph over `items` items, counted by the module's meter.
    pub(crate) fn run(
        &mut self,
        inputs: Vec<(&str, TensorValue)>,
        items: usize,
    ) -> Result<NamedOutputs, ModelError> {
        let feed: Vec<_> = inputs
            .into_iter()
            .map(|(name, value)| (name, value.0))
            .collect();
        let (session, name) = (&mut self.session, &self.name);
        let outputs = self
            .meter
            .run(items, || session.run(feed))
            .map_err(|error| run_failed(name, error))?;
        let values = outputs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(TensorValue(value))))
            .collect();
        Ok(NamedOutputs {
            module: name.clone(),
            values,
        })
    }

    /// Runs the graph with caches that it updates in place, and returns the numbers of the output `wanted`.
    ///
    /// After a failure the content of the caches is undefined.
    pub(crate) fn run_in_place<'b>(
        &mut self,
        inputs: Vec<(&str, TensorValue)>,
        caches: impl Iterator<Item = InPlace<'b>>,
        wanted: &str,
        items: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let (session, name) = (&mut self.session, &self.name);
        let failed = |error: ort::Error| run_failed(name, error);
        let mut binding = session.create_binding().map_err(failed)?;
        for (name, value) in inputs {
            binding.bind_input(name, &value.0).map_err(failed)?;
        }
        for cache in caches {
            let TensorBuffer::Runtime(tensor) = cache.buffer else {
                return Err(ModelError::ForeignMemory {
                    module: name.clone(),
                    tensor: cache.input.to_owned(),
                });
            };
            binding.bind_input(cache.input, tensor).map_err(failed)?;
            binding.bind_output(cache.output, tensor).map_err(failed)?;
        }
        let memory = MemoryInfo::default();
        binding
            .bind_output_to_device(wanted, &memory)
            .map_err(failed)?;
        let mut outputs = self
            .meter
            .run(items, || session.run_binding(&binding))
            .map_err(failed)?;
        let output = outputs
            .remove(wanted)
            .ok_or_else(|| no_output(name, wanted))?;
        TensorValue(output).to_f32()
    }
}

fn open(path: &Path, options: &SessionOptions) -> Result<Session, ModelError> {
    let environment = ort_library::environment(&options.library)?;
    let session = || {
        Session::builder(&environment)
            .map_err(cause)?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(cause)?
            .with_intra_threads(options.threads)
            .map_err(cause)?
            // Spinning idle threads would take the cores from the other modules.
            .with_intra_op_spinning(false)
            .map_err(cause)?
            // The decoder's cache grows with every token, so no memory pattern ever repeats.
            .with_memory_pattern(false)
            .map_err(cause)?
            .commit_from_file(path)
            .map_err(cause)
    };
    session().map_err(|source| ModelError::LoadModule {
        path: path.to_owned(),
        source,
    })
}

/// Loads the ONNX Runtime library and returns the names of the execution providers that it contains.
///
/// # Errors
/// If the library cannot be loaded.
pub(crate) fn execution_providers(library: &Path) -> Result<Vec<&'static str>, ModelError> {
    let _environment = ort_library::environment(library)?;
    Ok(providers::available())
}

fn module_name(path: &Path) -> String {
    let stem = path.file_stem();
    stem.map_or_else(|| "module".into(), |stem| stem.to_string_lossy().into())
}

fn run_failed(module: &str, error: ort::Error) -> ModelError {
    ModelError::Run {
        module: module.to_owned(),
        source: cause(error),
    }
}

fn no_output(module: &str, output: &str) -> ModelError {
    ModelError::NoOutput {
        module: module.to_owned(),
        output: output.to_owned(),
    }
}
