//! Matches and events of standing queries as lines of text.

use atom_index::{Match, QueryEvent};

use super::time_range;

/// Formats a match.
pub fn match_line(found: &Match) -> String {
    let segment = &found.segment;
    let times = time_range(segment.start_ms, Some(segment.end_ms));
    format!(
        "{:.2}  {times}  {}  {}",
        found.score, segment.source, found.text
    )
}

/// Formats an event.
pub fn event_line(event: &QueryEvent) -> String {
    let segment = &event.segment;
    format!(
        "{}: {}  {:.2}  {}  {}  {}",
        event.query,
        event.event.name(),
        event.score,
        time_range(segment.start_ms, Some(segment.end_ms)),
        segment.source,
        event.text.as_deref().unwrap_or("(gone)")
    )
}
