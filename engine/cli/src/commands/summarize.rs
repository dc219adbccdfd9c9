//! `atom summarize`: summarizes the videos in an index.

use std::process::ExitCode;

use atom_runtime::index_summarizer::{Summaries, summarize_index};
use clap::Args;

use crate::{
    args::IndexScopeArgs,
    output::{print_completeness, print_json, print_line, time_range},
};

/// Summarize indexed videos, minute by minute and as a whole.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom summarize
  atom summarize --source door.mp4 --from 10:00 --to 20:00

A summary consists of captions with their times. A caption is used only if tags, objects or other captions support it; \
those that cover most of the video are chosen, in order of time.")]
pub struct Summarize {
    #[command(flatten)]
    scope: IndexScopeArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Summarize {
    /// Prints the summaries, and how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.scope.open()?;
        let summaries = summarize_index(&store, &self.scope.filter())?;
        match self.json {
            true => print_json(&summaries)?,
            false => print(&summaries)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(summaries: &Summaries) -> anyhow::Result<()> {
    let times = |start_ms, end_ms| time_range(start_ms, Some(end_ms));
    for summary in &summaries.summaries {
        print_line(&format!(
            "{}  {}  {}",
            times(summary.start_ms, summary.end_ms),
            summary.source,
            summary.text
        ))?;
        // A summary of one minute is the same as that minute.
        for minute in summary.minutes.iter().filter(|_| summary.minutes.len() > 1) {
            print_line(&format!(
                "  {}  {}",
                times(minute.start_ms, minute.end_ms),
                minute.text
            ))?;
        }
    }
    if summaries.summaries.is_empty() {
        print_line("There is no video in that span.")?;
    }
    print_completeness(
        &summaries.extent.complete_through_ms,
        &summaries.extent.incomplete,
    );
    Ok(())
}
