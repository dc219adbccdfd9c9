//! `atom run`: runs pipeline files over their sources.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use atom_operators::node::NodeKind;
use atom_pipelines::{Plan, Uri, index_files, load_files, plan, warnings};
use atom_runtime::{RunOptions, run};
use atom_server::{self, BearerToken, ConnectionLimits, Listener};
use clap::Args;

use crate::{
    args::{open_output, source_override, write_output},
    descriptor_limit::descriptor_limit,
    output::{ResultFormat, RunPrinter, eprint_warning_lines, report_outcome},
    signals::{cancel_on_ctrl_c, hangups},
};

/// Run pipeline files until their sources end, or until Ctrl-C.
#[derive(Args)]
#[command(after_help = "\
Each line of the output is a result: the time of the segment, for a live source the delay after the end of the segment (`+1.5 s`), \
the source, and the text.

Examples:
  atom run caption index --source video=holiday.mp4
  atom run live --source camera=rtsp://192.0.2.7/door --listen 9600")]
pub struct Run {
    /// Pipeline files, or names of built-in pipelines; they run as one graph, in which equal nodes run once.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override the URI of a source. Can be repeated.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = source_override())]
    sources: Vec<(String, String)>,
    /// Print results as JSON, one object per line.
    #[arg(long)]
    json: bool,
    /// Serve metrics (/metrics), health (/healthz) and standing queries (/api/v1/queries) over HTTP: ADDRESS:PORT, or only a
    /// port to listen on 127.0.0.1.
    #[arg(long, value_name = "ADDR", value_parser = atom_server::parse_address)]
    listen: Option<SocketAddr>,
    /// Require the bearer token in the first line of this file. An address that other machines can reach needs a token of at
    /// least 16 characters; `openssl rand -hex 16 > FILE` creates one.
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
    /// Address of a reverse proxy, which may open more connections than a single client. Can be repeated.
    #[arg(long = "trusted-proxy", value_name = "ADDRESS", requires = "listen")]
    trusted_proxies: Vec<IpAddr>,
    /// Write a report of the run to this JSON file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Run {
    /// Runs until all sources have ended, then reports how it went.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let files = load_files(&self.files, &self.sources)?;
        warnings(&files)
            .iter()
            .for_each(|problem| eprint_warning_lines(&problem.to_string()));
        let plan = plan(&files);
        let report = self.report.as_deref();
        let report = report
            .map(|path| open_output(path, "report", self.used_files(&plan)))
            .transpose()?;
        let serve = self.listener()?.map(Listener::serve);
        let stop = cancel_on_ctrl_c()?;
        let format = match self.json {
            true => ResultFormat::Json,
            false => ResultFormat::Text,
        };
        let printer = Box::new(RunPrinter::new(format));
        let outcome = run(
            &plan,
            RunOptions {
                server: serve,
                hangups: hangups(),
                ..RunOptions::new(stop, printer)
            },
        )?;
        if let Some(report) = report {
            let text = serde_json::to_string_pretty(&outcome.report)?;
            write_output(report, &(text + "\n"))?;
        }
        Ok(report_outcome(&outcome))
    }

    fn listener(&self) -> anyhow::Result<Option<Listener>> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        let limits = ConnectionLimits::new(descriptor_limit(), self.trusted_proxies.clone());
        Ok(Some(Listener::bind(address, token, limits)?))
    }

    /// Returns the files that the run reads and writes.
    fn used_files(&self, plan: &Plan) -> Vec<PathBuf> {
        let own = self.files.iter().chain(&self.token_file).cloned();
        own.chain(files_of_plan(plan)).collect()
    }
}

/// Returns the files that a plan reads and writes.
fn files_of_plan(plan: &Plan) -> impl Iterator<Item = PathBuf> {
    let sources = plan
        .sources
        .iter()
        .filter_map(|source| Uri::parse(&source.uri).ok()?.path().cloned());
    let sinks = plan.sinks.iter().map(|sink| sink.kind.path().clone());
    let passwords = plan.sources.iter();
    let passwords = passwords.filter_map(|source| source.settings.password_file.clone());
    let stores = plan.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Index(spec) => Some(index_files(&spec.store)),
        _ => None,
    });
    sources
        .chain(passwords)
        .chain(sinks)
        .chain(stores.flatten())
}

/// Reads a token from the first line of a file.
fn read_token(path: &Path) -> anyhow::Result<BearerToken> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the token in {}", path.display()))?;
    BearerToken::new(text.lines().next().unwrap_or_default()).with_context(|| {
        format!(
            "the first line of {} is empty, expected a token; create one with: openssl rand -hex 16",
            path.display()
        )
    })
}
