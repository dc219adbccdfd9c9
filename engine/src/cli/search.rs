//! `atom search`: finds moments in what was indexed.

use std::process::ExitCode;

use atom::store::{Hits, Incomplete, Moment, Query, Store, Why, wanted_text};
use atom_models::Meters;
use atom_operators::data::MediaTime;
use clap::Args;
use serde::Serialize;

use super::{
    scope::{Scope, pack_of},
    terminal,
};

/// Stretches that are not complete of which people are told.
const MOST_LINES: usize = 10;

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
        let vector = if wanted.trim().is_empty() {
            None
        } else {
            Some(self.vector(&store, &wanted)?)
        };
        let hits = store.search(&Query {
            text: self.query.clone(),
            vector,
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

    /// The query as a vector of the pack that made the index.
    fn vector(&self, store: &Store, text: &str) -> anyhow::Result<Vec<f32>> {
        let pack = pack_of(store, &self.scope.filter())?;
        Ok(pack.text(Meters::default().text)?.embed(text)?)
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
        let times = span(moment.start_ms, Some(moment.end_ms));
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
    terminal::tell_extent(&hits.complete_through_ms, &[]);
    for one in hits.incomplete.iter().take(MOST_LINES) {
        terminal::tell(&line(one));
    }
    if let Some(more @ 1..) = hits.incomplete.len().checked_sub(MOST_LINES) {
        terminal::tell(&format!("not complete: {more} more stretches"));
    }
    Ok(())
}

fn line(one: &Incomplete) -> String {
    let why = match one.why {
        Why::Waiting => "not indexed yet".to_owned(),
        Why::Lost => "the source gave no pictures".to_owned(),
        Why::Failed if one.stages.is_empty() => "nothing could be made of it".to_owned(),
        Why::Failed => format!("failed: {}", one.stages.join(", ")),
    };
    let times = span(one.from_ms, one.to_ms);
    format!("not complete: {times}  {}  {why}", one.source)
}

fn span(start_ms: u64, end_ms: Option<u64>) -> String {
    let start = MediaTime::from_millis(start_ms);
    match end_ms.map(MediaTime::from_millis) {
        Some(end) => format!("{start} - {end}"),
        None => format!("{start} - "),
    }
}
