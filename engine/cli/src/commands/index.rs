//! `atom index`: makes recordings searchable, and continues where it stopped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use atom_models::Pack;
use atom_operators::{node::NodeKind, retention::RetentionPolicy};
use atom_pipelines::{
    Input, NodeSpec, PipelineFile, Plan, PlannedSource, SourceSettings, Uri, override_sources,
};
use atom_runtime::{RunOptions, run};
use clap::Args;

use crate::{
    args::index_path,
    built_in_pipeline::built_in_pipeline,
    output::{ResultFormat, RunPrinter, eprint_line, report_outcome},
    signals::cancel_on_ctrl_c,
};

/// Index recordings for search and questions; resumes where it stopped.
#[derive(Args)]
#[command(after_help = "\
A recording is identified by its content: a moved file is not indexed again, a replaced file is. A recording that \
was deleted from its folder is removed from the index, unless --keep-gone is given or its folder is missing or empty.

Examples:
  atom index recordings/
  atom index 'recordings/**/door-*.mp4'
  atom index recordings/ --watch               index new recordings until Ctrl-C
  atom index recordings/ --keep \"30d, 20GB\"    keep at most 30 days and 20 GB")]
pub struct Index {
    /// Videos, folders of videos, or patterns such as 'recordings/**/door-*.mp4'.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Index file (default: atom/atom.db in $XDG_DATA_HOME or ~/.local/share).
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Model pack.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// Watch for new, growing, changed and deleted recordings until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Keep deleted recordings in the index.
    #[arg(long)]
    keep_gone: bool,
    /// Limit the index: by age (min, h, d, w), by size (MB, GB, TB), by number of segments, or by several of these, separated
    /// by commas.
    #[arg(long, value_name = "LIMITS")]
    keep: Option<RetentionPolicy>,
}

impl Index {
    /// Indexes all recordings that are not indexed yet, until Ctrl-C with `--watch`.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = index_path(self.store.as_deref(), true)?;
        let sources = self.paths.iter().map(|path| self.source(path));
        let plan = index_plan(&store, &self.pack, sources.collect(), self.keep)?;
        let printer = Box::new(RunPrinter::new(ResultFormat::SourceEvents));
        let options = RunOptions {
            resume: true,
            ..RunOptions::new(cancel_on_ctrl_c()?, printer)
        };
        let outcome = run(&plan, options)?;
        eprint_line(&format!("index: {}", store.display()));
        Ok(report_outcome(&outcome))
    }

    fn source(&self, path: &Path) -> PlannedSource {
        PlannedSource {
            // Recordings are named by their path in the folder alone.
            name: String::new(),
            uri: Uri::folder_uri(path),
            settings: SourceSettings {
                watch: self.watch,
                keep_gone: self.keep_gone,
                ..SourceSettings::default()
            },
            aliases: Vec::new(),
        }
    }
}

/// Plans the library's index pipeline over these sources: one graph, each module loaded once.
fn index_plan(
    store: &Path,
    pack: &str,
    sources: Vec<PlannedSource>,
    keep: Option<RetentionPolicy>,
) -> anyhow::Result<Plan> {
    let mut files = [built_in_pipeline("index", pack)?];
    if !Pack::open(pack)?.has_decoder() {
        eprint_line(
            "note: the pack has no decoder, so segments get no captions and are found by meaning only",
        );
        remove_captions(&mut files[0]);
    }
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

/// Removes the nodes that write captions, and all readings of them.
fn remove_captions(file: &mut PipelineFile) {
    let writes_captions = |node: &NodeSpec| matches!(node.kind, NodeKind::Caption(_));
    let (removed, kept) = std::mem::take(&mut file.nodes)
        .into_iter()
        .partition::<Vec<_>, _>(writes_captions);
    file.nodes = kept;
    let is_removed = |name: &str| removed.iter().any(|node| node.name == name);
    for node in &mut file.nodes {
        node.inputs.retain(|input| !is_removed(&input.name));
    }
}
