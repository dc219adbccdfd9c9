//! The file catalog: which file each source is, and what happened to a file since it was indexed.
//!
//! A recording is known by its content: one that is found from another folder keeps its name, one that was moved keeps its rows
//! under its new name, one that was replaced loses them, one that has grown continues. All of that is decided and done in one transaction, so that no crash leaves rows under
//! two names or under none.

pub(crate) mod catalog_file;
mod path_text;
pub(crate) mod reconcile;
pub(crate) mod source_path;

pub use path_text::path_to_text;
pub(crate) use path_text::readable;
