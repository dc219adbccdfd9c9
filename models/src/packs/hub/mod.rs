//! Files of a model hub: their addresses, the settings from the environment, and their download.
//!
//! The paths and headers are those of the Hugging Face Hub; servers that speak them can be named by `HF_ENDPOINT`.

#[cfg(test)]
mod download_tests;
pub(super) mod hub_address;
pub(super) mod hub_download;
mod hub_request;
pub(super) mod hub_settings;
#[cfg(test)]
pub(super) mod loopback_hub;
pub(super) mod part_file;
pub(super) mod url_parts;
