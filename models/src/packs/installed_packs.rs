//! Lookup of installed packs, and of the ONNX Runtime library among them.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    Manifest, ModelError,
    packs::{
        cache_folder, file_integrity::verified_path, manifest::MANIFEST_FILE,
        pack_lock::read_installed,
    },
};

/// The name of the pack that holds the ONNX Runtime library.
pub(super) const RUNTIME: &str = "onnxruntime";

/// Returns the manifest and the folder of an installed pack of any family, by its name or its id.
///
/// # Errors
/// If it is not installed, or its manifest is wrong.
pub(super) fn installed(name: &str) -> Result<(Manifest, PathBuf), ModelError> {
    let packs = cache_folder::packs(&cache_folder::folder()?);
    let not_installed = || ModelError::NotInstalled {
        name: name.to_owned(),
        folder: packs.join(name),
    };
    if Path::new(name).components().count() != 1 {
        return Err(not_installed());
    }
    // A previous version has a folder of its id.
    if let Some(found) = in_folder(&packs.join(name)) {
        return found;
    }
    let (base, _version) = name.rsplit_once('-').ok_or_else(not_installed)?;
    match in_folder(&packs.join(base)) {
        Some(Ok(found)) if found.0.id() == name => Ok(found),
        Some(Err(error)) => Err(error),
        _ => Err(not_installed()),
    }
}

fn in_folder(folder: &Path) -> Option<Result<(Manifest, PathBuf), ModelError>> {
    let complete = folder.join(MANIFEST_FILE).is_file();
    complete.then(|| Ok((read_installed(folder)?, folder.to_owned())))
}

/// Returns the complete packs in the cache folder, sorted by id.
///
/// # Errors
/// If there is no cache folder, or a manifest is invalid.
pub fn installed_packs() -> Result<Vec<(Manifest, PathBuf)>, ModelError> {
    let folder = cache_folder::packs(&cache_folder::folder()?);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut found = entries
        .filter_map(|entry| in_folder(&entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|(manifest, _)| manifest.id());
    Ok(found)
}

/// Returns the path of the ONNX Runtime library: `ORT_DYLIB_PATH` if set, else the installed one.
pub(crate) fn runtime_library() -> Result<PathBuf, ModelError> {
    if let Some(path) = runtime_variable() {
        return Ok(path);
    }
    let (manifest, folder) = installed(RUNTIME)?;
    let file = manifest
        .files
        .first()
        .expect("a checked manifest lists files");
    verified_path(&manifest, &folder, &file.path)
}

/// Returns the path of the ONNX Runtime library that the variable `ORT_DYLIB_PATH` names, if it does.
pub(super) fn runtime_variable() -> Option<PathBuf> {
    let path = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}
