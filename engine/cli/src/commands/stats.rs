//! `atom stats`: what was seen when, as a table, as a heat map in the terminal and as a picture.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

use crate::heat::{picture, shades, table};
use anyhow::Context;
use atom_index::{
    Chosen, Lookout, Store,
    stats::{Hour, Seen, What, most_frequent, only},
};
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{scope::Scope, terminal};

/// Things that are shown to people, if they do not say how many.
const TOP: usize = 20;
/// Columns of a terminal that does not tell how many it has.
const COLUMNS: usize = 80;

/// Tell what was seen when.
#[derive(Args)]
#[command(after_help = "\
A segment counts in the hour in which it begins, and all hours are told that the span touches: by the clock of this machine's time zone if it is known when its source began, else by the
time of the video.

Examples:
  atom stats --from \"2026-11-22 06:00\"     what was seen since then
  atom stats --heat --top 10               the ten most frequent things by hour
  atom stats --only person --svg day.svg   a picture of when people were seen")]
pub struct Stats {
    #[command(flatten)]
    scope: Scope,
    /// At most so many things, the most frequent ones; 20 for people, all in JSON if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Only things with this word in their name. May be given several times.
    #[arg(long = "only", value_name = "WORD")]
    only: Vec<String>,
    /// Show a heat map: things by hours.
    #[arg(long)]
    heat: bool,
    /// Draw the heat map into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "heat")]
    json: bool,
}

impl Stats {
    /// Prints or draws what was seen, and tells how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (store, filter) = (self.scope.open()?, self.scope.filter());
        let chosen = store.choose(&filter)?.sources;
        let mut lookout = Lookout::counting(Store::open_existing(store.path())?);
        lookout.step()?;
        let seen = only(lookout.seen(&filter), &self.only);
        if self.json {
            terminal::result(&self.object(&store, &chosen, &seen)?.to_string())?;
        } else {
            self.print(&seen)?;
        }
        if let Some(path) = &self.svg {
            let picture = picture(&seen, self.top(), &TimeZone::system());
            fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))?;
            terminal::tell(&format!("the heat map is {}", path.display()));
        }
        if !self.json {
            let through = through(&chosen);
            terminal::tell_extent(&through, &store.incomplete_in(&chosen)?);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints the table or the heat map; nothing where only a picture is wanted.
    fn print(&self, seen: &[Seen]) -> anyhow::Result<()> {
        let zone = TimeZone::system();
        let text = match (self.heat, &self.svg) {
            _ if seen.is_empty() => {
                terminal::tell("nothing was seen");
                return Ok(());
            }
            (true, _) => shades(seen, self.top(), columns(), in_colour(), &zone),
            (false, Some(_)) => return Ok(()),
            (false, None) => table(seen, self.top(), columns(), &zone),
        };
        Ok(terminal::result(text.trim_end_matches('\n'))?)
    }

    fn object(&self, store: &Store, chosen: &[Chosen], seen: &[Seen]) -> anyhow::Result<Value> {
        let seen = match self.top {
            Some(top) => &most_frequent(seen.to_vec(), top as usize),
            None => seen,
        };
        let mut object = json!({
            "seen": seen.iter().map(told).collect::<Vec<_>>(),
            "complete_through_ms": through(chosen),
        });
        let incomplete = store.incomplete_in(chosen)?;
        if !incomplete.is_empty() {
            object["incomplete"] = serde_json::to_value(incomplete)?;
        }
        Ok(object)
    }

    fn top(&self) -> usize {
        self.top.map_or(TOP, |top| top as usize)
    }
}

fn told(seen: &Seen) -> Value {
    let mut told = json!({"source": seen.source, "segments": seen.segments});
    match seen.hour {
        Hour::Wall(_) => told["hour_utc"] = json!(seen.hour.utc()),
        Hour::Media(hour) => told["media_hour"] = json!(hour),
    }
    match &seen.what {
        What::Concept(word) => told["concept"] = json!(word),
        What::Answer { ask, text } => {
            told["ask"] = json!(ask);
            told["answer"] = json!(text);
        }
    }
    told
}

fn through(chosen: &[Chosen]) -> BTreeMap<String, u64> {
    let through = |one: &Chosen| (one.state.source.clone(), one.state.sealed_ms);
    chosen.iter().map(through).collect()
}

/// Columns of the terminal; where there is none, what the environment says.
fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(io::stdout());
    let told = || env::var("COLUMNS").ok()?.parse().ok();
    let columns = terminal.map(|(columns, _)| usize::from(columns.0));
    columns.or_else(told).unwrap_or(COLUMNS)
}

/// Whether colours are shown: to people only, and not to those who do not want any (see no-color.org).
fn in_colour() -> bool {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !unwanted
}
