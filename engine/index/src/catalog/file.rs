//! Recordings as they are found on disk, and as the catalog has them.

use std::path::{Path, PathBuf};

/// A recording as it was found on disk.
pub struct DiscoveredFile<'a> {
    /// The name it would have as a source.
    pub name: &'a str,
    /// Its path.
    pub path: &'a Path,
    /// A fingerprint of its content.
    pub content: &'a str,
    /// A value that changes when the file is written to; while it is equal, the content need not be read again.
    pub touched: &'a str,
    /// Its start time, in milliseconds since 1970 (UTC), if known.
    pub start_utc_ms: Option<i64>,
    /// Returns true if an older content is the beginning of this one.
    pub grown_from: &'a dyn Fn(&str) -> bool,
    /// Returns true if there is still a file at a path.
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// Returns true if the file at a path still has this content.
    pub has_content: &'a dyn Fn(&Path, &str) -> bool,
}

/// The outcome of matching a discovered file with the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciliation {
    /// Its name belongs to another file that still exists: nothing was changed.
    NameInUse,
    /// It is a new recording.
    New,
    /// It has not changed.
    Unchanged,
    /// There is more of it than before: its rows stay, and it has not ended.
    Grown,
    /// It is another recording under an old name: the old rows were removed.
    Replaced,
    /// It had this name before: its rows have moved.
    Moved(String),
}

/// A file of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFile {
    /// The source.
    pub source: String,
    /// Its path.
    pub path: PathBuf,
    /// A fingerprint of its content.
    pub content: String,
    /// A value that changes when the file is written to.
    pub touched: String,
}
