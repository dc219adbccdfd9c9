//! `atom docs`: explains the kinds of a pipeline file, and prints built-in pipelines.
//!
//! Kinds go before built-in pipelines of the same name, which are printed as `NAME.toml`.

use std::{borrow::Cow, process::ExitCode};

use atom_pipelines::{
    built_in_pipelines,
    kind_docs::{self, UnknownKind},
};
use clap::Args;

use crate::output::{eprint_error, print_layout};

/// Explain the kinds of sources, nodes and sinks in pipeline files, and print built-in pipelines.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom docs                                list all kinds and built-in pipelines
  atom docs sample                         explain one kind, with its settings and an example
  atom docs live.toml > live.toml          start a pipeline file from a built-in pipeline")]
pub struct Docs {
    /// Kind to explain, or built-in pipeline to print; without it, all of them are listed.
    #[arg(value_name = "KIND")]
    name: Option<String>,
}

impl Docs {
    /// Prints the explanation.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let text = match &self.name {
            Some(name) => match explanation(name) {
                Ok(text) => text,
                Err(unknown) => {
                    eprint_error(&unknown.to_string());
                    return Ok(ExitCode::from(2));
                }
            },
            None => kind_docs::overview().into(),
        };
        print_layout(text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the text about a kind, or the text of a built-in pipeline.
fn explanation(name: &str) -> Result<Cow<'static, str>, UnknownKind> {
    let file = name
        .strip_suffix(".toml")
        .and_then(built_in_pipelines::text);
    if let Some(text) = file {
        return Ok(text.into());
    }
    let pipeline = built_in_pipelines::text(name);
    match (kind_docs::kind(name), pipeline) {
        (Ok(text), None) => Ok(text.into()),
        (Ok(text), Some(_)) => Ok(format!(
            "{text}\nThe built-in pipeline of this name: atom docs {name}.toml\n"
        )
        .into()),
        (Err(_), Some(text)) => Ok(text.into()),
        (Err(unknown), None) => Err(unknown),
    }
}
