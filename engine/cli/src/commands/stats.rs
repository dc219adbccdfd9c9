//! `atom stats`: prints or draws the number of segments in which each thing was seen, by hour.

use std::{collections::BTreeMap, env, path::PathBuf, process::ExitCode};

use atom_index::{
    SelectedSource, StandingQueryMaintainer, Store,
    stats::{Hour, Term, TermCount, containing, most_frequent},
};
use atom_pipelines::index_files;
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::{
    args::{DRAWING, IndexScopeArgs, open_output, write_output},
    output::{
        eprint_line, print_completeness, print_json, print_layout, stdout_columns,
        stdout_is_terminal,
    },
    stats_view::{TextHeatMapOptions, summary_table, svg_heat_map, text_heat_map},
};

/// Number of things in a table or heat map by default.
const DEFAULT_TOP: usize = 20;
/// Width of the output if neither the terminal nor the environment has one.
const DEFAULT_COLUMNS: usize = 80;

/// Count what was seen, by hour.
#[derive(Args)]
#[command(after_help = "\
A segment counts in the hour in which it starts. With --from and --to, all hours that the span touches count in full. \
Hours are those of the clock in this machine's time zone, or of the video if the start time of its source is unknown.

Examples:
  atom stats --from \"2026-11-22 06:00\"     everything seen since then
  atom stats --heat --top 10               the ten most frequent things by hour
  atom stats --only person --svg day.svg   an SVG heat map of people")]
pub struct Stats {
    #[command(flatten)]
    scope: IndexScopeArgs,
    /// Maximum number of things, the most frequent ones (default: 20, or all with --json).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top: Option<u32>,
    /// Only things with this word in their name. Can be repeated.
    #[arg(long = "only", value_name = "WORD")]
    only: Vec<String>,
    /// Print a heat map of things by hour.
    #[arg(long)]
    heat: bool,
    /// Write the heat map to this SVG file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "heat")]
    json: bool,
}

impl Stats {
    /// Prints or draws the statistics, and reports how far each source is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (store, filter) = (self.scope.open()?, self.scope.filter());
        let svg = self.svg.as_deref();
        let svg = svg
            .map(|path| open_output(path, DRAWING, index_files(store.path())))
            .transpose()?;
        let chosen = store.select(&filter)?.sources;
        let mut maintainer = StandingQueryMaintainer::counting(Store::open_existing(store.path())?);
        maintainer.step()?;
        let seen = containing(maintainer.counts(&filter), &self.only);
        if self.json {
            print_json(&self.json_object(&store, &chosen, &seen)?)?;
        } else {
            self.print(&seen)?;
        }
        if let (Some(file), Some(path)) = (svg, &self.svg) {
            let drawing = svg_heat_map(&seen, self.top(), &TimeZone::system());
            write_output(file, &drawing)?;
            eprint_line(&format!("heat map: {}", path.display()));
        }
        if !self.json {
            print_completeness(&complete_through(&chosen), &store.incomplete(&chosen)?);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Prints the table or the heat map; nothing if only an SVG is wanted.
    fn print(&self, seen: &[TermCount]) -> anyhow::Result<()> {
        let zone = TimeZone::system();
        let options = TextHeatMapOptions {
            columns: columns(),
            colour: colour_wanted(),
        };
        let text = match (self.heat, &self.svg) {
            _ if seen.is_empty() => {
                eprint_line("nothing was seen");
                return Ok(());
            }
            (true, _) => text_heat_map(seen, self.top(), options, &zone),
            (false, Some(_)) => return Ok(()),
            (false, None) => summary_table(seen, self.top(), options.columns, &zone),
        };
        print_layout(text.trim_end_matches('\n'))
    }

    fn json_object(
        &self,
        store: &Store,
        chosen: &[SelectedSource],
        seen: &[TermCount],
    ) -> anyhow::Result<Value> {
        let seen = match self.top {
            Some(top) => &most_frequent(seen.to_vec(), top as usize),
            None => seen,
        };
        let mut object = json!({
            "seen": seen.iter().map(seen_object).collect::<Vec<_>>(),
            "complete_through_ms": complete_through(chosen),
        });
        let incomplete = store.incomplete(chosen)?;
        if !incomplete.is_empty() {
            object["incomplete"] = serde_json::to_value(incomplete)?;
        }
        Ok(object)
    }

    fn top(&self) -> usize {
        self.top.map_or(DEFAULT_TOP, |top| top as usize)
    }
}

/// Returns the JSON object of a thing in an hour of a source.
fn seen_object(seen: &TermCount) -> Value {
    let mut object = json!({"source": seen.source, "segments": seen.segments});
    match seen.hour {
        Hour::Wall(_) => object["hour_utc"] = json!(seen.hour.utc()),
        Hour::Media(hour) => object["media_hour"] = json!(hour),
    }
    match &seen.term {
        Term::Concept(word) => object["concept"] = json!(word),
        Term::Answer { ask, text } => {
            object["ask"] = json!(ask);
            object["answer"] = json!(text);
        }
    }
    object
}

/// Returns the time through which each source is complete, in milliseconds.
fn complete_through(chosen: &[SelectedSource]) -> BTreeMap<String, u64> {
    let through = |one: &SelectedSource| (one.state.source.clone(), one.state.sealed_ms);
    chosen.iter().map(through).collect()
}

/// Returns the columns of the terminal; without a terminal, those of the variable `COLUMNS`.
fn columns() -> usize {
    let terminal = stdout_columns();
    let variable = || env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(variable).unwrap_or(DEFAULT_COLUMNS)
}

/// Returns true if stdout is a terminal and the user does not refuse colours by `NO_COLOR` (see no-color.org).
fn colour_wanted() -> bool {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout_is_terminal() && !unwanted
}
