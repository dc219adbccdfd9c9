//! Over which index a command works, and how it tells what came of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::terminal;

/// The index of a command of several words, and the form of its result.
#[derive(Args)]
pub struct Over {
    /// The file of the index.
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Over {
    /// The file of the index; with `make`, the folder in which it is by default is made.
    pub fn path(&self, make: bool) -> anyhow::Result<PathBuf> {
        store_path(self.store.as_deref(), make)
    }

    /// Tells a result, in words or as JSON.
    pub fn tell(&self, words: &str, data: &Value) -> anyhow::Result<()> {
        match self.json {
            true => terminal::result(&data.to_string())?,
            false => terminal::result(words)?,
        }
        Ok(())
    }
}

/// The store that was given, else `atom/atom.db` in the user's data folder; with `make`, that folder is made.
pub fn store_path(given: Option<&Path>, make: bool) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let folder = data
        .context("no data folder: set XDG_DATA_HOME or HOME, or give --store")?
        .join("atom");
    if make {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(folder.join("atom.db"))
}
