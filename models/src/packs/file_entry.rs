//! The entry of a file in a manifest.
//!
//! Size and checksum are both known or both unknown; only downloads can do without.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::packs::file_origin::is_download;

/// A file with its size, checksum, licence and origins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path inside the installed pack, or the name for the build script.
    pub(crate) path: String,
    /// Size in bytes. Size and checksum may be absent if the file is downloaded, by `hub:` or a URL: the first installation
    /// records them in `pack.lock`, with which this entry is filled when an installed pack is read.
    #[serde(default)]
    pub(crate) size: Option<u64>,
    /// Checksum, 64 hexadecimal digits.
    #[serde(default)]
    pub(crate) sha256: Option<String>,
    /// Origins in the order in which they are tried: `hub:OWNER/NAME@REVISION:PATH` (a file of a model hub),
    /// `package:NAME==VERSION:MEMBER` (a member of a Python package), `file:PATH` (beside the manifest), a URL, or `build` (made
    /// by the build script).
    pub(crate) origins: Vec<String>,
    /// SPDX name of the licence.
    pub(crate) licence: String,
    /// The only platform that needs it, such as `x86_64-linux`; all platforms if absent.
    #[serde(default)]
    pub(crate) platform: Option<String>,
    /// True if size and checksum are those of the lock.
    #[serde(skip)]
    pub(crate) locked: bool,
}

impl FileEntry {
    /// True if size and checksum are known.
    pub(crate) fn known(&self) -> bool {
        self.size.is_some() && self.sha256.is_some()
    }

    /// Returns the words with which a message names what states size and checksum.
    pub(crate) fn stated_by(&self) -> &'static str {
        match self.locked {
            true => "pack.lock says",
            false => "the manifest says",
        }
    }

    /// True if the build script makes the file.
    pub(crate) fn built(&self) -> bool {
        self.origins.iter().any(|origin| origin == "build")
    }

    /// Returns the first contradiction as the error.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut components = Path::new(&self.path).components();
        require(
            components.all(|part| matches!(part, Component::Normal(_))),
            || format!("path {:?} must be relative and inside the pack", self.path),
        )?;
        require(self.sha256.as_deref().is_none_or(is_checksum), || {
            format!("sha256 of {:?} must be 64 hexadecimal digits", self.path)
        })?;
        require(!self.origins.is_empty(), || {
            format!("{:?} has no origins", self.path)
        })?;
        require(self.size.is_some() == self.sha256.is_some(), || {
            format!("{:?} must have both size and sha256, or none", self.path)
        })?;
        let downloaded = self.origins.iter().all(|origin| is_download(origin));
        require(self.known() || downloaded, || {
            format!(
                "{:?} needs size and sha256; only downloads (hub: or a URL) can do without",
                self.path
            )
        })
    }
}

fn is_checksum(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Returns the problem as the error unless the rule holds.
pub(super) fn require(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    holds.then_some(()).ok_or_else(problem)
}
