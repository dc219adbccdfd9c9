//! `atom search`: finds moments in what was indexed.

use std::process::ExitCode;

use atom::store::{Hits, Query, Store, wanted_text};
use atom_models::Meters;
use atom_operators::data::MediaTime;
use clap::Args;

use super::{
    scope::{Scope, pack_of},
    terminal,
};

/// Find moments in what was indexed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom search \"a dog on the beach\"
  atom search 'bicycle -car \"parked on\"'     without cars, with these words together")]
pub struct Search {
    /// What to look for. Words in quotes stand together; a minus before a word leaves out what has it.
    query: String,
    #[command(flatten)]
    scope: Scope,
    /// At most so many hits.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Search {
    /// Prints the hits, best first, and how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.scope.open()?;
        let wanted = wanted_text(&self.query);
        let vector = if wanted.trim().is_empty() {
            None
        } else {
            Some(self.vector(&store, &wanted)?)
        };
        let hits = store.search(&Query {
            text: self.query.clone(),
            vector,
            limit: self.limit as usize,
            from_ms: self.scope.from,
            to_ms: self.scope.to,
            source: self.scope.source.clone(),
        })?;
        match self.json {
            true => terminal::result(&serde_json::to_string(&hits)?)?,
            false => print(&hits)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The query as a vector of the pack that made the index.
    fn vector(&self, store: &Store, text: &str) -> anyhow::Result<Vec<f32>> {
        let pack = pack_of(store, self.scope.source.as_deref())?;
        Ok(pack.text(Meters::default().text)?.embed(text)?)
    }
}

fn print(hits: &Hits) -> anyhow::Result<()> {
    for hit in &hits.hits {
        let (start, end) = (
            MediaTime::from_millis(hit.start_ms),
            MediaTime::from_millis(hit.end_ms),
        );
        terminal::result(&format!(
            "{:.4}  {start} - {end}  {}  {}",
            hit.score, hit.source, hit.text
        ))?;
    }
    if hits.hits.is_empty() {
        terminal::tell("nothing found");
    }
    terminal::tell_extent(&hits.complete_through_ms, &[]);
    Ok(())
}
