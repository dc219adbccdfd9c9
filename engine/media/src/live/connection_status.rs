//! The connection status of a live source, for logs, metrics and reports.
//!
//! Written by the source's thread, read by any thread at any time.

use std::{collections::VecDeque, sync::OnceLock};

use atom_operators::{media_time::MediaTime, utc::utc};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

/// The state of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// No frame came yet.
    #[default]
    Connecting,
    /// Frames come.
    Live,
    /// Connected, but no frame came for a while.
    Stalled,
    /// The connection is lost; the source is reconnected until the run ends.
    Lost,
    /// No frame comes any more: the run ends, or the source can never be used.
    Over,
}

/// A stretch without frames between two frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Media time of the last frame before it, in milliseconds.
    pub from_ms: u64,
    /// Media time of the first frame after it, in milliseconds.
    pub to_ms: u64,
    /// The reason for it.
    pub reason: String,
}

/// The connection status at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConnectionStatus {
    /// The state.
    pub state: ConnectionState,
    /// The time since which it has been in that state.
    pub since_utc: Option<String>,
    /// The reason why no frames come, if so.
    pub reason: Option<String>,
    /// Number of connections that brought a frame.
    pub connects: u64,
    /// Number of gaps that are over.
    pub gap_count: u64,
    /// Their total length, in seconds.
    pub gap_seconds: f64,
    /// The latest of them.
    pub gaps: VecDeque<Gap>,
}

/// The number of gaps that are kept one by one.
const GAPS_KEPT: usize = 100;

/// The shared, current connection status of one source.
#[derive(Debug, Default)]
pub struct ConnectionMonitor {
    status: Mutex<ConnectionStatus>,
    start: OnceLock<Timestamp>,
}

impl ConnectionMonitor {
    /// Returns the monitor of a source whose media time was 0 at this moment of an earlier run, if there was one.
    pub fn started_at(start: Option<Timestamp>) -> Self {
        let monitor = Self::default();
        if let Some(start) = start {
            let _ = monitor.start.set(start);
        }
        monitor
    }

    /// Returns the current status.
    pub fn status(&self) -> ConnectionStatus {
        self.status.lock().clone()
    }

    /// Returns the moment at which the media time was 0; none before the first frame.
    pub fn start(&self) -> Option<Timestamp> {
        self.start.get().copied()
    }

    /// Sets the start to now, unless it is known.
    pub(crate) fn start_now(&self) {
        let _ = self.start.set(Timestamp::now());
    }

    /// Sets the state and its reason; true if the state is new.
    pub fn set(&self, state: ConnectionState, reason: Option<&str>) -> bool {
        let mut status = self.status.lock();
        status.reason = reason.map(str::to_owned);
        if status.state == state && status.since_utc.is_some() {
            return false;
        }
        status.state = state;
        status.since_utc = Some(utc(Timestamp::now()));
        true
    }

    /// Counts a connection that brought its first frame, and the gap before it, if there was one.
    pub(crate) fn connected(&self, gap: Option<(MediaTime, MediaTime, String)>) {
        let mut status = self.status.lock();
        status.connects += 1;
        let Some((from, to, reason)) = gap else {
            return;
        };
        let [from_ms, to_ms] = [from, to].map(MediaTime::millis);
        status.gap_count += 1;
        status.gap_seconds += to_ms.saturating_sub(from_ms) as f64 / 1000.0;
        if status.gaps.len() == GAPS_KEPT {
            status.gaps.pop_front();
        }
        status.gaps.push_back(Gap {
            from_ms,
            to_ms,
            reason,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_the_state_the_reason_and_the_gaps() {
        let monitor = ConnectionMonitor::default();
        assert!(monitor.set(ConnectionState::Connecting, None));
        assert!(monitor.set(ConnectionState::Live, None));
        assert!(!monitor.set(ConnectionState::Live, None));
        monitor.connected(None);
        assert!(monitor.set(ConnectionState::Lost, Some("no route")));
        let [from, to] = [1000, 3500].map(MediaTime::from_millis);
        for _ in 0..GAPS_KEPT + 5 {
            monitor.connected(Some((from, to, "no route".into())));
        }
        let status = monitor.status();
        assert_eq!(status.reason.as_deref(), Some("no route"));
        assert_eq!((status.connects, status.gap_count), (106, 105));
        assert_eq!((status.gap_seconds, status.gaps.len()), (262.5, GAPS_KEPT));
    }

    #[test]
    fn the_first_start_counts() {
        let start = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let monitor = ConnectionMonitor::started_at(Some(start));
        monitor.start_now();
        assert_eq!(monitor.start(), Some(start));
        assert_eq!(utc(start), "2023-11-14T22:13:20.123Z");
    }
}
