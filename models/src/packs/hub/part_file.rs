//! The beginning of a file whose download was cut off: `NAME.part`, and in `NAME.part.tag` the tag that the hub gave the file.
//!
//! Only the same content has the same tag, so a part is continued only by a response with the tag that it was begun with.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::OriginError;

/// The part of a download.
#[derive(Debug)]
pub(in crate::packs) struct PartFile {
    path: PathBuf,
    tag: PathBuf,
}

impl PartFile {
    /// Returns the part of the download of `target`.
    pub(in crate::packs) fn of(target: &Path) -> Self {
        let path = target.with_added_extension("part");
        Self {
            tag: path.with_added_extension("tag"),
            path,
        }
    }

    /// Removes the part.
    pub(in crate::packs) fn discard(&self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.tag);
    }

    /// Returns the number of bytes that are there.
    pub(super) fn size(&self) -> u64 {
        self.path.metadata().map_or(0, |found| found.len())
    }

    /// Returns the tag of the file of which this is the beginning, if there is something to continue.
    pub(super) fn tag(&self) -> Option<String> {
        let tag = fs::read_to_string(&self.tag).ok()?;
        (self.size() > 0 && !tag.is_empty()).then_some(tag)
    }

    /// Begins the part anew. A file without a tag is never continued.
    pub(super) fn begin(&self, tag: Option<&str>) -> Result<File, OriginError> {
        self.discard();
        if let Some(tag) = tag {
            fs::write(&self.tag, tag).map_err(self.error("write"))?;
        }
        File::create(&self.path).map_err(self.error("write"))
    }

    /// Opens the part to write after its end.
    pub(super) fn continue_at_end(&self) -> Result<File, OriginError> {
        let file = OpenOptions::new().append(true).open(&self.path);
        file.map_err(self.error("write"))
    }

    /// Makes the complete part the file itself.
    pub(super) fn finish(&self, target: &Path) -> Result<(), OriginError> {
        let _ = fs::remove_file(&self.tag);
        fs::rename(&self.path, target).map_err(self.error("rename"))
    }

    /// Returns the error of a write to the part.
    pub(super) fn write_error(&self, source: io::Error) -> OriginError {
        self.error("write")(source)
    }

    fn error(&self, action: &'static str) -> impl FnOnce(io::Error) -> OriginError {
        let path = self.path.clone();
        move |source| OriginError::File {
            action,
            path,
            source,
        }
    }
}
