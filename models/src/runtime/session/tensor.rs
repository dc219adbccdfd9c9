//! Tensors that go into and come out of a module, and their expected types and shapes.

use std::path::Path;

use ort::value::{
    DynValue, Outlet, PrimitiveTensorElementType, Tensor, TensorElementType, ValueType,
};

use super::ort_error::cause;
use crate::ModelError;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementType {
    U8,
    I32,
    I64,
    F32,
    /// Half precision; no input is made of it.
    F16,
    Bool,
}

impl ElementType {
    fn from_runtime(element: TensorElementType) -> Option<Self> {
        match element {
            TensorElementType::Uint8 => Some(Self::U8),
            TensorElementType::Int32 => Some(Self::I32),
            TensorElementType::Int64 => Some(Self::I64),
            TensorElementType::Float32 => Some(Self::F32),
            TensorElementType::Float16 => Some(Self::F16),
            TensorElementType::Bool => Some(Self::Bool),
            _ => None,
        }
    }
}

/// The name, type and shape of an input or output; -1 stands for any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorSpec {
    pub(super) name: String,
    element: ElementType,
    shape: Vec<i64>,
}

impl TensorSpec {
    pub(crate) fn new(name: impl Into<String>, element: ElementType, shape: &[i64]) -> Self {
        Self {
            name: name.into(),
            element,
            shape: shape.to_vec(),
        }
    }

    /// Returns the name, type and shape of an input or output of a file; `None` if it is no tensor of a known type.
    pub(super) fn of(outlet: &Outlet) -> Option<Self> {
        let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
            return None;
        };
        Some(Self::new(
            outlet.name(),
            ElementType::from_runtime(*ty)?,
            shape,
        ))
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the type of the elements.
    pub(crate) fn element(&self) -> ElementType {
        self.element
    }

    /// Returns the sizes; -1 stands for any.
    pub(crate) fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// Returns the size of a dimension, at least 1, unless the file leaves it open.
    pub(crate) fn size(&self, dimension: usize) -> Option<usize> {
        let size = *self.shape.get(dimension)?;
        usize::try_from(size).ok().filter(|size| *size > 0)
    }

    /// True if a tensor of the file matches: sizes agree, or one side leaves them open.
    fn matches(&self, found: &ValueType) -> bool {
        let ValueType::Tensor { ty, shape, .. } = found else {
            return false;
        };
        ElementType::from_runtime(*ty) == Some(self.element)
            && shape.len() == self.shape.len()
            && self
                .shape
                .iter()
                .zip(shape.iter())
                .all(|(want, have)| want == have || *want == -1 || *have == -1)
    }
}

/// Checks that the file at `path` has these inputs and no others.
pub(super) fn check_inputs(
    path: &Path,
    expected: &[TensorSpec],
    found: &[Outlet],
) -> Result<(), ModelError> {
    let known = |outlet: &&Outlet| expected.iter().any(|spec| spec.name == outlet.name());
    if let Some(outlet) = found.iter().find(|outlet| !known(outlet)) {
        let found = describe(outlet.dtype());
        return Err(mismatch(path, outlet.name(), "absent".into(), found));
    }
    check_present(path, expected, found)
}

/// Checks that the file at `path` has at least these inputs or outputs.
pub(super) fn check_present(
    path: &Path,
    expected: &[TensorSpec],
    found: &[Outlet],
) -> Result<(), ModelError> {
    for spec in expected {
        let want = format!("{:?} {:?}", spec.element, spec.shape);
        match found.iter().find(|outlet| outlet.name() == spec.name) {
            None => {
                let names: Vec<_> = found.iter().take(6).map(Outlet::name).collect();
                let found = format!("no such name among {}", names.join(", "));
                return Err(mismatch(path, &spec.name, want, found));
            }
            Some(outlet) if !spec.matches(outlet.dtype()) => {
                return Err(mismatch(path, &spec.name, want, describe(outlet.dtype())));
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

fn mismatch(path: &Path, tensor: &str, expected: String, found: String) -> ModelError {
    ModelError::Signature {
        path: path.to_owned(),
        tensor: tensor.to_owned(),
        expected,
        found,
    }
}

/// A tensor that goes into or comes out of a module.
pub(crate) struct TensorValue(pub(super) DynValue);

impl TensorValue {
    /// Creates an input of u8, i32, i64, f32 or bool elements.
    pub(crate) fn new<T>(shape: &[usize], data: Vec<T>) -> Result<Self, ModelError>
    where
        T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
    {
        Tensor::from_array((shape.to_vec(), data))
            .map(|tensor| Self(tensor.into_dyn()))
            .map_err(failed)
    }

    /// Returns shape and numbers of an f32 tensor.
    pub(crate) fn as_f32(&self) -> Result<(&[i64], &[f32]), ModelError> {
        self.0
            .try_extract_tensor::<f32>()
            .map(|(shape, data)| (&**shape, data))
            .map_err(failed)
    }

    pub(crate) fn to_f32(&self) -> Result<Vec<f32>, ModelError> {
        self.0
            .try_extract_tensor::<f32>()
            .map(|(_, data)| data.to_vec())
            .map_err(failed)
    }
}

fn failed(error: ort::Error) -> ModelError {
    ModelError::Run {
        module: "tensor".to_owned(),
        source: cause(error),
    }
}
