//! What of an index a command is about: the store, a source, a span of time. Shared by all commands that read an index.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::bail;
use atom::store::{Store, StoreError};
use atom_models::Pack;
use clap::Args;

use super::index::default_store;

/// What of an index is meant.
#[derive(Args)]
pub struct Scope {
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Only in this source.
    #[arg(long)]
    pub source: Option<String>,
    /// Only what is shown at or after this time: seconds, or [HH:]MM:SS.
    #[arg(long, value_name = "T", value_parser = millis)]
    pub from: Option<u64>,
    /// Only what is shown before this time.
    #[arg(long, value_name = "T", value_parser = millis)]
    pub to: Option<u64>,
}

impl Scope {
    /// Opens the store, which must be there.
    ///
    /// # Errors
    /// If it is not, or the span ends before it begins.
    pub fn open(&self) -> anyhow::Result<Store> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(StoreError::InvertedSpan {
                from_ms: from,
                to_ms: to,
            }
            .into());
        }
        let path = match &self.store {
            Some(path) => path.clone(),
            None => default_store(false)?,
        };
        Ok(Store::open_existing(&path)?)
    }
}

/// The pack that made what is stored of a source, or of all.
///
/// # Errors
/// If the source is not there, several packs made it, or the pack is not installed.
pub fn pack_of(store: &Store, source: Option<&str>) -> anyhow::Result<Pack> {
    let states = store.current(source)?;
    // NAME-VERSION-SETTINGS
    let names = states
        .iter()
        .map(|state| state.pack.rsplitn(3, '-').last().unwrap_or(&state.pack));
    let names: BTreeSet<&str> = names.collect();
    if names.len() > 1 {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        bail!(
            "the index was made by several packs ({names}), whose vectors cannot be compared; name one source with --source"
        );
    }
    Ok(Pack::open(names.first().unwrap_or(&"mini"))?)
}

/// Reads `90`, `90.5`, `1:30` or `01:01:30` as milliseconds.
fn millis(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no time; expected seconds or [HH:]MM:SS, for example 90 or 1:30");
    let mut seconds = 0.0;
    for part in text.split(':') {
        let number: f64 = part
            .parse()
            .ok()
            .filter(|n| (0.0..1e9).contains(n))
            .ok_or_else(wrong)?;
        seconds = seconds * 60.0 + number;
    }
    Ok((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        assert_eq!(
            ["90", "1:30", "00:01:30.5"].map(|text| millis(text).unwrap()),
            [90_000, 90_000, 90_500]
        );
        for wrong in ["", "x", "1:-2", "1e99"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
    }
}
