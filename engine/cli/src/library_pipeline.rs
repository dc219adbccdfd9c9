//! Pipelines of the library, prepared for a command.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use atom_operators::{node::NodeKind, retention::RetentionPolicy};
use atom_pipelines::{Input, PipelineFile, Plan, PlannedSource, library, override_sources, parse};

/// Returns a pipeline file of the library, with this pack.
pub fn library_file(name: &str, pack: &str) -> anyhow::Result<PipelineFile> {
    let text = library::text(name)
        .ok_or_else(|| anyhow::anyhow!("there is no ready pipeline {name:?}"))?;
    let mut file = parse(&PathBuf::from(format!("{name}.toml")), text)?;
    pack.clone_into(&mut file.pack);
    Ok(file)
}

/// Plans the library's index pipeline over these sources: one graph, each module loaded once.
pub fn index_plan(
    store: &Path,
    pack: &str,
    sources: Vec<PlannedSource>,
    keep: Option<RetentionPolicy>,
) -> anyhow::Result<Plan> {
    let mut files = [library_file("index", pack)?];
    override_sources(
        &mut files,
        &[("video".to_owned(), "test://black".to_owned())],
    );
    let mut plan = atom_pipelines::plan(&files);
    plan.sources = sources;
    let sources = 0..plan.sources.len();
    // Recordings are named by their path in the folder alone.
    let names: BTreeMap<usize, String> = sources.clone().map(|at| (at, String::new())).collect();
    for node in &mut plan.nodes {
        match &mut node.kind {
            NodeKind::Sample(_) => node.inputs = sources.clone().map(Input::Source).collect(),
            NodeKind::Index(spec) => {
                store.clone_into(&mut spec.store);
                spec.keep = keep;
                node.source_names.clone_from(&names);
            }
            _ => {}
        }
    }
    Ok(plan)
}
