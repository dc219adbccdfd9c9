//! The ONNX Runtime library, loaded once per process.

use std::{
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

use ort::environment::Environment;

use super::ort_error::cause;
use crate::{Cause, ModelError};

/// Loads the library on the first call; every later call returns the same environment.
pub(super) fn environment(library: &Path) -> Result<Environment, ModelError> {
    static LOADED: OnceLock<Mutex<Option<Environment>>> = OnceLock::new();
    let mut loaded = LOADED
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let environment = load(library).map_err(|source| ModelError::RuntimeLibrary {
        path: library.to_owned(),
        source,
    })?;
    *loaded = Some(environment.clone());
    Ok(environment)
}

fn load(library: &Path) -> Result<Environment, Cause> {
    let environment = ort::init_from(library)?
        .with_name("atom")
        .with_telemetry(false)
        .build()
        .map_err(cause)?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    Ok(environment)
}
