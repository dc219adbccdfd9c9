//! `atom summarize`: says what happened in what was indexed.

use std::process::ExitCode;

use atom_models::{Meters, Scheduler, scheduler::Settings};
use atom_operators::data::MediaTime;
use atom_runtime::summarize::{Summaries, Summarizer};
use clap::Args;

use super::{
    scope::{Packs, Scope},
    terminal,
};

/// Say what happened, minute by minute and in all.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom summarize
  atom summarize --source door.mp4 --from 10:00 --to 20:00")]
pub struct Summarize {
    #[command(flatten)]
    scope: Scope,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Summarize {
    /// Prints the summaries, and how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut store = self.scope.open()?;
        let filter = self.scope.filter();
        let pack = Packs::of(&store, &filter)?.newest()?;
        let decoder = pack.decoder(Meters::default().decoder)?;
        let mut summarizer = Summarizer {
            scheduler: Scheduler::new(decoder, Settings::default()),
            connector: pack.connector().clone(),
        };
        let told = summarizer.summarize(&mut store, &filter)?;
        match self.json {
            true => terminal::result(&serde_json::to_string(&told)?)?,
            false => print(&told)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print(told: &Summaries) -> anyhow::Result<()> {
    let times = |start, end| {
        format!(
            "{} - {}",
            MediaTime::from_millis(start),
            MediaTime::from_millis(end)
        )
    };
    for summary in &told.summaries {
        let times_of_all = times(summary.start_ms, summary.end_ms);
        terminal::result(&format!(
            "{times_of_all}  {}  {}",
            summary.source, summary.text
        ))?;
        // One minute has been told with all of it.
        for minute in summary.minutes.iter().filter(|_| summary.minutes.len() > 1) {
            terminal::result(&format!(
                "  {}  {}",
                times(minute.start_ms, minute.end_ms),
                minute.text
            ))?;
        }
    }
    if told.summaries.is_empty() {
        terminal::result("There is no video in that span.")?;
    }
    terminal::tell_extent(&told.extent.complete_through_ms, &told.extent.incomplete);
    Ok(())
}
