//! `atom run`: works through the sources of pipeline files.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use atom_operators::node::NodeKind;
use atom_pipelines::{Plan, Uri, load_files, plan, warnings};
use atom_runtime::run::{self, Options};
use atom_server::{self, Listener, Token};
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
    /// Tell metrics (`/metrics`) and health (`/healthz`) over HTTP while the run goes on: ADDRESS:PORT, or a port of this machine.
    #[arg(long, value_name = "ADDR", value_parser = atom_server::address)]
    listen: Option<SocketAddr>,
    /// Answer only requests that bring the token in the first line of this file; needed where other machines can ask.
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
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
        let files = load_files(&self.files, &self.sources)?;
        warnings(&files)
            .iter()
            .for_each(|problem| terminal::tell(&format!("warning: {problem}")));
        let plan = plan(&files);
        if let Some(path) = &self.report {
            self.check_report(path, &plan)?;
        }
        let serve = self.listener()?.map(Listener::serve);
        let stop = terminal::stop_on_signal()?;
        let style = if self.json { Style::Json } else { Style::Lines };
        let audience = Box::new(Printer::new(style));
        let outcome = run::run(
            &plan,
            Options {
                serve,
                ..Options::new(stop, audience)
            },
        )?;
        if let Some(path) = &self.report {
            let text = serde_json::to_string_pretty(&outcome.report)?;
            fs::write(path, text + "\n").with_context(|| unwritable(path))?;
        }
        Ok(terminal::conclude(&outcome))
    }

    fn listener(&self) -> anyhow::Result<Option<Listener>> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let token = match &self.token_file {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("cannot read the token in {}", path.display()))?;
                let token = Token::new(text.lines().next().unwrap_or_default());
                let empty = || {
                    format!(
                        "the first line of {} is empty, expected a token",
                        path.display()
                    )
                };
                Some(token.with_context(empty)?)
            }
            None => None,
        };
        Ok(Some(Listener::bind(address, token)?))
    }

    /// Finds out before the run whether the report can be written at its end, and that it overwrites nothing of the run.
    fn check_report(&self, path: &Path, plan: &Plan) -> anyhow::Result<()> {
        let sources = plan
            .sources
            .iter()
            .filter_map(|source| Uri::parse(&source.uri).ok()?.path().cloned());
        let sinks = plan.sinks.iter().map(|sink| sink.kind.path().clone());
        let stores = plan.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Index(spec) => Some(spec.store.clone()),
            _ => None,
        });
        let place = |path: &Path| {
            path.canonicalize()
                .or_else(|_| std::path::absolute(path))
                .ok()
        };
        let mut taken = self
            .files
            .iter()
            .cloned()
            .chain(sources)
            .chain(sinks)
            .chain(stores);
        if taken.any(|other| place(&other) == place(path)) {
            bail!(
                "the report {} would write over a file of this run; give it another name",
                path.display()
            );
        }
        let opened = fs::OpenOptions::new().append(true).create(true).open(path);
        opened.map(drop).with_context(|| unwritable(path))
    }
}

fn unwritable(path: &Path) -> String {
    format!("cannot write the report {}", path.display())
}
