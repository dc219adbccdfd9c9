//! A built-in pipeline, prepared for a command.

use std::path::PathBuf;

use atom_pipelines::{PipelineFile, built_in_pipelines, parse};

/// Returns a built-in pipeline with this pack.
pub fn built_in_pipeline(name: &str, pack: &str) -> anyhow::Result<PipelineFile> {
    let text = built_in_pipelines::text(name)
        .ok_or_else(|| anyhow::anyhow!("there is no built-in pipeline {name:?}"))?;
    let mut file = parse(&PathBuf::from(format!("{name}.toml")), text)?;
    pack.clone_into(&mut file.pack);
    Ok(file)
}
