//! Reads the states of sources.

use crate::error::StoreError;
use crate::source_state::SourceState;
use crate::source_table::{current_states, states};
use crate::store::Store;

impl Store {
    /// Returns all sources with all their packs, by name and then by the age of the pack.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        self.read(states)
    }

    /// Returns the current state of one source, or of all, by name.
    ///
    /// # Errors
    /// If the store cannot be read, or has no such source.
    pub fn current(&self, source: Option<&str>) -> Result<Vec<SourceState>, StoreError> {
        let mut states = self.read(current_states)?;
        if let Some(wanted) = source
            && !states.iter().any(|state| state.source == wanted)
        {
            let names = states.iter().map(|state| state.source.as_str());
            return Err(StoreError::unknown_source(&self.path, wanted, names));
        }
        states.retain(|state| source.is_none_or(|wanted| state.source == wanted));
        Ok(states)
    }
}
