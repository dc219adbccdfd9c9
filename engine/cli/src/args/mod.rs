//! Arguments that several commands share.

mod index;
mod index_scope;
mod output_file;
mod source_override;
mod time;

pub use index::{IndexArgs, index_path};
pub use index_scope::IndexScopeArgs;
pub use output_file::{DRAWING, open_output, write_output};
pub use source_override::source_override;
