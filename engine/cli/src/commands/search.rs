//! `atom search`: finds moments in an index.

use std::{collections::BTreeMap, process::ExitCode};

use atom_index::{HitGroup, Hits, Query, Store, text_to_embed};
use atom_models::{Meters, Pack};
use atom_operators::printable::printable;
use clap::Args;
use serde::Serialize;

use crate::{
    args::IndexScopeArgs,
    index_packs::IndexPacks,
    output::{
        eprint_line, print_completeness, print_json, print_layout, stdout_is_terminal, time_range,
    },
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
    scope: IndexScopeArgs,
    /// At most so many hits.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// The hits after those of another search of the same words, by its value of `next`.
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
        let text = text_to_embed(&self.query);
        let vectors = match text.trim().is_empty() {
            true => BTreeMap::new(),
            false => self.vectors(&store, &text)?,
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
                let moments = self.moments.then(|| hits.groups());
                let object = SearchResult { hits, moments };
                print_json(&object)?;
            }
            false => print(&hits)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Embeds the query with each pack that made some of the index, by pack id. Rows of packs that are not installed can
    /// only be found by words, which is reported.
    fn vectors(&self, store: &Store, text: &str) -> anyhow::Result<BTreeMap<String, Vec<f32>>> {
        let packs = IndexPacks::open(store, &self.scope.filter())?;
        for id in &packs.missing {
            eprint_line(&format!(
                "pack {id} is not installed: what it made is found by words only, until it is indexed again with an installed pack"
            ));
        }
        let vector = |pack: &Pack| {
            let mut encoder = pack.text(Meters::default().text)?;
            Ok((pack.id(), encoder.embed(text)?))
        };
        packs.installed.iter().map(vector).collect()
    }
}

/// The JSON object of a search.
#[derive(Serialize)]
struct SearchResult {
    #[serde(flatten)]
    hits: Hits,
    #[serde(skip_serializing_if = "Option::is_none")]
    moments: Option<Vec<HitGroup>>,
}

fn print(hits: &Hits) -> anyhow::Result<()> {
    for moment in hits.groups() {
        let times = time_range(moment.start_ms, Some(moment.end_ms));
        let best = &hits.hits[moment.hits[0]];
        print_layout(&format!(
            "{:.4}  {times}  {}  {}",
            moment.score,
            printable(&moment.source),
            highlighted(&printable(&best.text), best.snippet.as_deref())
        ))?;
    }
    if hits.hits.is_empty() {
        eprint_line("nothing found");
    }
    if let Some(next) = &hits.next {
        eprint_line(&format!("there is more: --page {next}"));
    }
    print_completeness(&hits.complete_through_ms, &hits.incomplete);
    Ok(())
}

/// Returns a printable text with the matched words in bold, if stdout is a terminal. The snippet has them in brackets; a snippet
/// that is not part of the text is added to it.
fn highlighted(text: &str, snippet: Option<&str>) -> String {
    let bold = |snippet: &str| {
        printable(snippet)
            .replace('[', "\x1b[1m")
            .replace(']', "\x1b[0m")
    };
    match snippet {
        Some(snippet) if stdout_is_terminal() => {
            let plain = printable(snippet).replace(['[', ']'], "");
            match text.contains(&plain) {
                true => text.replacen(&plain, &bold(snippet), 1),
                false => format!("{text}  ({})", bold(snippet)),
            }
        }
        _ => text.to_owned(),
    }
}
