//! Arguments that several commands share.

mod index;
mod scope;
mod source_uri;
mod time;

pub use index::{IndexArgs, index_path};
pub use scope::ScopeArgs;
pub use source_uri::source_override;
