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
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Only in this source; `*` stands for any characters. May be given several times.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Only what is shown at or after this time: seconds or [HH:]MM:SS of the video, or a moment as "2026-11-22 14:05".
    #[arg(long, value_name = "T", value_parser = parse_time)]
    #[allow(rustdoc::broken_intra_doc_links, reason = "clap prints the brackets")]
    from: Option<TimeArg>,
    /// Only what is shown before this time.
    #[arg(long, value_name = "T", value_parser = parse_time)]
    to: Option<TimeArg>,
    /// Wait until all of it is indexed through this time, or to its end.
    #[arg(long, value_name = "T", value_parser = parse_time)]
    wait_until: Option<TimeArg>,
    /// Wait so many seconds at most, then go on with what there is.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    wait_at_most: u32,
}

impl IndexScopeArgs {
    /// Opens the index, which must exist, after waiting if that is wanted. Reports sources whose start is unknown, so
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
                "left out, because it is not known when they began: {}",
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
                "after {} s not all of it is indexed; this is what there is",
                self.wait_at_most
            ));
        }
        Ok(())
    }
}
