//! The file catalog: the file of each source, and the changes of a file since it was indexed.
//!
//! A recording is identified by its content: one that is found from another folder keeps its name, one that was moved keeps its rows
//! under its new name, one that was replaced loses them, and one that has grown keeps them and is indexed further. All of this
//! happens in one transaction, so that no crash leaves rows under two names or under none.

pub(crate) mod catalog_file;
mod path_text;
pub(crate) mod reconcile;
pub(crate) mod source_path;

pub use path_text::path_to_text;
pub(crate) use path_text::readable;
