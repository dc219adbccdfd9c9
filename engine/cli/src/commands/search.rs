//! `atom search`: finds moments in an index.

use std::{collections::BTreeMap, process::ExitCode};

use atom_index::{Hit, HitGroup, Hits, Query, Store, text_to_embed};
use atom_models::{Meters, Pack};
use atom_operators::printable::printable;
use clap::Args;
use serde::Serialize;

use crate::{
    args::IndexScopeArgs,
    index_packs::IndexPacks,
    output::{
        MomentText, Player, eprint_line, print_completeness, print_json, print_layout, print_line,
        stdout_is_terminal,
    },
};

/// Search indexed videos for moments.
#[derive(Args)]
#[command(after_help = "\
Each line of the output is a moment: its score, its times, the date if it is known, the source, a caption and the path. \
Scores compare within one search only.

Examples:
  atom search \"a dog on the beach\"
  atom search 'bicycle -car \"parked on\"'     without \"car\", with the words \"parked on\" together
  atom search rain --source 'yard*' --from \"2026-11-22 14:05\"
  atom search rain --wait-until 10:00        wait until the first ten minutes are indexed
  atom search rain --open                    with the command line that plays each moment")]
pub struct Search {
    /// Words to search for. Words in quotes must be together; a minus excludes segments with that word.
    query: String,
    #[command(flatten)]
    scope: IndexScopeArgs,
    /// Maximum number of hits. Without --json, neighbouring hits are printed as one moment.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Continue an earlier search for the same words, with the token that it printed (`next` in JSON).
    #[arg(long, value_name = "TOKEN")]
    page: Option<String>,
    /// With --json, also group neighbouring hits into moments, as the text output does.
    #[arg(long, requires = "json")]
    moments: bool,
    /// Print below each moment the command line that plays it.
    #[arg(long, conflicts_with = "json")]
    open: bool,
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
            false => self.print(&store, &hits)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print(&self, store: &Store, hits: &Hits) -> anyhow::Result<()> {
        let player = self.player();
        for moment in hits.groups() {
            let (text, best) = moment_text(hits, &moment);
            print_layout(&format!(
                "{:.4}  {}  {}{}",
                moment.score,
                printable(&text.times_and_source()),
                highlighted(&printable(&best.text), best.snippet.as_deref()),
                printable(&text.path_in_parentheses())
            ))?;
            if let Some(player) = player {
                print_command(player, store, &moment)?;
            }
        }
        if hits.hits.is_empty() {
            eprint_line("nothing found");
        }
        if let Some(next) = &hits.next {
            eprint_line(&format!("more hits: --page {next}"));
        }
        print_completeness(&hits.complete_through_ms, &hits.incomplete);
        Ok(())
    }

    /// Returns the player for the command lines, if they are wanted; reports if none is installed.
    fn player(&self) -> Option<Player> {
        if !self.open {
            return None;
        }
        let player = Player::find();
        if player.is_none() {
            eprint_line(&format!(
                "cannot print command lines: no video player is installed; install {}",
                Player::NAMES
            ));
        }
        player
    }

    /// Embeds the query with each pack that made some of the index, by pack id. Rows of packs that are not installed can
    /// only be found by words, which is reported.
    fn vectors(&self, store: &Store, text: &str) -> anyhow::Result<BTreeMap<String, Vec<f32>>> {
        let packs = IndexPacks::open(store, &self.scope.filter())?;
        for id in &packs.missing {
            eprint_line(&format!(
                "pack {id} is not installed: segments indexed with it are found by words only; install it, or index them again with an installed pack"
            ));
        }
        let vector = |pack: &Pack| {
            let mut encoder = pack.text(Meters::default().text)?;
            Ok((pack.id(), encoder.embed(text)?))
        };
        let embedding = packs
            .installed
            .iter()
            .filter(|pack| pack.has_text_encoder());
        embedding.map(vector).collect()
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

/// Prints the command line that plays a moment, or why there is none.
fn print_command(player: Player, store: &Store, moment: &HitGroup) -> anyhow::Result<()> {
    let source = &moment.source;
    match store.path_of(source)? {
        Some(path) if path.exists() => {
            let command = player.command(&path, moment.start_ms);
            print_line(&format!("  {command}"))?;
        }
        Some(_) => eprint_line(&format!(
            "{source} cannot be played: its file no longer exists"
        )),
        None => eprint_line(&format!(
            "{source} cannot be played: the index has no file for it"
        )),
    }
    Ok(())
}

/// Returns a moment as text, and its best hit.
fn moment_text<'h>(hits: &'h Hits, moment: &'h HitGroup) -> (MomentText<'h>, &'h Hit) {
    let best = &hits.hits[moment.hits[0]];
    let of_moment = moment.hits.iter().map(|at| &hits.hits[*at]);
    let first = of_moment.min_by_key(|hit| hit.start_ms).unwrap_or(best);
    let text = MomentText {
        source: &moment.source,
        path: best.path.as_deref(),
        span_ms: (moment.start_ms, moment.end_ms),
        start_utc: first.start_utc.as_deref(),
    };
    (text, best)
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
