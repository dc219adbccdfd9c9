//! `atom query`: adds, lists, shows and removes standing queries of an index.

use std::process::ExitCode;

use atom_index::{Filter, StandingQuery, StandingQueryMaintainer, Store};
use atom_operators::{counted::counted, standing::query::QuerySpec};
use clap::{Args, Subcommand};
use jiff::{Span, SpanRelativeTo, Unit};
use serde_json::json;

use crate::{
    args::IndexArgs,
    output::{eprint_line, match_line, print_json, print_line},
};

/// Manage standing queries, whose best matches are kept up to date.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom query add van \"a delivery van at the gate\" --within 24h
  atom query list
  atom query show van
  atom watch van                           print matches as they are added and removed
  atom query remove van")]
pub struct Query {
    #[command(subcommand)]
    action: QueryAction,
    #[command(flatten)]
    index: IndexArgs,
}

#[derive(Subcommand)]
enum QueryAction {
    /// Add or replace a query, and search the index for its matches.
    #[command(after_help = "\
Examples:
  atom query add van \"a delivery van at the gate\" --within 24h
  atom query add night \"Is there a person?\" --source 'yard*' --best 20")]
    Add(AddArgs),
    /// List all queries with their settings.
    #[command(after_help = "Example:\n  atom query list")]
    List,
    /// Show the current matches of a query, best first.
    #[command(after_help = "Example:\n  atom query show van")]
    Show {
        /// Name of the query.
        name: String,
    },
    /// Remove a query and its matches.
    #[command(after_help = "Example:\n  atom query remove van")]
    Remove {
        /// Name of the query.
        name: String,
    },
}

#[derive(Args)]
struct AddArgs {
    /// Name of the query; an existing query with this name is replaced.
    name: String,
    /// Text to match, such as "a delivery van at the gate", or a question that is answered with yes.
    text: String,
    /// Number of matches to keep, the best ones.
    #[arg(long, value_name = "N", default_value_t = QuerySpec::new("").best)]
    best: u32,
    /// Minimum probability of a match, 0.05 to 1.
    #[arg(long, value_name = "PROBABILITY", default_value_t = QuerySpec::new("").threshold)]
    threshold: f64,
    /// Keep only matches that are at most this much older than the newest segment, such as 30min, 24h or 7d.
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    within: Option<u64>,
    /// Only this source; `*` matches any characters. Can be repeated.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
}

/// Parses a duration, such as 30min, 24h or 7d, into seconds.
fn parse_span(text: &str) -> Result<u64, String> {
    let invalid = || format!("{text:?} is not a duration; expected for example 30min, 24h or 7d");
    let span: Span = text.parse().map_err(|_| invalid())?;
    let relative = SpanRelativeTo::days_are_24_hours();
    let seconds = span
        .total((Unit::Second, relative))
        .map_err(|_| invalid())?;
    match seconds >= 1.0 {
        true => Ok(seconds as u64),
        false => Err(format!(
            "{text:?} is too short; expected at least one second"
        )),
    }
}

impl Query {
    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let adding = matches!(self.action, QueryAction::Add(_));
        let path = self.index.path(adding)?;
        let store = match adding {
            true => Store::open(&path)?,
            false => Store::open_existing(&path)?,
        };
        match &self.action {
            QueryAction::Add(add) => self.add(store, add)?,
            QueryAction::List => self.list(&store)?,
            QueryAction::Show { name } => self.show(&store, name)?,
            QueryAction::Remove { name } => {
                let mut store = store;
                store.remove_query(name)?;
                let line = format!("{name}: removed");
                self.index.print(&[line], &json!({ "removed": name }))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn add(&self, mut store: Store, add: &AddArgs) -> anyhow::Result<()> {
        let spec = QuerySpec {
            text: add.text.clone(),
            best: add.best,
            threshold: add.threshold,
            within_seconds: add.within,
            sources: add.sources.clone(),
        };
        store.add_query(&add.name, &spec)?;
        let store = update_matches(store)?;
        self.show(&store, &add.name)
    }

    fn list(&self, store: &Store) -> anyhow::Result<()> {
        let queries = store.queries()?;
        if self.index.json {
            return print_json(&json!({ "queries": queries }));
        }
        for query in &queries {
            let matches = store.matches(&query.name)?.len();
            print_line(&format!(
                "{}: {}  {}",
                query.name,
                query.spec.text,
                query_settings(query, matches)
            ))?;
        }
        if queries.is_empty() {
            eprint_line("there are no standing queries; add one with: atom query add NAME TEXT");
        }
        Ok(())
    }

    fn show(&self, store: &Store, name: &str) -> anyhow::Result<()> {
        let query = store.query(name)?;
        let matches = store.matches(name)?;
        if self.index.json {
            return print_json(&json!({ "query": query, "matches": matches }));
        }
        for found in &matches {
            print_line(&match_line(found))?;
        }
        eprint_line(&format!(
            "{name}: {}  {}",
            query.spec.text,
            query_settings(&query, matches.len())
        ));
        Ok(())
    }
}

/// Formats the limits of a query, and the number of its matches.
fn query_settings(query: &StandingQuery, matches: usize) -> String {
    let spec = &query.spec;
    let within = spec
        .within_seconds
        .map(|seconds| format!(", within {}", format_span(seconds)));
    let sources = (!spec.sources.is_empty()).then(|| format!(", in {}", spec.sources.join(", ")));
    format!(
        "({} of at most {}, threshold {}{}{})",
        counted(matches, "match"),
        spec.best,
        spec.threshold,
        within.unwrap_or_default(),
        sources.unwrap_or_default()
    )
}

/// Formats seconds in the largest unit that divides them.
fn format_span(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}min", s / 60),
        s => format!("{s}s"),
    }
}

/// Updates the matches of all standing queries to what the index holds, with the packs that made it, and reopens the index.
///
/// A run that writes to the index does the same.
fn update_matches(store: Store) -> anyhow::Result<Store> {
    if store.packs(&Filter::default())?.is_empty() {
        eprint_line("nothing is indexed yet; new segments are matched when they are indexed");
    }
    let path = store.path().to_owned();
    StandingQueryMaintainer::new(store, None).step()?;
    Ok(Store::open_existing(&path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_parsed_and_formatted_in_the_same_form() {
        for (text, expected) in [
            ("24h", 86_400),
            ("7d", 604_800),
            ("30min", 1800),
            ("90s", 90),
            ("1h 30min", 5400),
        ] {
            assert_eq!(parse_span(text), Ok(expected), "{text}");
        }
        for wrong in ["", "x", "0s", "-1h", "10"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
        assert_eq!([86_400, 5400, 61].map(format_span), ["1d", "90min", "61s"]);
    }
}
