//! ONNX modules: loading, checking, running. The only file that names ONNX Runtime.
//!
//! A [`Module`] is loaded once and belongs to one thread ([`Module::run`] takes `&mut self`). Every input and output is
//! checked by name, type and shape when the module is loaded, so that a run can only fail for reasons of the data.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Instant,
};

use ort::{
    environment::Environment,
    memory::MemoryInfo,
    session::{Session, builder::GraphOptimizationLevel},
    value::{DynValue, Outlet, Tensor, TensorElementType, ValueType},
};

use crate::{error::ModelError, meter::Meter};

mod block;

pub(crate) use block::Block;

/// Loads the runtime library once in a process; every later call gives the same environment.
fn environment(library: &Path) -> Result<Environment, ModelError> {
    static LOADED: OnceLock<Mutex<Option<Environment>>> = OnceLock::new();
    let mut loaded = LOADED
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let refused = |reason: String| ModelError::Runtime {
        path: library.to_owned(),
        reason,
    };
    let environment = ort::init_from(library)
        .map_err(|e| refused(e.to_string()))?
        .with_name("atom")
        .with_telemetry(false)
        .build()
        .map_err(|e| refused(e.to_string()))?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    *loaded = Some(environment.clone());
    Ok(environment)
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    U8,
    I32,
    I64,
    F32,
}

impl Element {
    fn of(element: TensorElementType) -> Option<Self> {
        match element {
            TensorElementType::Uint8 => Some(Self::U8),
            TensorElementType::Int32 => Some(Self::I32),
            TensorElementType::Int64 => Some(Self::I64),
            TensorElementType::Float32 => Some(Self::F32),
            _ => None,
        }
    }
}

/// An input or output: its name, type and shape; -1 stands for any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    name: String,
    element: Element,
    shape: Vec<i64>,
}

impl Port {
    pub(crate) fn new(name: impl Into<String>, element: Element, shape: &[i64]) -> Self {
        Self {
            name: name.into(),
            element,
            shape: shape.to_vec(),
        }
    }

    /// Whether a port of the file can serve as this one: sizes agree, or the file leaves them open.
    fn fits(&self, found: &ValueType) -> bool {
        let ValueType::Tensor { ty, shape, .. } = found else {
            return false;
        };
        Element::of(*ty) == Some(self.element)
            && shape.len() == self.shape.len()
            && self
                .shape
                .iter()
                .zip(shape.iter())
                .all(|(want, have)| want == have || *want == -1 || *have == -1)
    }
}

/// A tensor that goes into or comes out of a module.
pub(crate) struct Value(DynValue);

impl Value {
    pub(crate) fn u8(shape: &[usize], data: Vec<u8>) -> Result<Self, ModelError> {
        Tensor::from_array((shape.to_vec(), data))
            .map(|t| Self(t.into_dyn()))
            .map_err(not_made)
    }

    pub(crate) fn i32(shape: &[usize], data: Vec<i32>) -> Result<Self, ModelError> {
        Tensor::from_array((shape.to_vec(), data))
            .map(|t| Self(t.into_dyn()))
            .map_err(not_made)
    }

    pub(crate) fn i64(shape: &[usize], data: Vec<i64>) -> Result<Self, ModelError> {
        Tensor::from_array((shape.to_vec(), data))
            .map(|t| Self(t.into_dyn()))
            .map_err(not_made)
    }

    pub(crate) fn f32(shape: &[usize], data: Vec<f32>) -> Result<Self, ModelError> {
        Tensor::from_array((shape.to_vec(), data))
            .map(|t| Self(t.into_dyn()))
            .map_err(not_made)
    }

    pub(crate) fn as_f32(&self) -> Result<&[f32], ModelError> {
        self.0
            .try_extract_tensor::<f32>()
            .map(|(_, data)| data)
            .map_err(not_made)
    }

    pub(crate) fn into_f32(self) -> Result<Vec<f32>, ModelError> {
        self.as_f32().map(<[f32]>::to_vec)
    }
}

fn failed_run(module: &str, reason: String) -> ModelError {
    ModelError::Run {
        module: module.to_owned(),
        reason,
    }
}

fn not_made(error: ort::Error) -> ModelError {
    failed_run("tensor", error.to_string())
}

/// What a run gave, by name.
pub(crate) struct Outputs {
    module: String,
    values: Vec<(String, Option<Value>)>,
}

impl Outputs {
    pub(crate) fn take(&mut self, name: &str) -> Result<Value, ModelError> {
        self.values
            .iter_mut()
            .find(|(have, _)| have == name)
            .and_then(|(_, value)| value.take())
            .ok_or_else(|| failed_run(&self.module, format!("no output {name:?}")))
    }
}

/// A loaded ONNX graph.
pub(crate) struct Module {
    session: Session,
    name: String,
    meter: Arc<Meter>,
}

impl Module {
    /// Loads `path`, to run on so many threads, and checks that it has exactly these inputs and at least these outputs.
    pub(crate) fn load(
        path: &Path,
        inputs: &[Port],
        outputs: &[Port],
        threads: usize,
        meter: Arc<Meter>,
    ) -> Result<Self, ModelError> {
        let begun = Instant::now();
        let session = open(path, threads)?;
        let unexpected = session
            .inputs()
            .iter()
            .find(|i| !inputs.iter().any(|port| port.name == i.name()));
        if let Some(outlet) = unexpected {
            return Err(signature(
                path,
                outlet.name(),
                "absent".into(),
                describe(outlet.dtype()),
            ));
        }
        check(path, inputs, session.inputs())?;
        check(path, outputs, session.outputs())?;
        meter.loaded(begun);
        let name = path.file_stem().map_or_else(
            || "module".into(),
            |stem| stem.to_string_lossy().into_owned(),
        );
        Ok(Self {
            session,
            name,
            meter,
        })
    }

    /// Runs the graph over `items` items; counted by the module's meter.
    pub(crate) fn run(
        &mut self,
        inputs: Vec<(&str, Value)>,
        items: usize,
    ) -> Result<Outputs, ModelError> {
        let feed: Vec<_> = inputs
            .into_iter()
            .map(|(name, value)| (name, value.0))
            .collect();
        let (session, name) = (&mut self.session, &self.name);
        let failed = |e: ort::Error| failed_run(name, e.to_string());
        let outputs = self
            .meter
            .run(items, || session.run(feed))
            .map_err(failed)?;
        let values = outputs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(Value(value))))
            .collect();
        Ok(Outputs {
            module: name.clone(),
            values,
        })
    }

    /// Runs the graph likewise, with blocks that it reads under one name and writes under another, where they are; gives the
    /// numbers of the output `wanted`.
    ///
    /// If it fails, nobody knows what is written.
    pub(crate) fn run_on<'b>(
        &mut self,
        inputs: Vec<(&str, Value)>,
        blocks: impl Iterator<Item = (&'b str, &'b str, &'b mut Block)>,
        wanted: &str,
        items: usize,
    ) -> Result<Vec<f32>, ModelError> {
        let (session, name) = (&mut self.session, &self.name);
        let failed = |e: ort::Error| failed_run(name, e.to_string());
        let mut binding = session.create_binding().map_err(failed)?;
        for (name, value) in inputs {
            binding.bind_input(name, &value.0).map_err(failed)?;
        }
        for (read, written, block) in blocks {
            let Block::Tensor(tensor) = block else {
                return Err(failed_run(
                    name,
                    format!("{read} lies outside of the runtime's memory"),
                ));
            };
            binding.bind_input(read, tensor).map_err(failed)?;
            binding.bind_output(written, tensor).map_err(failed)?;
        }
        let memory = MemoryInfo::default();
        binding
            .bind_output_to_device(wanted, &memory)
            .map_err(failed)?;
        let mut outputs = self
            .meter
            .run(items, || session.run_binding(&binding))
            .map_err(failed)?;
        let told = outputs
            .remove(wanted)
            .ok_or_else(|| failed_run(name, format!("no output {wanted:?}")))?;
        Value(told).into_f32()
    }
}

fn open(path: &Path, threads: usize) -> Result<Session, ModelError> {
    let environment = environment(&library()?)?;
    let failed = |reason: String| ModelError::Load {
        path: path.to_owned(),
        reason,
    };
    Session::builder(&environment)
        .map_err(|e| failed(e.to_string()))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|e| failed(e.to_string()))?
        .with_intra_threads(threads)
        .map_err(|e| failed(e.to_string()))?
        // Idle threads that spin would take the cores from the other modules.
        .with_intra_op_spinning(false)
        .map_err(|e| failed(e.to_string()))?
        // The decoder's cache grows with every token: a pattern of memory never repeats.
        .with_memory_pattern(false)
        .map_err(|e| failed(e.to_string()))?
        .commit_from_file(path)
        .map_err(|e| failed(e.to_string()))
}

/// The runtime library: `ORT_DYLIB_PATH` if set, else the installed one.
fn library() -> Result<PathBuf, ModelError> {
    match std::env::var_os("ORT_DYLIB_PATH") {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => crate::pack::runtime_library(),
    }
}

fn check(path: &Path, expected: &[Port], found: &[Outlet]) -> Result<(), ModelError> {
    for port in expected {
        let want = format!("{:?} {:?}", port.element, port.shape);
        match found.iter().find(|outlet| outlet.name() == port.name) {
            None => {
                let names: Vec<_> = found.iter().take(6).map(Outlet::name).collect();
                return Err(signature(
                    path,
                    &port.name,
                    want,
                    format!("no such name among {}", names.join(", ")),
                ));
            }
            Some(outlet) if !port.fits(outlet.dtype()) => {
                return Err(signature(path, &port.name, want, describe(outlet.dtype())));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn describe(value: &ValueType) -> String {
    match value {
        ValueType::Tensor { ty, shape, .. } => format!("{ty:?} {:?}", shape.to_vec()),
        other => format!("{other:?}"),
    }
}

fn signature(path: &Path, port: &str, expected: String, found: String) -> ModelError {
    ModelError::Signature {
        path: path.to_owned(),
        port: port.to_owned(),
        expected,
        found,
    }
}
