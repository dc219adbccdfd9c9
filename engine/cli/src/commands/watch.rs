//! `atom watch`: prints events of standing queries as they happen.

use std::{path::PathBuf, process::ExitCode, thread, time::Duration};

use atom_index::Store;
use clap::Args;

use crate::{
    args::index_path,
    output::{eprint_line, event_line, match_line, print_layout, print_line},
    signals::cancel_on_ctrl_c,
};

/// Time between two checks for new events; a check reads one number.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Number of events that are read at a time.
const BATCH: usize = 1000;

/// Print events of standing queries until Ctrl-C.
#[derive(Args)]
#[command(after_help = "\
Events occur while another program writes to the index, such as `atom index` or `atom run`.

Examples:
  atom watch van                           the current matches, then each change
  atom watch --json --after 0              all stored events of all queries, then new ones")]
pub struct Watch {
    /// Names of queries; without one, all queries.
    queries: Vec<String>,
    /// Start after the event with this number, without the current matches.
    #[arg(long, value_name = "ID")]
    after: Option<u64>,
    /// Index file (default: atom/atom.db in $XDG_DATA_HOME or ~/.local/share).
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Print events as JSON, one object per line.
    #[arg(long)]
    json: bool,
}

impl Watch {
    /// Prints events until Ctrl-C.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = Store::open_existing(&index_path(self.store.as_deref(), false)?)?;
        let names = match self.queries.is_empty() {
            true => store
                .queries()?
                .into_iter()
                .map(|query| query.name)
                .collect(),
            false => self.queries.clone(),
        };
        for name in &names {
            store.query(name)?;
        }
        let stop = cancel_on_ctrl_c()?;
        let mut last_event = match self.after {
            Some(after) => after,
            None => store.newest_event()?,
        };
        if self.after.is_none() && !self.json {
            self.print_matches(&store, &names)?;
        }
        let mut last_version = None;
        while !stop.is_cancelled() {
            let version = store.data_version()?;
            if last_version.replace(version) != Some(version) {
                last_event = self.print_events(&store, last_event)?;
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints the present matches.
    fn print_matches(&self, store: &Store, names: &[String]) -> anyhow::Result<()> {
        for name in names {
            for found in store.matches(name)? {
                print_line(&format!("{name}: now  {}", match_line(&found)))?;
            }
        }
        if names.is_empty() {
            eprint_line("there are no standing queries; add one with: atom query add NAME TEXT");
        }
        Ok(())
    }

    /// Prints all events after the one of this number, and returns the number of the last one.
    fn print_events(&self, store: &Store, mut last_event: u64) -> anyhow::Result<u64> {
        loop {
            let events = store.events(last_event, BATCH)?;
            let Some(last) = events.last() else {
                return Ok(last_event);
            };
            last_event = last.id;
            for event in &events {
                if self.queries.is_empty() || self.queries.contains(&event.query) {
                    match self.json {
                        true => print_layout(&event.json())?,
                        false => print_line(&event_line(event))?,
                    }
                }
            }
        }
    }
}
