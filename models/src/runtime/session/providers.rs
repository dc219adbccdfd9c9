//! The execution providers that an ONNX Runtime library contains.
//!
//! The types of `ort` for them are behind features that also build support for them, so their names are listed here.

use ort::{
    ep::{CPU, ExecutionProvider},
    session::builder::SessionBuilder,
};

/// Defines types that stand for execution providers, and a list of all of them with the CPU.
macro_rules! providers {
    ($($type:ident $name:literal),*) => {
        $(
            /// An execution provider that is looked for and never used.
            struct $type;

            impl ExecutionProvider for $type {
                const NAME: &'static str = $name;

                fn register(&self, _session: &mut SessionBuilder) -> ort::Result<()> {
                    Err(ort::Error::new("this provider is never used"))
                }
            }
        )*

        /// The name of each known provider, and a function that returns true if the library contains it.
        const KNOWN: &[(&str, fn() -> ort::Result<bool>)] = &[
            (CPU::NAME, CPU::is_available),
            $(($name, $type::is_available)),*
        ];
    };
}

providers!(
    Cuda "CUDAExecutionProvider",
    TensorRt "TensorrtExecutionProvider",
    MiGraphX "MIGraphXExecutionProvider",
    OpenVino "OpenVINOExecutionProvider",
    OneDnn "DnnlExecutionProvider",
    Xnnpack "XnnpackExecutionProvider",
    WebGpu "WebGpuExecutionProvider",
    Azure "AzureExecutionProvider"
);

/// Returns the names of the providers that the loaded library contains.
pub(super) fn available() -> Vec<&'static str> {
    let found = KNOWN
        .iter()
        .filter(|(_, available)| available().unwrap_or(false));
    found.map(|(name, _)| *name).collect()
}
