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

/// Run pipeline files over their sources, from the beginning to the end.
#[derive(Args)]
pub struct Run {
    /// Pipeline files; what is equal in them is done once.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the frames of a source come from, whatever its file says; may be given for several sources.
    #[arg(long = "source", value_name = "NAME=URI", value_parser = source_override())]
    sources: Vec<(String, String)>,
    /// Print results as JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Tell metrics (`/metrics`) and health (`/healthz`) over HTTP while the run goes on: ADDRESS:PORT, or a port of this machine.
    #[arg(long, value_name = "ADDR", value_parser = atom_server::parse_address)]
    listen: Option<SocketAddr>,
    /// Answer only requests that bring the token in the first line of this file; needed where other machines can ask, and then of at
    /// least 16 characters: `openssl rand -hex 16 > FILE` makes a good one.
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
    /// The address of a reverse proxy: many clients come through it, so it may have more connections than one client. May be given
    /// several times.
    #[arg(long = "trusted-proxy", value_name = "ADDRESS", requires = "listen")]
    trusted_proxies: Vec<IpAddr>,
    /// Write a report of the run to this file, as JSON.
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
            "the first line of {} is empty, expected a token; make one with: openssl rand -hex 16",
            path.display()
        )
    })
}
