//! `atom index`: makes recordings searchable, and continues where it stopped.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use atom_operators::retention::RetentionPolicy;
use atom_pipelines::{Plan, PlannedSource, SourceSettings, Uri};
use atom_runtime::{RunOptions, RunOutcome, run};
use clap::Args;

use crate::{
    args::index_path,
    library_pipeline::index_plan,
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
    /// Indexes all recordings that are not indexed yet.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = index_path(self.store.as_deref(), true)?;
        let sources = self.paths.iter().map(|path| self.source(path));
        let plan = index_plan(&store, &self.pack, sources.collect(), self.keep)?;
        let outcome = run_index_plan(&plan)?;
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

/// Runs a plan of index pipelines until everything is indexed or Ctrl-C is pressed, continuing where the index stopped.
pub fn run_index_plan(plan: &Plan) -> anyhow::Result<RunOutcome> {
    let printer = Box::new(RunPrinter::new(ResultFormat::SourceEvents));
    let options = RunOptions {
        resume: true,
        ..RunOptions::new(cancel_on_ctrl_c()?, printer)
    };
    Ok(run(plan, options)?)
}
