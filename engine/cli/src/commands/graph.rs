//! `atom graph`: draws pipeline files.

use std::{path::PathBuf, process::ExitCode};

use atom_pipelines::{diagram, load_plan};
use clap::{Args, ValueEnum};

use crate::{args::source_override, output::print_layout};

/// Draw pipeline files as a graph.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  atom graph door.toml\n  atom graph door.toml --format dot | dot -Tsvg > door.svg"
)]
pub struct Graph {
    /// Pipeline files, or names of built-in pipelines; equal nodes are drawn once.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override the URI of a source. Can be repeated.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = source_override())]
    sources: Vec<(String, String)>,
    /// Language of the drawing: mermaid, which Markdown viewers render, or dot, for Graphviz.
    #[arg(
        long,
        value_enum,
        default_value = "mermaid",
        hide_possible_values = true
    )]
    format: Language,
}

/// A language in which graphs are drawn.
#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// Mermaid, which Markdown viewers render.
    Mermaid,
    /// DOT, the language of Graphviz.
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
