//! `atom graph`: draws pipeline files.

use std::{path::PathBuf, process::ExitCode};

use atom_pipelines::{diagram, load_plan};
use clap::{Args, ValueEnum};

use crate::{args::source_override, output::print_layout};

/// Draw pipeline files as a graph.
#[derive(Args)]
#[command(
    after_help = "Example:\n  atom graph doorway.toml --format dot | dot -Tsvg > doorway.svg"
)]
pub struct Graph {
    /// Pipeline files; what is equal in them is drawn once.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the frames of a source come from.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = source_override())]
    sources: Vec<(String, String)>,
    /// The language of the drawing.
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Language,
}

/// A language in which graphs are drawn.
#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// Mermaid, which Markdown viewers draw.
    Mermaid,
    /// Graphviz.
    Dot,
}

impl Graph {
    /// Prints the drawing.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let plan = load_plan(&self.files, &self.sources)?;
        let text = match self.format {
            Language::Mermaid => diagram::mermaid(&plan),
            Language::Dot => diagram::dot(&plan),
        };
        print_layout(text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
