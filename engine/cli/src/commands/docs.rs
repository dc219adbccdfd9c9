//! `atom docs`: explains the kinds of a pipeline file.

use std::process::ExitCode;

use atom_pipelines::kind_docs;
use clap::Args;

use crate::output::{eprint_error, print_layout};

/// Explain the kinds of sources, nodes and sinks in pipeline files.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom docs                                list all kinds
  atom docs sample                         explain one kind, with its settings and an example")]
pub struct Docs {
    /// Kind to explain; without it, all kinds are listed.
    kind: Option<String>,
}

impl Docs {
    /// Prints the explanation.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let text = match &self.kind {
            Some(kind) => match kind_docs::kind(kind) {
                Ok(text) => text,
                Err(unknown) => {
                    eprint_error(&unknown.to_string());
                    return Ok(ExitCode::from(2));
                }
            },
            None => kind_docs::overview(),
        };
        print_layout(text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
