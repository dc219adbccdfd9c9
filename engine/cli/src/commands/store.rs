//! `atom store`: care of the index.

use std::{path::PathBuf, process::ExitCode};

use atom_index::{PackStats, SourceState, Store, StoreStats, pack_id};
use atom_operators::media_time::MediaTime;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::args::IndexArgs;

/// Take care of the index: check it, copy it, make it smaller, see what is in it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom store check                         whether the index is sound; exit code 1 if not
  atom store backup atom-monday.db         a copy, also while it is written
  atom store stats --json")]
pub struct Care {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    over: IndexArgs,
}

#[derive(Subcommand)]
enum What {
    /// Look for anything that is wrong with it.
    Check,
    /// Copy it to a new file, also while it is written.
    Backup {
        /// The file to make; nothing is ever overwritten.
        file: PathBuf,
    },
    /// Give room back that holds nothing any more.
    Compact,
    /// Tell what is in it, which packs made it, and where its room goes.
    Stats,
}

impl Care {
    /// Does it, and tells what came of it.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let path = self.over.path(false)?;
        let mut store = Store::open_existing(&path)?;
        match &self.what {
            What::Check => return self.check(&store),
            What::Backup { file } => {
                store.backup(file)?;
                let told = format!("{} is a copy of {}", file.display(), path.display());
                self.over.print(&told, &json!({"backup": file}))?;
            }
            What::Compact => {
                let done = store.compact()?;
                let told = format!(
                    "{} bytes before, {} bytes after",
                    done.before_bytes, done.after_bytes
                );
                self.over.print(&told, &serde_json::to_value(done)?)?;
            }
            What::Stats => {
                let stats = store.stats()?;
                self.over
                    .print(&lines(&stats), &serde_json::to_value(stats)?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn check(&self, store: &Store) -> anyhow::Result<ExitCode> {
        let problems = store.check()?;
        let told = match problems.is_empty() {
            true => "ok".to_owned(),
            false => {
                let lines = problems
                    .iter()
                    .map(|problem| format!("{}: {}", problem.what, problem.remedy));
                lines.collect::<Vec<_>>().join("\n")
            }
        };
        self.over.print(&told, &json!({"problems": problems}))?;
        Ok(match problems.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn lines(stats: &StoreStats) -> String {
    let packs = stats.packs.iter().map(of_pack);
    let under_way = stats.under_way.iter().map(of_source);
    let lines = [totals(stats)].into_iter().chain(packs).chain(under_way);
    lines.collect::<Vec<_>>().join("\n")
}

fn of_pack(pack: &PackStats) -> String {
    let PackStats {
        pack,
        sources,
        current,
        segments,
    } = pack;
    format!("pack {pack}: {sources} sources, {segments} segments, in use for {current} sources")
}

/// How far one pack is with a source that is indexed again.
fn of_source(state: &SourceState) -> String {
    format!(
        "indexing again {}: {} complete through {}{}",
        state.source,
        pack_id(&state.pack),
        MediaTime::from_millis(state.sealed_ms),
        if state.current { ", in use" } else { "" }
    )
}

fn totals(stats: &StoreStats) -> String {
    let StoreStats { bytes, .. } = stats;
    format!(
        "{} sources, {} segments, {:.2} hours\n\
        {} bytes, {:.0} for each segment\n  text {}\n  full text {}\n  vectors {}\n  thumbnails {}\n\
        {} free pages, version {}",
        stats.sources,
        stats.segments,
        stats.hours,
        bytes.file,
        stats.bytes_per_segment,
        bytes.text,
        bytes.full_text,
        bytes.vectors,
        bytes.thumbnails,
        stats.free_pages,
        stats.version
    )
}
