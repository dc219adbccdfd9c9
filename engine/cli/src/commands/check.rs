//! `atom check`: says everything that is wrong with pipeline files.

use std::{path::PathBuf, process::ExitCode};

use atom_models::Pack;
use atom_pipelines::{load_files, plan, warnings};
use clap::Args;

use super::terminal;

/// Check pipeline files without running them.
#[derive(Args)]
pub struct Check {
    /// Pipeline files, checked together as one run.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the frames of a source come from.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = super::run::name_and_uri)]
    sources: Vec<(String, String)>,
}

impl Check {
    /// Prints `ok` or all problems.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let files = load_files(&self.files, &self.sources)?;
        warnings(&files)
            .iter()
            .for_each(|problem| terminal::tell(&format!("warning: {problem}")));
        let plan = plan(&files);
        Pack::open(&plan.pack)?;
        terminal::result(&format!(
            "ok: {} sources, {} nodes, {} sinks",
            plan.sources.len(),
            plan.nodes.len(),
            plan.sinks.len()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
