//! `atom query`: standing queries of an index, and what matches them.

use std::process::ExitCode;

use atom_index::{Filter, Lookout, Match, StandingQuery, Store};
use atom_operators::query::QuerySpec;
use clap::{Args, Subcommand};
use jiff::{Span, SpanRelativeTo, Unit};
use serde_json::json;

use super::{over::Over, terminal};

/// Keep the best matches of a text up to date, whatever is indexed from now on.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom query add van \"a delivery van at the gate\" --within 24h
  atom query list
  atom query show van
  atom watch van                           what comes and goes, as it does
  atom query remove van")]
pub struct Query {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    over: Over,
}

#[derive(Subcommand)]
enum What {
    /// Add a query; what is stored is looked through at once.
    Add(Add),
    /// Tell all queries.
    List,
    /// Tell what matches a query now, the best first.
    Show {
        /// Its name.
        name: String,
    },
    /// Remove a query.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Args)]
struct Add {
    /// A name for it. A query of this name that asks for something else is replaced.
    name: String,
    /// What is looked for, as "a delivery van at the gate", or a question to be answered with yes.
    text: String,
    /// So many matches are kept, the best.
    #[arg(long, value_name = "N", default_value_t = QuerySpec::of("").best)]
    best: u32,
    /// How likely the text must be true of a segment, 0.05 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = QuerySpec::of("").threshold)]
    threshold: f64,
    /// How far back matches are kept before the newest segment, as 30min, 24h or 7d; without it, for ever.
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    within: Option<u64>,
    /// Only this source; `*` stands for any characters. May be given several times.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
}

/// Reads a span of time as people write it.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no span of time; expected for example 30min, 24h or 7d");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let relative = SpanRelativeTo::days_are_24_hours();
    let seconds = span.total((Unit::Second, relative)).map_err(|_| wrong())?;
    match seconds >= 1.0 {
        true => Ok(seconds as u64),
        false => Err(format!(
            "{text:?} is too short; expected at least one second"
        )),
    }
}

impl Query {
    /// Does it, and tells what came of it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let adds = matches!(self.what, What::Add(_));
        let path = self.over.path(adds)?;
        let store = match adds {
            true => Store::open(&path)?,
            false => Store::open_existing(&path)?,
        };
        match &self.what {
            What::Add(add) => self.add(store, add)?,
            What::List => self.list(&store)?,
            What::Show { name } => self.show(&store, name)?,
            What::Remove { name } => {
                let mut store = store;
                store.remove_query(name)?;
                self.over
                    .tell(&format!("{name}: removed"), &json!({ "removed": name }))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn add(&self, mut store: Store, add: &Add) -> anyhow::Result<()> {
        let spec = QuerySpec {
            text: add.text.clone(),
            best: add.best,
            threshold: add.threshold,
            within_seconds: add.within,
            sources: add.sources.clone(),
        };
        store.add_query(&add.name, &spec)?;
        let store = settled(store)?;
        self.show(&store, &add.name)
    }

    fn list(&self, store: &Store) -> anyhow::Result<()> {
        let queries = store.queries()?;
        if self.over.json {
            return Ok(terminal::result(
                &json!({ "queries": queries }).to_string(),
            )?);
        }
        for query in &queries {
            let matches = store.matches(&query.name)?.len();
            terminal::result(&format!(
                "{}: {}  {}",
                query.name,
                query.spec.text,
                terms(query, matches)
            ))?;
        }
        if queries.is_empty() {
            terminal::tell("there are no queries; add one with: atom query add NAME TEXT");
        }
        Ok(())
    }

    fn show(&self, store: &Store, name: &str) -> anyhow::Result<()> {
        let query = store.query(name)?;
        let matches = store.matches(name)?;
        if self.over.json {
            let told = json!({ "query": query, "matches": matches });
            return Ok(terminal::result(&told.to_string())?);
        }
        for found in &matches {
            terminal::result(&line(found))?;
        }
        terminal::tell(&format!(
            "{name}: {}  {}",
            query.spec.text,
            terms(&query, matches.len())
        ));
        Ok(())
    }
}

/// A match as a line.
pub fn line(found: &Match) -> String {
    let segment = &found.segment;
    let times = terminal::span(segment.start_ms, Some(segment.end_ms));
    format!(
        "{:.2}  {times}  {}  {}",
        found.score, segment.source, found.text
    )
}

/// What a query keeps, in a few words.
fn terms(query: &StandingQuery, matches: usize) -> String {
    let spec = &query.spec;
    let within = spec
        .within_seconds
        .map(|seconds| format!(", not older than {}", span(seconds)));
    let sources = (!spec.sources.is_empty()).then(|| format!(", of {}", spec.sources.join(", ")));
    format!(
        "({matches} of the best {} from {} on{}{})",
        spec.best,
        spec.threshold,
        within.unwrap_or_default(),
        sources.unwrap_or_default()
    )
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}min", s / 60),
        s => format!("{s}s"),
    }
}

/// Brings the matches of a store up to what it holds, with the packs that made it. A program that runs over it does the same.
pub fn settled(store: Store) -> anyhow::Result<Store> {
    if store.packs(&Filter::default())?.is_empty() {
        terminal::tell("nothing is indexed yet; what will be is looked at as it comes");
    }
    let path = store.path().to_owned();
    Lookout::new(store, None).step()?;
    Ok(Store::open_existing(&path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them_and_told_as_they_are_read() {
        for (text, expected) in [
            ("24h", 86_400),
            ("7d", 604_800),
            ("30min", 1800),
            ("90s", 90),
            ("1h 30min", 5400),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "x", "0s", "-1h", "10"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!([86_400, 5400, 61].map(span), ["1d", "90min", "61s"]);
    }
}
