//! Helpers of the tests with the tiny models of `models/fixtures/`: folders, test images and the values of the reference.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use safetensors::SafeTensors;

use crate::{Image, packs::installed_packs::runtime_library, runtime::session::SessionOptions};

/// Returns the folders of the repository's models `names`, and the one that the environment variable names.
pub(crate) fn folders(names: &[&str], variable: &str) -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut folders: Vec<PathBuf> = names.iter().map(|name| own.join(name)).collect();
    folders.extend(std::env::var_os(variable).map(PathBuf::from));
    folders
}

/// Returns the options of a session on one thread.
pub(crate) fn options() -> SessionOptions {
    SessionOptions {
        library: runtime_library().expect("`atom models install onnxruntime` comes first"),
        threads: 1,
        meter: Arc::default(),
    }
}

/// Returns a test image; `models/fixtures/common.py` makes the same.
pub(crate) fn pattern((width, height): (u32, u32), number: usize) -> Image {
    let number = number as u32;
    let pixel = |n: u32| {
        let (x, y) = (n % width, n / width);
        let stripes = if (x / 5 + y / 3 + number).is_multiple_of(2) {
            230
        } else {
            20
        };
        let values = [
            stripes,
            (x * 255 / width + 40 * number) % 256,
            (y * 7 + x * y + number) % 256,
        ];
        values.map(|value| value as u8)
    };
    Image::new(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
}

/// Returns the numbers of a tensor of a folder's `expected.safetensors`.
pub(crate) fn expected(folder: &Path, name: &str) -> Vec<f32> {
    let bytes = fs::read(folder.join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = tensors.tensor(name).unwrap().data().chunks_exact(4);
    numbers
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// Returns the largest difference of two lists of numbers.
pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}
