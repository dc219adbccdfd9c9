//! Pipelines of the library, prepared for a command.

use std::path::PathBuf;

use atom_pipelines::{PipelineFile, library, parse};

/// Returns a pipeline file of the library, with this pack.
pub fn library_file(name: &str, pack: &str) -> anyhow::Result<PipelineFile> {
    let text = library::text(name)
        .ok_or_else(|| anyhow::anyhow!("there is no ready pipeline {name:?}"))?;
    let mut file = parse(&PathBuf::from(format!("{name}.toml")), text)?;
    pack.clone_into(&mut file.pack);
    Ok(file)
}
