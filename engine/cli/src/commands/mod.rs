//! The commands of the program, one file each.
//!
//! Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.

mod ask;
mod bench;
mod caption;
mod check;
mod docs;
mod eval;
mod graph;
mod index;
mod models;
mod query;
mod run;
mod search;
mod stats;
mod store;
mod summarize;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::logging::LogFormat;

/// Watches video and puts it into words, on the machine where the video is.
#[derive(Parser)]
#[command(
    name = "atom",
    version,
    after_help = "\
Examples:
  atom caption holiday.mp4                 captions of a video, as WebVTT
  atom index recordings/                   make a folder of recordings searchable
  atom search \"a dog on the beach\"         find the moment
  atom ask \"What is the dog doing?\"        an answer, and the moments it rests on
  atom query add van \"a delivery van\"    keep what matches best; then: atom watch van
  atom summarize                           what happened, minute by minute
  atom run three-branches.toml --source video=holiday.mp4"
)]
pub struct Arguments {
    /// Say more about what happens, on stderr; twice for every segment.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How log lines on stderr are written.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub log_format: LogFormat,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// A command with its arguments.
#[derive(Subcommand)]
pub enum Command {
    /// Run pipeline files over their sources, from the beginning to the end.
    Run(run::Run),
    /// Caption one video.
    Caption(caption::Caption),
    /// Make recordings searchable; goes on where it stopped.
    Index(index::Index),
    /// Find moments in what was indexed.
    Search(search::Search),
    /// Answer a question about what was indexed.
    Ask(ask::Ask),
    /// Say what happened, minute by minute and in all.
    Summarize(summarize::Summarize),
    /// Keep the best matches of a text up to date.
    Query(query::Query),
    /// Tell what comes to and leaves the best of standing queries.
    Watch(watch::Watch),
    /// Tell what was seen when.
    Stats(stats::Stats),
    /// Take care of the index: check, back up, compact, see what is in it.
    Store(store::StoreCommand),
    /// Check pipeline files without running them.
    Check(check::Check),
    /// Draw pipeline files as a graph.
    Graph(graph::Graph),
    /// Explain the kinds of nodes, sources and sinks.
    Docs(docs::Docs),
    /// Measure a pack by files that people described.
    Eval(eval::Eval),
    /// Measure on this machine what sharing modules saves.
    Bench(bench::Bench),
    /// Install, list and verify packs of models.
    Models(models::Models),
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
        }
    }
}
