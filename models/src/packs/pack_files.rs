//! The files of an installed pack: a path is returned only after the file was compared with the manifest.

use std::path::{Path, PathBuf};

use crate::{Manifest, ModelError, packs::file_integrity::verified_path};

/// A manifest, and the folder in which its files lie.
#[derive(Debug)]
pub(super) struct PackFiles {
    pub(super) manifest: Manifest,
    pub(super) folder: PathBuf,
}

impl PackFiles {
    /// Returns the path of a file that is as the manifest says.
    pub(super) fn verified(&self, file: &str) -> Result<PathBuf, ModelError> {
        verified_path(&self.manifest, &self.folder, file)
    }

    /// Returns the path of a module after a check of the files of its weights, which lie beside it: `NAME.onnx_data`,
    /// `NAME.onnx_data_1`, `NAME.onnx.data`, `NAME.data`.
    pub(super) fn verified_module(&self, file: &str) -> Result<PathBuf, ModelError> {
        let stem = file.strip_suffix(".onnx").unwrap_or(file);
        for entry in &self.manifest.files {
            let rest = entry.path.strip_prefix(stem);
            if rest.is_some_and(|rest| rest.starts_with(".onnx") || rest.starts_with(".data")) {
                self.verified(&entry.path)?;
            }
        }
        self.verified(file)
    }

    /// Reads a file of one item a line; `expected` describes a line.
    pub(super) fn read_lines<T>(
        &self,
        file: &str,
        parse: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Vec<T>, ModelError> {
        let path: &Path = &self.verified(file)?;
        let lines = std::fs::read_to_string(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let parsed = lines.lines().enumerate().map(|(at, line)| {
            parse(line).ok_or_else(|| ModelError::DataFile {
                path: path.to_owned(),
                problem: format!("line {}: expected {expected}, found {line:?}", at + 1),
            })
        });
        parsed.collect()
    }
}
