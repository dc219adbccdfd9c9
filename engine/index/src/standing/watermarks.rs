//! Event-time watermarks that the windows of standing queries count back from: one timeline for all sources whose start
//! time is known, and one for each other source.
//!
//! Invariant: the watermark of a timeline never goes back while the timeline exists, and that of wall time is not ahead of
//! the clock, even if a clock was wrong once.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, Result, Transaction, params};

use crate::change_feed::FeedSource;

/// The timeline of all sources whose start time is known; each other timeline is named after its source.
const WALL: &str = "";

/// A time on a timeline: the number of the timeline, and milliseconds.
pub(super) type TimelinePoint = (usize, i64);

/// The watermarks of all timelines.
#[derive(Default)]
pub(super) struct Watermarks {
    /// The latest time seen on each timeline.
    latest: Vec<(String, i64)>,
    numbers: HashMap<String, usize>,
    /// Timelines whose watermark is not stored yet.
    moved: BTreeSet<String>,
    now: i64,
}

impl Watermarks {
    /// Restores stored watermarks.
    pub(super) fn restore(&mut self, stored: Vec<(String, i64)>) {
        let names = stored.iter().map(|(timeline, _)| timeline.clone());
        self.numbers = names.zip(0..).collect();
        self.latest = stored;
    }

    /// Returns the watermarks that moved since they were stored, and, with `None`, timelines that were removed.
    pub(super) fn moved(&self) -> Vec<(String, Option<i64>)> {
        let moved = self.moved.iter().map(|timeline| {
            let number = self.numbers.get(timeline);
            let latest = number.map(|number| self.latest[*number].1);
            (timeline.clone(), latest)
        });
        moved.collect()
    }

    /// Records that all watermarks are stored as they are now.
    pub(super) fn mark_stored(&mut self) {
        self.moved.clear();
    }

    /// Removes a source's own timeline, with which all of its segments go: the next source of its name may be another one.
    pub(super) fn remove(&mut self, source: &str) {
        if self.numbers.remove(source).is_some() {
            self.moved.insert(source.to_owned());
        }
    }

    /// Renumbers the timelines, once no segment refers to a number.
    pub(super) fn renumber(&mut self) {
        let timeline = |(name, number): (String, usize)| (name, self.latest[number].1);
        let timelines = std::mem::take(&mut self.numbers).into_iter().map(timeline);
        let timelines = timelines.collect();
        self.restore(timelines);
    }

    /// Sets the time of the clock, in milliseconds since 1970.
    pub(super) fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    /// Advances a source's timeline to a media time, and returns that point.
    pub(super) fn advance(&mut self, source: &FeedSource, ms: u64) -> TimelinePoint {
        let (name, start) = match source.start_utc_ms() {
            Some(start) => (WALL, start),
            None => (&*source.state.source, 0),
        };
        let time = start.saturating_add_unsigned(ms);
        let known = self.numbers.get(name).copied();
        let number = known.unwrap_or_else(|| {
            self.numbers.insert(name.to_owned(), self.latest.len());
            self.latest.push((name.to_owned(), i64::MIN));
            self.latest.len() - 1
        });
        let latest = &mut self.latest[number].1;
        if time > *latest {
            *latest = time;
            self.moved.insert(name.to_owned());
        }
        (number, time)
    }

    /// Returns the watermark of a timeline.
    pub(super) fn get(&self, timeline: usize) -> i64 {
        let (name, latest) = &self.latest[timeline];
        match name == WALL {
            true => self.now.min(*latest),
            false => *latest,
        }
    }

    /// Returns the watermark of each timeline.
    pub(super) fn all(&self) -> impl Iterator<Item = TimelinePoint> {
        (0..self.latest.len()).map(|timeline| (timeline, self.get(timeline)))
    }
}

/// Reads the stored watermarks.
pub(super) fn read_watermarks(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let mut watermarks = connection.prepare_cached("SELECT timeline, latest_ms FROM watermarks")?;
    watermarks
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Stores watermarks that moved; that of wall time never goes back.
pub(super) fn save_watermarks(change: &Transaction, moved: &[(String, Option<i64>)]) -> Result<()> {
    for (timeline, latest) in moved {
        match latest {
            Some(latest) => change.execute(
                "INSERT INTO watermarks VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET latest_ms =
                    iif(timeline = '', max(latest_ms, excluded.latest_ms), excluded.latest_ms)",
                params![timeline, latest],
            )?,
            None => change.execute("DELETE FROM watermarks WHERE timeline = ?1", [timeline])?,
        };
    }
    Ok(())
}
