//! `atom search`: finds moments in what was indexed.

use std::{path::PathBuf, process::ExitCode};

use atom::store::{Hits, Query, Store, wanted_text};
use atom_models::{Meters, Pack};
use atom_operators::data::MediaTime;
use clap::Args;

use super::{index::default_store, terminal};

/// Find moments in what was indexed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom search \"a dog on the beach\"
  atom search 'bicycle -car \"parked on\"'     without cars, with these words together")]
pub struct Search {
    /// What to look for. Words in quotes stand together; a minus before a word leaves out what has it.
    query: String,
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// At most so many hits.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only what is shown at or after this time: seconds, or [HH:]MM:SS.
    #[arg(long, value_name = "T", value_parser = millis)]
    from: Option<u64>,
    /// Only what is shown before this time.
    #[arg(long, value_name = "T", value_parser = millis)]
    to: Option<u64>,
    /// Only in this source.
    #[arg(long)]
    source: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Reads `90`, `90.5`, `1:30` or `01:01:30` as milliseconds.
fn millis(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no time; expected seconds or [HH:]MM:SS, for example 90 or 1:30");
    let mut seconds = 0.0;
    for part in text.split(':') {
        let number: f64 = part
            .parse()
            .ok()
            .filter(|n| (0.0..1e9).contains(n))
            .ok_or_else(wrong)?;
        seconds = seconds * 60.0 + number;
    }
    Ok((seconds * 1000.0) as u64)
}

impl Search {
    /// Prints the hits, best first, and how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let path = match &self.store {
            Some(path) => path.clone(),
            None => default_store(false)?,
        };
        let store = Store::open_existing(&path)?;
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
            from_ms: self.from,
            to_ms: self.to,
            source: self.source.clone(),
        })?;
        match self.json {
            true => terminal::result(&serde_json::to_string(&hits)?)?,
            false => print(&hits)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The query as a vector of the pack that made the index.
    fn vector(&self, store: &Store, text: &str) -> anyhow::Result<Vec<f32>> {
        let sources = store.sources()?;
        let key = sources
            .iter()
            .find(|source| source.current)
            .map_or("mini", |source| source.pack.as_str());
        // NAME-VERSION-SETTINGS
        let name = key.rsplitn(3, '-').last().unwrap_or(key);
        let mut encoder = Pack::open(name)?.text(Meters::default().text)?;
        Ok(encoder.embed(text)?)
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
    for (source, through) in &hits.complete_through_ms {
        terminal::tell(&format!(
            "complete through {}  {source}",
            MediaTime::from_millis(*through)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        assert_eq!(
            ["90", "1:30", "00:01:30.5"].map(|text| millis(text).unwrap()),
            [90_000, 90_000, 90_500]
        );
        for wrong in ["", "x", "1:-2", "1e99"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
    }
}
