//! What of an index a command is about: the store, some sources, a span of time. Shared by all commands that read an index.

use std::{path::PathBuf, time::Duration};

use anyhow::bail;
use atom_index::{Filter, Store};
use atom_models::{ModelError, Pack};
use clap::Args;
use jiff::{Timestamp, Zoned, civil::DateTime, tz::TimeZone};

use super::{over::store_path, terminal};

/// Sources of one kind that are named in a line at most.
const MOST_NAMES: usize = 8;

/// What of an index is meant.
#[derive(Args)]
pub struct Scope {
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Only in this source; `*` stands for any characters. May be given several times.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Only what is shown at or after this time: seconds or [HH:]MM:SS of the video, or a moment as "2026-11-22 14:05".
    #[arg(long, value_name = "T", value_parser = when)]
    from: Option<When>,
    /// Only what is shown before this time.
    #[arg(long, value_name = "T", value_parser = when)]
    to: Option<When>,
    /// Wait until all of it is indexed through this time, or to its end.
    #[arg(long, value_name = "T", value_parser = when)]
    wait_until: Option<When>,
    /// Wait so many seconds at most, then go on with what there is.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    wait_at_most: u32,
}

/// A time as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Milliseconds since the video began.
    Media(u64),
    /// Milliseconds since 1970 (UTC).
    Wall(i64),
}

impl When {
    fn media(self) -> Option<u64> {
        match self {
            Self::Media(ms) => Some(ms),
            Self::Wall(_) => None,
        }
    }

    fn wall(self) -> Option<i64> {
        match self {
            Self::Wall(ms) => Some(ms),
            Self::Media(_) => None,
        }
    }
}

impl Scope {
    /// Opens the store, which must be there, and waits if that is wanted. Tells of sources that cannot be meant.
    ///
    /// # Errors
    /// If it is not there, a source is not in it, or the span ends before it begins.
    pub fn open(&self) -> anyhow::Result<Store> {
        let path = store_path(self.store.as_deref(), false)?;
        let store = Store::open_existing(&path)?;
        self.wait(&store)?;
        let left_out = store.choose(&self.filter())?.without_start;
        if !left_out.is_empty() {
            terminal::tell(&format!(
                "left out, because it is not known when they began: {}",
                list(&left_out)
            ));
        }
        Ok(store)
    }

    /// The same for the store.
    pub fn filter(&self) -> Filter {
        Filter {
            sources: self.sources.clone(),
            from_ms: self.from.and_then(When::media),
            to_ms: self.to.and_then(When::media),
            from_utc_ms: self.from.and_then(When::wall),
            to_utc_ms: self.to.and_then(When::wall),
        }
    }

    fn wait(&self, store: &Store) -> anyhow::Result<()> {
        let Some(until) = self.wait_until else {
            return Ok(());
        };
        let awaited = Filter {
            sources: self.sources.clone(),
            to_ms: until.media(),
            to_utc_ms: until.wall(),
            ..Filter::default()
        };
        let at_most = Duration::from_secs(self.wait_at_most.into());
        if !store.wait(&awaited, at_most)? {
            terminal::tell(&format!(
                "after {} s not all of it is indexed; this is what there is",
                self.wait_at_most
            ));
        }
        Ok(())
    }
}

/// Some names, and how many more there are.
pub fn list(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).cloned();
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MOST_NAMES) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// The packs that made what is stored of some sources.
pub struct Packs {
    /// Those that are installed, the newest first.
    pub installed: Vec<Pack>,
    /// The ids of the others.
    pub missing: Vec<String>,
}

impl Packs {
    /// Opens the packs that made what a filter takes.
    ///
    /// # Errors
    /// If a source is not there, or something is wrong with a pack that is installed.
    pub fn of(store: &Store, filter: &Filter) -> anyhow::Result<Self> {
        let mut packs = Self {
            installed: Vec::new(),
            missing: Vec::new(),
        };
        for id in store.packs(filter)? {
            match Pack::open(&id) {
                Ok(pack) => packs.installed.push(pack),
                Err(ModelError::NotInstalled { .. }) => packs.missing.push(id),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(packs)
    }

    /// Refuses to do without one.
    ///
    /// # Errors
    /// If any is not installed.
    pub fn all(self) -> anyhow::Result<Self> {
        match self.missing.first() {
            Some(id) => bail!(
                "pack {id} made some of the index and is not installed; `atom store upgrade` has an installed one make it anew, --source leaves it out"
            ),
            None => Ok(self),
        }
    }

    /// The newest one, for whoever only wants its decoder.
    ///
    /// # Errors
    /// If none of them is installed, or, of an index that holds nothing, the default one is not.
    pub fn newest(mut self) -> anyhow::Result<Pack> {
        if self.installed.is_empty() {
            self.all()?;
            return Ok(Pack::open("mini")?);
        }
        Ok(self.installed.remove(0))
    }
}

/// Reads a media time, or a moment in wall time; in the time zone of this machine if it names none.
fn when(text: &str) -> Result<When, String> {
    if let Some(ms) = millis(text) {
        return Ok(When::Media(ms));
    }
    let zoned = || text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp());
    let local = || {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::system()).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(zoned).or_else(local);
    moment.map(|moment| When::Wall(moment.as_millisecond())).ok_or_else(|| {
        format!(
            "{text:?} is no time; expected seconds, [HH:]MM:SS or a moment, for example 90, 1:30 or \"2026-11-22 14:05\""
        )
    })
}

/// Reads `90`, `90.5`, `1:30` or `01:01:30` as milliseconds.
fn millis(text: &str) -> Option<u64> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        let number: f64 = part.parse().ok().filter(|n| (0.0..1e9).contains(n))?;
        seconds = seconds * 60.0 + number;
    }
    Some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_of_the_video() {
        assert_eq!(
            ["90", "1:30", "00:01:30.5"].map(|text| when(text).unwrap()),
            [90_000, 90_000, 90_500].map(When::Media)
        );
        for wrong in ["", "x", "1:-2", "1e99", "2026-13-01", "14:05 o'clock"] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reads_moments_with_and_without_a_time_zone() {
        let utc = When::Wall(1_795_356_300_000);
        for text in [
            "2026-11-22T14:05:00Z",
            "2026-11-22 14:05Z",
            "2026-11-22T15:05:00+01:00",
            "2026-11-22T15:05[Europe/Berlin]",
        ] {
            assert_eq!(when(text), Ok(utc), "{text}");
        }
        let local: DateTime = "2026-11-22T14:05".parse().unwrap();
        let local = local.to_zoned(TimeZone::system()).unwrap();
        for text in ["2026-11-22 14:05", "2026-11-22T14:05:00"] {
            assert_eq!(
                when(text),
                Ok(When::Wall(local.timestamp().as_millisecond()))
            );
        }
        assert!(matches!(when("2026-11-22"), Ok(When::Wall(_))));
    }
}
