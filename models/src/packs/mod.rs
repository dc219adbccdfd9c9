//! Packs: their manifests, their files in the cache folder, and their installation.

pub(crate) mod cache;
mod file_check;
mod file_operations;
pub(crate) mod install;
pub(crate) mod installed;
pub(crate) mod manifest;
mod origin;
pub(crate) mod origin_error;
pub(crate) mod pack;
mod previous_version;
mod python_build;
