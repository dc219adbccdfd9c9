use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::node::{SpecError, require};

/// Makes segments searchable: one row a segment, sealed when each of the node's inputs has given its result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexSpec {
    /// The file of the index; made if it is missing. Relative to the working directory.
    pub store: PathBuf,
}

impl IndexSpec {
    /// Smallest useful text of this node.
    pub const EXAMPLE: &str = "kind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"atom.db\"\n";

    /// Rejects an empty path.
    pub fn check(&self) -> Result<(), SpecError> {
        require(!self.store.as_os_str().is_empty(), "store", "empty", "the path of a file")
    }
}
