//! The part of an index that a command reads: the file, some sources, a span of time.

use std::{path::PathBuf, time::Duration};

use atom_index::{Filter, Store};
use clap::Args;

use super::{
    index::index_path,
    time::{TimeArg, parse_time},
};
use crate::output::{eprint_line, list_names};

/// The arguments that select part of an index.
#[derive(Args)]
pub struct IndexScopeArgs {
    /// Index file (default: atom/atom.db in $XDG_DATA_HOME or ~/.local/share).
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Only this source; `*` matches any characters. Can be repeated.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Only video from this time on: seconds or [HH:]MM:SS of the video, or a date and time such as "2026-11-22 14:05".
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    #[allow(rustdoc::broken_intra_doc_links, reason = "clap prints the brackets")]
    from: Option<TimeArg>,
    /// Only video before this time, in the same forms.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<TimeArg>,
    /// Wait until the selected sources are indexed through this time, or to their end.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    wait_until: Option<TimeArg>,
    /// Maximum wait for --wait-until, in seconds; then continue with what is indexed.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    wait_at_most: u32,
}

impl IndexScopeArgs {
    /// Opens the index, which must exist, after the requested wait. Reports sources whose start is unknown, so
    /// that a moment of the wall clock cannot select them.
    ///
    /// # Errors
    /// If the file does not exist, a source is not in it, or the span ends before it starts.
    pub fn open(&self) -> anyhow::Result<Store> {
        let path = index_path(self.store.as_deref(), false)?;
        let store = Store::open_existing(&path)?;
        self.wait(&store)?;
        let left_out = store.select(&self.filter())?.without_start;
        if !left_out.is_empty() {
            eprint_line(&format!(
                "left out because their start time is unknown: {}",
                list_names(&left_out)
            ));
        }
        Ok(store)
    }

    /// Returns the same selection as a filter of the index.
    pub fn filter(&self) -> Filter {
        Filter {
            sources: self.sources.clone(),
            from_ms: self.from.and_then(TimeArg::media_ms),
            to_ms: self.to.and_then(TimeArg::media_ms),
            from_utc_ms: self.from.and_then(TimeArg::wall_ms),
            to_utc_ms: self.to.and_then(TimeArg::wall_ms),
        }
    }

    fn wait(&self, store: &Store) -> anyhow::Result<()> {
        let Some(until) = self.wait_until else {
            return Ok(());
        };
        let awaited = Filter {
            sources: self.sources.clone(),
            to_ms: until.media_ms(),
            to_utc_ms: until.wall_ms(),
            ..Filter::default()
        };
        let at_most = Duration::from_secs(self.wait_at_most.into());
        if !store.wait(&awaited, at_most)? {
            eprint_line(&format!(
                "not everything is indexed after {} s; continuing with what is indexed",
                self.wait_at_most
            ));
        }
        Ok(())
    }
}
