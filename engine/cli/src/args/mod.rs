//! Arguments that several commands share.

mod index;
mod index_scope;
mod source_override;
mod time;

pub use index::{IndexArgs, index_path};
pub use index_scope::IndexScopeArgs;
pub use source_override::source_override;
