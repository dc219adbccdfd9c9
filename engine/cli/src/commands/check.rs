//! `atom check`: reports every problem of pipeline files.

use std::{path::PathBuf, process::ExitCode};

use atom_models::Pack;
use atom_operators::counted::counted;
use atom_pipelines::{load_files, plan, warnings};
use clap::Args;

use crate::{
    args::source_override,
    output::{eprint_warning_lines, print_line},
};

/// Check pipeline files without running them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom check door.toml
  atom check caption.toml index.toml --source video=holiday.mp4")]
pub struct Check {
    /// Pipeline files, or names of built-in pipelines, checked together as for one run.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override the URI of a source. Can be repeated.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = source_override())]
    sources: Vec<(String, String)>,
}

impl Check {
    /// Prints `ok` and the size of the plan.
    ///
    /// # Errors
    /// If a file has problems, all of them together, or the pack cannot be opened.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let files = load_files(&self.files, &self.sources)?;
        warnings(&files)
            .iter()
            .for_each(|problem| eprint_warning_lines(&problem.to_string()));
        let plan = plan(&files);
        Pack::open(&plan.pack)?;
        print_line(&format!(
            "ok: {}, {}, {}",
            counted(plan.sources.len(), "source"),
            counted(plan.nodes.len(), "node"),
            counted(plan.sinks.len(), "sink")
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
