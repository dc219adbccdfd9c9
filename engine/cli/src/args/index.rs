//! The file of the index, and the form in which a command prints its result.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use crate::output::{print_json, print_line};

/// The index of a command that has subcommands, and the form of its result.
#[derive(Args)]
pub struct IndexArgs {
    /// Index file (default: atom/atom.db in $XDG_DATA_HOME or ~/.local/share).
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long, global = true)]
    pub json: bool,
}

impl IndexArgs {
    /// Returns the file of the index, see [`index_path`].
    pub fn path(&self, create_folder: bool) -> anyhow::Result<PathBuf> {
        index_path(self.store.as_deref(), create_folder)
    }

    /// Prints a result, as lines of text or as JSON.
    pub fn print(&self, lines: &[String], json: &Value) -> anyhow::Result<()> {
        match self.json {
            true => print_json(json),
            false => lines.iter().try_for_each(|line| print_line(line)),
        }
    }
}

/// Returns the given file, or else `atom/atom.db` in the user's data folder; `create_folder` creates that folder.
///
/// # Errors
/// If no file is given and there is no data folder, or if the folder cannot be created.
pub fn index_path(given: Option<&Path>, create_folder: bool) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data = variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    let folder = data
        .context("no folder for the index: set XDG_DATA_HOME or HOME, or name the index file with --store")?
        .join("atom");
    if create_folder {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    Ok(folder.join("atom.db"))
}
