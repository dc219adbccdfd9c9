//! The state of the cache folder and of the ONNX Runtime library, for reports about an installation.
//!
//! Files are compared by size and not read, so that a report takes no time. A damaged pack is a finding, not an error.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    FileEntry, Manifest, ModelError, error_chain,
    packs::{
        cache_folder,
        installed_packs::{RUNTIME, installed, runtime_library, runtime_variable},
        manifest::MANIFEST_FILE,
        pack_lock::read_installed,
    },
    runtime::session::execution_providers,
};

/// The state of an installed pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackState {
    /// Name and version; the name of its folder if the manifest cannot be read.
    pub id: String,
    /// The name by which it is installed and used.
    pub name: String,
    /// Number of files that the manifest lists.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// Faults: an unreadable manifest, files that are missing or have another size.
    pub faults: Vec<String>,
}

/// The ONNX Runtime library that is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuntimeState {
    /// The version; none if the variable `ORT_DYLIB_PATH` names the library.
    pub version: Option<String>,
    /// The execution providers that it contains, of those that are known here. Atom runs on the CPU.
    pub execution_providers: Vec<&'static str>,
}

/// Returns the cache folder: `ATOM_CACHE`, else `atom` in `XDG_CACHE_HOME`, else `~/.cache/atom`.
///
/// # Errors
/// If none of these variables nor `HOME` is set.
pub fn cache_folder() -> Result<PathBuf, ModelError> {
    cache_folder::folder()
}

/// Returns the states of all installed packs, sorted by id. A folder that does not exist holds none.
///
/// # Errors
/// If there is no cache folder, or it cannot be read.
pub fn pack_states() -> Result<Vec<PackState>, ModelError> {
    let folder = cache_folder::packs(&cache_folder::folder()?);
    let unreadable = |source| ModelError::Io {
        action: "read",
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut states = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.join(MANIFEST_FILE).is_file() {
            states.push(pack_state(&path));
        }
    }
    states.sort_by(|one: &PackState, other| one.id.cmp(&other.id));
    Ok(states)
}

fn pack_state(folder: &Path) -> PackState {
    match read_installed(folder) {
        Ok(manifest) => PackState {
            id: manifest.id(),
            name: manifest.name.clone(),
            files: manifest.files.len(),
            bytes: manifest.bytes(),
            faults: file_faults(&manifest, folder),
        },
        Err(error) => {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            PackState {
                id: name.clone().into_owned(),
                name: name.into_owned(),
                files: 0,
                bytes: 0,
                faults: vec![error_chain(&error)],
            }
        }
    }
}

/// Returns a fault for each file that is missing or has another size than its entry says.
fn file_faults(manifest: &Manifest, folder: &Path) -> Vec<String> {
    let files = manifest.files.iter();
    let faults = files.filter_map(|file| match fs::metadata(folder.join(&file.path)) {
        Ok(found) => size_fault(file, found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(format!("{} is missing", file.path))
        }
        Err(error) => Some(format!("{} cannot be read: {error}", file.path)),
    });
    faults.collect()
}

/// Returns a fault if a file has another size than its entry, or one that is not recorded.
fn size_fault(file: &FileEntry, found: u64) -> Option<String> {
    match file.size {
        Some(size) if size == found => None,
        Some(size) => Some(format!(
            "{} has {found} bytes, {} {size}",
            file.path,
            file.stated_by()
        )),
        None => Some(format!("{} is not recorded in pack.lock", file.path)),
    }
}

/// Returns the version of the installed ONNX Runtime library without loading it; none if it is not installed.
///
/// The variable `ORT_DYLIB_PATH` may name another library, of which the version is not known.
pub fn installed_runtime_version() -> Option<String> {
    let (manifest, _folder) = installed(RUNTIME).ok()?;
    Some(manifest.version)
}

/// Returns true if the variable `ORT_DYLIB_PATH` names the ONNX Runtime library.
pub fn runtime_is_named_by_variable() -> bool {
    runtime_variable().is_some()
}

/// Loads the ONNX Runtime library and returns its state.
///
/// # Errors
/// If it is not installed, damaged, or cannot be loaded.
pub fn runtime_state() -> Result<RuntimeState, ModelError> {
    let execution_providers = execution_providers(&runtime_library()?)?;
    let version = match runtime_is_named_by_variable() {
        true => None,
        false => installed_runtime_version(),
    };
    Ok(RuntimeState {
        version,
        execution_providers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_broken_manifest_is_a_pack_with_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("odd");
        fs::create_dir(&pack).unwrap();
        fs::write(pack.join(MANIFEST_FILE), "name = ").unwrap();
        let state = pack_state(&pack);
        assert_eq!((state.id.as_str(), state.files), ("odd", 0));
        assert_eq!(state.faults.len(), 1);
    }

    #[test]
    fn missing_files_and_wrong_sizes_are_faults() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/onnxruntime/pack.toml");
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(MANIFEST_FILE);
        fs::copy(&manifest, &copy).unwrap();
        let faults = pack_state(folder.path()).faults;
        assert!(faults[0].ends_with(" is missing"), "{faults:?}");
        let file = &Manifest::read(&copy).unwrap().files[0];
        fs::write(folder.path().join(&file.path), "x").unwrap();
        let faults = pack_state(folder.path()).faults;
        assert!(faults[0].contains(" has 1 bytes, "), "{faults:?}");
    }
}
