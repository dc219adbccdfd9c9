//! `atom search`: finds moments in what was indexed.

use std::{collections::BTreeMap, process::ExitCode};

use atom_index::{Hits, Moment, Query, Store, wanted_text};
use atom_models::{Meters, Pack};
use clap::Args;
use serde::Serialize;

use super::{
    scope::{Packs, Scope},
    terminal,
};

/// Find moments in what was indexed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom search \"a dog on the beach\"
  atom search 'bicycle -car \"parked on\"'     without cars, with these words together
  atom search rain --source 'yard*' --from \"2026-11-22 14:05\"
  atom search rain --wait-until 10:00           when the first ten minutes are indexed")]
pub struct Search {
    /// What to look for. Words in quotes stand together; a minus before a word leaves out what has it.
    query: String,
    #[command(flatten)]
    scope: Scope,
    /// At most so many hits.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// The hits after those of another search of the same words, by what it told as `next`.
    #[arg(long, value_name = "TOKEN")]
    page: Option<String>,
    /// In JSON, also tell neighbouring hits as one moment; for people they always are.
    #[arg(long, requires = "json")]
    moments: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Search {
    /// Prints the hits, best first, and how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.scope.open()?;
        let wanted = wanted_text(&self.query);
        let vectors = match wanted.trim().is_empty() {
            true => BTreeMap::new(),
            false => self.vectors(&store, &wanted)?,
        };
        let hits = store.search(&Query {
            text: self.query.clone(),
            vectors,
            limit: self.limit as usize,
            filter: self.scope.filter(),
            page: self.page.clone(),
        })?;
        match self.json {
            true => {
                let moments = self.moments.then(|| hits.moments());
                let told = Told { hits, moments };
                terminal::result(&serde_json::to_string(&told)?)?;
            }
            false => print(&hits)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The query as a vector of each pack that made some of the index. What was made by one that is not installed can only be
    /// found by words, which is told.
    fn vectors(&self, store: &Store, text: &str) -> anyhow::Result<BTreeMap<String, Vec<f32>>> {
        let packs = Packs::of(store, &self.scope.filter())?;
        for id in &packs.missing {
            terminal::tell(&format!(
                "pack {id} is not installed: what it made is found by words only; `atom store upgrade` makes it anew"
            ));
        }
        let vector = |pack: &Pack| {
            let mut encoder = pack.text(Meters::default().text)?;
            Ok((pack.id(), encoder.embed(text)?))
        };
        packs.installed.iter().map(vector).collect()
    }
}

/// Hits as JSON.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    hits: Hits,
    #[serde(skip_serializing_if = "Option::is_none")]
    moments: Option<Vec<Moment>>,
}

fn print(hits: &Hits) -> anyhow::Result<()> {
    for moment in hits.moments() {
        let times = terminal::span(moment.start_ms, Some(moment.end_ms));
        let best = &hits.hits[moment.hits[0]];
        terminal::result(&format!(
            "{:.4}  {times}  {}  {}",
            moment.score,
            moment.source,
            terminal::marked(&best.text, best.snippet.as_deref())
        ))?;
    }
    if hits.hits.is_empty() {
        terminal::tell("nothing found");
    }
    if let Some(next) = &hits.next {
        terminal::tell(&format!("there is more: --page {next}"));
    }
    terminal::tell_extent(&hits.complete_through_ms, &hits.incomplete);
    Ok(())
}
