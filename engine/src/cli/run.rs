//! `atom run`: works through the sources of pipeline files.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use atom::run::{self, Options};
use atom_pipelines::{plan, read_files, warnings};
use clap::Args;

use super::terminal::{self, Printer, Style};

/// Run pipeline files over their sources, from the beginning to the end.
#[derive(Args)]
pub struct Run {
    /// Pipeline files; what is equal in them is done once.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the frames of a source come from, whatever its file says; may be given for several sources.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = name_and_uri)]
    sources: Vec<(String, String)>,
    /// Print results as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Write a report of the run to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Reads `NAME=URI`.
pub fn name_and_uri(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, uri)) if !name.is_empty() && !uri.is_empty() => {
            Ok((name.to_owned(), uri.to_owned()))
        }
        _ => Err("expected NAME=URI, for example video=holiday.mp4".to_owned()),
    }
}

impl Run {
    /// Runs until all sources are over, then tells how it went.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let files = read_files(&self.files, &self.sources)?;
        warnings(&files)
            .iter()
            .for_each(|problem| terminal::tell(&format!("warning: {problem}")));
        // A report that cannot be written should not cost a whole run.
        let report = self
            .report
            .as_ref()
            .map(|path| std::fs::File::create(path).with_context(|| unwritable(path)));
        let report = report.transpose()?;
        let stop = terminal::stop_on_signal()?;
        let style = if self.json { Style::Json } else { Style::Lines };
        let audience = Box::new(Printer::new(style, stop.clone()));
        let outcome = run::run(
            &plan(&files),
            Options {
                resume: false,
                stop,
                audience,
            },
        )?;
        if let (Some(file), Some(path)) = (report, &self.report) {
            serde_json::to_writer_pretty(file, &outcome.report)
                .with_context(|| unwritable(path))?;
        }
        Ok(terminal::conclude(&outcome))
    }
}

fn unwritable(path: &std::path::Path) -> String {
    format!("cannot write the report {}", path.display())
}
