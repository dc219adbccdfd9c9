//! Buffers of numbers that a module reads and writes in place.

use ort::{memory::Allocator, value::Tensor};

/// A buffer of numbers, `[rows, heads, capacity, dim]`.
#[derive(Debug)]
pub(crate) enum TensorBuffer {
    /// Memory of a decoder that is not an ONNX module.
    Heap(Vec<f32>),
    /// Memory allocated by ONNX Runtime, the only kind that it writes into.
    Runtime(Tensor<f32>),
}

impl TensorBuffer {
    /// Creates a buffer of zeros.
    pub(crate) fn zeroed(shape: [usize; 4], in_runtime: bool) -> Self {
        if !in_runtime {
            return Self::Heap(vec![0.0; shape.iter().product()]);
        }
        // The runtime is loaded, because a module is. Running out of memory panics, as it does for a vector.
        let tensor = Tensor::new(&Allocator::default(), shape).expect("memory for a tensor");
        let mut buffer = Self::Runtime(tensor);
        buffer.as_mut_slice().fill(0.0);
        buffer
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        match self {
            Self::Heap(numbers) => numbers,
            Self::Runtime(tensor) => tensor.extract_tensor().1,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        match self {
            Self::Heap(numbers) => numbers,
            Self::Runtime(tensor) => tensor.extract_tensor_mut().1,
        }
    }
}
