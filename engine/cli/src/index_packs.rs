//! The packs that an index was made with, as far as they are installed.

use anyhow::bail;
use atom_index::{Filter, Store};
use atom_models::{ModelError, Pack};

/// The packs whose rows a filter selects.
pub struct IndexPacks {
    /// The installed ones, the newest first.
    pub installed: Vec<Pack>,
    /// The ids of the others.
    pub missing: Vec<String>,
}

impl IndexPacks {
    /// Opens the packs that made the rows which `filter` selects.
    ///
    /// # Errors
    /// If a source is not in the index, or an installed pack is damaged.
    pub fn open(store: &Store, filter: &Filter) -> anyhow::Result<Self> {
        let mut packs = Self {
            installed: Vec::new(),
            missing: Vec::new(),
        };
        for id in store.packs(filter)? {
            match Pack::open(&id) {
                Ok(pack) => packs.installed.push(pack),
                Err(ModelError::NotInstalled { .. }) => packs.missing.push(id),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(packs)
    }

    /// Returns the packs if all of them are installed.
    ///
    /// # Errors
    /// If one is not.
    pub fn require_all(self) -> anyhow::Result<Self> {
        match self.missing.first() {
            Some(id) => bail!(
                "part of the index was made with pack {id}, which is not installed; install it, index those recordings again with an installed pack, or select other sources with --source"
            ),
            None => Ok(self),
        }
    }

    /// Returns the newest pack; for an empty index, the default pack.
    ///
    /// # Errors
    /// If none of the packs is installed.
    pub fn newest(mut self) -> anyhow::Result<Pack> {
        if self.installed.is_empty() {
            self.require_all()?;
            return Ok(Pack::open("mini")?);
        }
        Ok(self.installed.remove(0))
    }
}
