//! `atom store`: checks, copies and compacts an index, and reports its contents.

use std::{path::PathBuf, process::ExitCode};

use atom_index::{PackStats, SourceState, Store, StoreStats, pack_id};
use atom_operators::{counted::counted, media_time::MediaTime};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::args::IndexArgs;

/// Check, back up, compact or inspect the index.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom store check                         list problems; exit code 1 if there are any
  atom store backup atom-monday.db         copy the index, even while it is written
  atom store stats --json")]
pub struct StoreCommand {
    #[command(subcommand)]
    action: StoreAction,
    #[command(flatten)]
    index: IndexArgs,
}

#[derive(Subcommand)]
enum StoreAction {
    /// Check the index for problems; exit code 1 if there are any.
    #[command(after_help = "Example:\n  atom store check --store atom.db")]
    Check,
    /// Copy the index to a new file, even while it is written.
    #[command(after_help = "Example:\n  atom store backup atom-monday.db")]
    Backup {
        /// File to create; an existing file is never overwritten.
        file: PathBuf,
    },
    /// Return unused space in the index to the file system.
    #[command(after_help = "Example:\n  atom store compact")]
    Compact,
    /// Show what the index contains, which packs made it, and what its space is used for.
    #[command(after_help = "Example:\n  atom store stats --json")]
    Stats,
}

impl StoreCommand {
    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let path = self.index.path(false)?;
        let mut store = Store::open_existing(&path)?;
        match &self.action {
            StoreAction::Check => return self.check(&store),
            StoreAction::Backup { file } => {
                store.backup(file)?;
                let text = format!("{} is a copy of {}", file.display(), path.display());
                let copy = file.to_string_lossy();
                self.index.print(&[text], &json!({"backup": copy}))?;
            }
            StoreAction::Compact => {
                let sizes = store.compact()?;
                let text = format!(
                    "{} before, {} after",
                    counted(sizes.before_bytes, "byte"),
                    counted(sizes.after_bytes, "byte")
                );
                self.index.print(&[text], &serde_json::to_value(sizes)?)?;
            }
            StoreAction::Stats => {
                let stats = store.stats()?;
                let lines = stats_lines(&stats);
                self.index.print(&lines, &serde_json::to_value(stats)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn check(&self, store: &Store) -> anyhow::Result<ExitCode> {
        let problems = store.check()?;
        let lines = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.what, problem.remedy));
        let (lines, code) = match problems.is_empty() {
            true => (vec!["ok".to_owned()], ExitCode::SUCCESS),
            false => (lines.collect(), ExitCode::FAILURE),
        };
        self.index.print(&lines, &json!({"problems": problems}))?;
        Ok(code)
    }
}

fn stats_lines(stats: &StoreStats) -> Vec<String> {
    let packs = stats.packs.iter().map(pack_line);
    let reindexed = stats.under_way.iter().map(reindexed_source_line);
    let failed = stats.failed.iter().map(failed_source_line);
    totals(stats)
        .into_iter()
        .chain(packs)
        .chain(start_origins_line(stats))
        .chain(reindexed)
        .chain(failed)
        .collect()
}

fn pack_line(pack: &PackStats) -> String {
    let PackStats {
        pack,
        sources,
        current,
        segments,
    } = pack;
    format!(
        "pack {pack}: {}, {}, in use for {}",
        counted(*sources, "source"),
        counted(*segments, "segment"),
        counted(*current, "source")
    )
}

/// Formats the origins of the sources' start times; none if there are no sources.
fn start_origins_line(stats: &StoreStats) -> Option<String> {
    let origins = stats.start_utc_from.iter();
    let counts = origins.map(|(origin, sources)| format!("{origin} {sources}"));
    let counts: Vec<_> = counts.collect();
    (!counts.is_empty()).then(|| format!("start times from: {}", counts.join(", ")))
}

/// Formats the progress of a source that is indexed again, for one of its packs.
fn reindexed_source_line(state: &SourceState) -> String {
    let failure = match &state.failure {
        Some(failure) => format!(", failed: {}", failure.reason),
        None => String::new(),
    };
    format!(
        "reindexing {}: {} complete through {}{}{failure}",
        state.source,
        pack_id(&state.pack),
        MediaTime::from_millis(state.sealed_ms),
        if state.current { ", in use" } else { "" }
    )
}

/// Formats the reason why a source is not indexed to its end.
fn failed_source_line(state: &SourceState) -> String {
    let reason = state.failure.as_ref().map(|failure| &*failure.reason);
    let from = match state.sealed_ms {
        0 => String::new(),
        sealed_ms => format!("from {} on  ", MediaTime::from_millis(sealed_ms)),
    };
    format!(
        "not complete: {from}{}  failed: {}",
        state.source,
        reason.unwrap_or_default()
    )
}

fn totals(stats: &StoreStats) -> Vec<String> {
    let StoreStats { bytes, .. } = stats;
    vec![
        format!(
            "{}, {}, {:.2} hours",
            counted(stats.sources, "source"),
            counted(stats.segments, "segment"),
            stats.hours
        ),
        format!(
            "{}, {:.0} per segment",
            counted(bytes.file, "byte"),
            stats.bytes_per_segment
        ),
        format!("  text {}", bytes.text),
        format!("  full text {}", bytes.full_text),
        format!("  vectors {}", bytes.vectors),
        format!("  thumbnails {}", bytes.thumbnails),
        format!(
            "{}, version {}",
            counted(stats.free_pages, "free page"),
            stats.version
        ),
    ]
}
