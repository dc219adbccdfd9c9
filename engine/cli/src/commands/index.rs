//! `atom index`: makes recordings searchable, and continues where it stopped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use atom_operators::{node::NodeKind, retention::RetentionPolicy};
use atom_pipelines::{Input, Plan, PlannedSource, SourceSettings, Uri, override_sources};
use atom_runtime::{RunOptions, run};
use clap::Args;

use crate::{
    args::index_path,
    built_in_pipeline::built_in_pipeline,
    output::{ResultFormat, RunPrinter, eprint_line, report_outcome},
    signals::cancel_on_ctrl_c,
};

/// Make recordings searchable; goes on where it stopped.
#[derive(Args)]
#[command(after_help = "\
A recording is known by its content: one that was moved is not indexed again, one that was replaced is.
What is stored of a recording that is gone from its folder is removed, unless --keep-gone is given, or the folder is gone or empty.

Examples:
  atom index recordings/
  atom index 'recordings/**/door-*.mp4'
  atom index recordings/ --watch              goes on with what comes, until Ctrl-C
  atom index recordings/ --keep \"30d, 20GB\"   removes what is older, and what was written first when there is more")]
pub struct Index {
    /// Videos, folders of videos, and patterns.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// Go on looking: recordings that come, grow, change or go are followed until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Keep what is stored of recordings that are gone.
    #[arg(long)]
    keep_gone: bool,
    /// Keep only so much of the index: an age (min, h, d, w), a size (MB, GB, TB), a number of segments, or several with commas between.
    #[arg(long, value_name = "HOW MUCH")]
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
        eprint_line(&format!("the index is {}", store.display()));
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
