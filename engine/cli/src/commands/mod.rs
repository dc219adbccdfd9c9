//! The commands of the program, one file each.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod ask;
mod bench;
mod caption;
mod check;
mod completions;
mod docs;
mod doctor;
mod eval;
mod graph;
mod index;
mod man_pages;
mod models;
mod query;
mod run;
mod search;
mod stats;
mod store;
mod summarize;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::logging::LogFormat;

/// Turn video into text on this machine: captions, search, answers and standing queries.
#[derive(Parser)]
#[command(
    name = "atom",
    version,
    disable_version_flag = true,
    after_help = "\
Examples:
  atom caption holiday.mp4                 captions of a video, as WebVTT
  atom index recordings/                   make a folder of recordings searchable
  atom search \"a dog on the beach\"         find moments
  atom ask \"What is the dog doing?\"        an answer, and the moments it is based on
  atom query add van \"a delivery van\"      keep the best matches up to date; then: atom watch van
  atom summarize                           what happened, minute by minute
  atom run live --source camera=rtsp://192.0.2.7/door
  atom doctor                              what this machine has, and what is missing"
)]
pub struct Arguments {
    /// Log more to stderr; repeat the flag (-vv) to log every segment.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Format of log lines and messages on stderr: text, or json with one object per line.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true,
        help_heading = "Global options"
    )]
    pub log_format: LogFormat,
    /// Print the version; with --verbose, also those of the libraries and of the build.
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// A command with its arguments.
#[derive(Subcommand)]
pub enum Command {
    /// Run pipeline files until their sources end, or until Ctrl-C.
    Run(run::Run),
    /// Caption a video.
    Caption(caption::Caption),
    /// Index recordings for search and questions; resumes where it stopped.
    Index(index::Index),
    /// Search indexed videos for moments.
    Search(search::Search),
    /// Answer a question about indexed videos.
    Ask(ask::Ask),
    /// Summarize indexed videos, minute by minute and as a whole.
    Summarize(summarize::Summarize),
    /// Manage standing queries, whose best matches are kept up to date.
    Query(query::Query),
    /// Print events of standing queries until Ctrl-C.
    Watch(watch::Watch),
    /// Count what was seen, by hour.
    Stats(stats::Stats),
    /// Check, back up, compact or inspect the index.
    Store(store::StoreCommand),
    /// Check pipeline files without running them.
    Check(check::Check),
    /// Draw pipeline files as a graph.
    Graph(graph::Graph),
    /// Explain the kinds of sources, nodes and sinks in pipeline files, and print built-in pipelines.
    Docs(docs::Docs),
    /// Score a model pack on files with reference captions.
    Eval(eval::Eval),
    /// Benchmark the engine on this machine.
    Bench(bench::Bench),
    /// Install, list and verify model packs.
    Models(models::Models),
    /// Report what this machine has, and how to install what is missing.
    ///
    /// The report is text for a bug report: paste it as it is. It holds no values of environment variables except locale and
    /// time zone, no names of hosts, users, cameras or recordings, and no passwords; the home folder is shown as ~. Packs and
    /// indexes are only looked at.
    Doctor(doctor::Doctor),
    /// Print a script that completes commands and options in a shell.
    Completions(completions::Completions),
    /// Write the manual pages into a folder: atom.1, and a page for every command and subcommand.
    #[command(hide = true)]
    ManPages(man_pages::ManPages),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run(command) => command.run(),
            Self::Caption(command) => command.run(),
            Self::Index(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Ask(command) => command.run(),
            Self::Summarize(command) => command.run(),
            Self::Query(command) => command.run(),
            Self::Watch(command) => command.run(),
            Self::Stats(command) => command.run(),
            Self::Store(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Graph(command) => command.run(),
            Self::Docs(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Models(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Completions(command) => command.run(&Arguments::command()),
            Self::ManPages(command) => command.run(Arguments::command()),
        }
    }
}
