//! How a live source stands: what people, metrics and reports are told of it.
//!
//! Written by the source's thread, read by anybody at any time.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use atom_operators::{data::MediaTime, utc::utc};
use jiff::Timestamp;
use serde::Serialize;

/// Whether pictures come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No picture came yet.
    #[default]
    Connecting,
    /// Pictures come.
    Live,
    /// The connection stands, but no picture came for a while.
    Stalled,
    /// The connection is gone; new ones are tried for ever.
    Lost,
    /// Nothing comes any more: the run ends, or the source can never be used.
    Over,
}

/// A stretch without pictures between two pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The last picture before it.
    pub from_ms: u64,
    /// The first picture after it.
    pub to_ms: u64,
    /// Why there were none.
    pub reason: String,
}

/// How a source stands at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reading {
    /// Whether pictures come.
    pub state: State,
    /// Since when.
    pub since_utc: Option<String>,
    /// Why not, if not.
    pub reason: Option<String>,
    /// Connections that brought a picture.
    pub connects: u64,
    /// Gaps that are over.
    pub gap_count: u64,
    /// How long they were together, in seconds.
    pub gap_seconds: f64,
    /// The latest of them.
    pub gaps: VecDeque<Gap>,
}

/// So many gaps are remembered one by one.
const REMEMBERED: usize = 100;

/// How a source stands.
#[derive(Debug, Default)]
pub struct Standing {
    reading: Mutex<Reading>,
    start: OnceLock<Timestamp>,
}

impl Standing {
    /// A source that began at this moment of an earlier run, if there was one.
    pub fn begun(start: Option<Timestamp>) -> Self {
        let standing = Self::default();
        if let Some(start) = start {
            let _ = standing.start.set(start);
        }
        standing
    }

    /// How it stands now.
    pub fn reading(&self) -> Reading {
        self.lock().clone()
    }

    /// When its media time was 0; none before its first picture.
    pub fn start(&self) -> Option<Timestamp> {
        self.start.get().copied()
    }

    /// Its first picture came now; the first call counts.
    pub(super) fn begin(&self) {
        let _ = self.start.set(Timestamp::now());
    }

    /// Sets the state and its reason; true if that is new.
    pub fn set(&self, state: State, reason: Option<&str>) -> bool {
        let mut reading = self.lock();
        reading.reason = reason.map(str::to_owned);
        if reading.state == state && reading.since_utc.is_some() {
            return false;
        }
        reading.state = state;
        reading.since_utc = Some(utc(Timestamp::now()));
        true
    }

    /// A connection brought its first picture, after a gap if it is not the first.
    pub(super) fn connected(&self, gap: Option<(MediaTime, MediaTime, String)>) {
        let mut reading = self.lock();
        reading.connects += 1;
        let Some((from, to, reason)) = gap else {
            return;
        };
        let [from_ms, to_ms] = [from, to].map(MediaTime::millis);
        reading.gap_count += 1;
        reading.gap_seconds += to_ms.saturating_sub(from_ms) as f64 / 1000.0;
        if reading.gaps.len() == REMEMBERED {
            reading.gaps.pop_front();
        }
        reading.gaps.push_back(Gap {
            from_ms,
            to_ms,
            reason,
        });
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_it_stands_since_when_and_what_is_missing() {
        let standing = Standing::default();
        assert!(standing.set(State::Connecting, None));
        assert!(standing.set(State::Live, None) && !standing.set(State::Live, None));
        standing.connected(None);
        assert!(standing.set(State::Lost, Some("no route")));
        let [from, to] = [1000, 3500].map(MediaTime::from_millis);
        for _ in 0..REMEMBERED + 5 {
            standing.connected(Some((from, to, "no route".into())));
        }
        let reading = standing.reading();
        assert_eq!(reading.reason.as_deref(), Some("no route"));
        assert_eq!((reading.connects, reading.gap_count), (106, 105));
        assert_eq!(
            (reading.gap_seconds, reading.gaps.len()),
            (262.5, REMEMBERED)
        );
    }

    #[test]
    fn the_first_beginning_counts() {
        let start = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let standing = Standing::begun(Some(start));
        standing.begin();
        assert_eq!(standing.start(), Some(start));
        assert_eq!(utc(start), "2023-11-14T22:13:20.123Z");
    }
}
