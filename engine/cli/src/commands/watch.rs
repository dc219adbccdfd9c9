//! `atom watch`: what comes to and leaves the best of standing queries, as it does.

use std::{path::PathBuf, process::ExitCode, thread, time::Duration};

use atom_index::{QueryEvent, Store};
use clap::Args;

use super::{over::store_path, query, terminal};

/// Between two looks whether there is something new; a look reads one number.
const LOOK: Duration = Duration::from_millis(100);
/// So many events are read at a time.
const AT_ONCE: usize = 1000;

/// Tell what comes to and leaves the best of standing queries, until Ctrl-C.
#[derive(Args)]
#[command(after_help = "\
Something comes when a program indexes into the store: atom run, atom index.

Examples:
  atom watch van                           what matches now, then what comes and goes
  atom watch --json --after 0              every event that is kept, of all queries, then new ones")]
pub struct Watch {
    /// Only these queries; without one, all.
    queries: Vec<String>,
    /// Begin after the event of this number, and do not tell what matches now.
    #[arg(long, value_name = "ID")]
    after: Option<u64>,
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Print events as JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl Watch {
    /// Tells events until Ctrl-C.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = Store::open_existing(&store_path(self.store.as_deref(), false)?)?;
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
        let stop = terminal::stop_on_signal()?;
        let mut told = match self.after {
            Some(after) => after,
            None => store.newest_event()?,
        };
        if self.after.is_none() && !self.json {
            self.now(&store, &names)?;
        }
        let mut seen = None;
        while !stop.is_cancelled() {
            let version = store.version()?;
            if seen.replace(version) != Some(version) {
                told = self.tell(&store, told)?;
            }
            thread::sleep(LOOK);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Tells what matches now.
    fn now(&self, store: &Store, names: &[String]) -> anyhow::Result<()> {
        for name in names {
            for found in store.matches(name)? {
                terminal::result(&format!("{name}: now  {}", query::line(&found)))?;
            }
        }
        if names.is_empty() {
            terminal::tell("there are no queries; add one with: atom query add NAME TEXT");
        }
        Ok(())
    }

    /// Tells all events after one; gives the newest.
    fn tell(&self, store: &Store, mut told: u64) -> anyhow::Result<u64> {
        loop {
            let events = store.events(told, AT_ONCE)?;
            let Some(last) = events.last() else {
                return Ok(told);
            };
            told = last.id;
            for event in &events {
                if self.queries.is_empty() || self.queries.contains(&event.query) {
                    let line = if self.json { event.json() } else { line(event) };
                    terminal::result(&line)?;
                }
            }
        }
    }
}

/// An event as a line.
pub fn line(event: &QueryEvent) -> String {
    let segment = &event.segment;
    format!(
        "{}: {}  {:.2}  {}  {}  {}",
        event.query,
        event.event.name(),
        event.score,
        terminal::span(segment.start_ms, Some(segment.end_ms)),
        segment.source,
        event.text.as_deref().unwrap_or("(gone)")
    )
}
