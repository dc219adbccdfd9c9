//! Packs: their manifests, their files in the cache folder, and their installation.

pub(crate) mod cache_folder;
mod families;
mod file_entry;
mod file_integrity;
mod file_operations;
mod file_origin;
mod hub;
#[cfg(test)]
mod hub_packs;
pub(crate) mod inspection;
pub(crate) mod install;
#[cfg(test)]
mod install_from_hub;
pub(crate) mod install_observer;
mod installation_lock;
pub(crate) mod installed_packs;
pub(crate) mod manifest;
pub(crate) mod origin_error;
pub(crate) mod pack;
mod pack_files;
mod pack_lock;
pub(crate) mod pack_source;
mod pip;
mod previous_version;
mod python_build;
