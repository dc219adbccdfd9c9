//! Numbers that a module reads and writes where they are, and everybody else too.

use ort::{memory::Allocator, value::Tensor};

/// A block of numbers, `[rows, heads, room, dim]`.
#[derive(Debug)]
pub(crate) enum Block {
    /// Of a decoder that is no module.
    Plain(Vec<f32>),
    /// Of a module. The runtime writes only into memory that it gave.
    Tensor(Tensor<f32>),
}

impl Block {
    /// Zeros.
    pub(crate) fn new(shape: [usize; 4], of_module: bool) -> Self {
        if !of_module {
            return Self::Plain(vec![0.0; shape.iter().product()]);
        }
        // The runtime is loaded, since there is a module. Without memory there is no going on, as with a vector.
        let tensor = Tensor::new(&Allocator::default(), shape).expect("memory for a tensor");
        let mut block = Self::Tensor(tensor);
        block.numbers_mut().fill(0.0);
        block
    }

    pub(crate) fn numbers(&self) -> &[f32] {
        match self {
            Self::Plain(numbers) => numbers,
            Self::Tensor(tensor) => tensor.extract_tensor().1,
        }
    }

    pub(crate) fn numbers_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Plain(numbers) => numbers,
            Self::Tensor(tensor) => tensor.extract_tensor_mut().1,
        }
    }
}
