//! The versions of the program and of the libraries that it uses, for `atom --version --verbose` and `atom doctor`.

use atom_media::gstreamer_version;
use atom_models::{installed_runtime_version, runtime_is_named_by_variable};
use serde::Serialize;

/// The facts of the build, and the versions of the libraries that the program finds.
#[derive(Debug, Serialize)]
pub struct Versions {
    /// The version of the program.
    pub atom: &'static str,
    /// The commit; none if the program was not built in a clone.
    pub commit: Option<&'static str>,
    /// The target of the compiler, such as `x86_64-unknown-linux-gnu`.
    pub target: &'static str,
    /// The compiler's version.
    pub rust: &'static str,
    /// The profile: `release` or `debug`.
    pub profile: &'static str,
    /// The features of the build, separated by commas; none if there are none.
    pub features: Option<&'static str>,
    /// The version of the GStreamer library.
    pub gstreamer: String,
    /// The version of the installed ONNX Runtime library; none if it is not installed, or unknown.
    pub onnx_runtime: Option<String>,
    /// True if `ORT_DYLIB_PATH` names another library, of unknown version.
    pub onnx_runtime_by_variable: bool,
}

impl Versions {
    /// Returns the versions of this program on this machine.
    pub fn collect() -> Self {
        Self::collect_with(installed_runtime_version)
    }

    /// Returns the versions with that of the installed ONNX Runtime library from `runtime_version`, which is asked only if the
    /// installed library is used.
    pub fn collect_with(runtime_version: impl FnOnce() -> Option<String>) -> Self {
        let by_variable = runtime_is_named_by_variable();
        Self {
            atom: env!("CARGO_PKG_VERSION"),
            commit: known(env!("ATOM_COMMIT")),
            target: known(env!("ATOM_TARGET")).unwrap_or("unknown"),
            rust: known(env!("ATOM_RUSTC")).unwrap_or("unknown"),
            profile: known(env!("ATOM_PROFILE")).unwrap_or("unknown"),
            features: known(env!("ATOM_FEATURES")),
            gstreamer: gstreamer_version(),
            onnx_runtime: match by_variable {
                true => None,
                false => runtime_version(),
            },
            onnx_runtime_by_variable: by_variable,
        }
    }

    /// Returns names and values, for lines of text; the program's own version is not among them.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let runtime = match (&self.onnx_runtime, self.onnx_runtime_by_variable) {
            (_, true) => "the library that ORT_DYLIB_PATH names".to_owned(),
            (Some(version), false) => version.clone(),
            (None, false) => "not installed".to_owned(),
        };
        vec![
            ("commit", self.commit.unwrap_or("unknown").to_owned()),
            ("target", self.target.to_owned()),
            (
                "built with",
                format!("{}, profile {}", self.rust, self.profile),
            ),
            ("build features", self.features.unwrap_or("none").to_owned()),
            ("GStreamer", self.gstreamer.clone()),
            ("ONNX Runtime", runtime),
        ]
    }
}

fn known(value: &'static str) -> Option<&'static str> {
    (!value.is_empty()).then_some(value)
}
