//! Matches and events of standing queries as lines of text.

use atom_index::{Match, QueryEvent, SegmentSpan};

use super::MomentText;

/// Formats a match.
pub fn match_line(found: &Match) -> String {
    let moment = moment_text(&found.segment, &found.path, &found.start_utc);
    format!(
        "{:.2}  {}  {}{}",
        found.score,
        moment.times_and_source(),
        found.text,
        moment.path_in_parentheses()
    )
}

/// Formats an event.
pub fn event_line(event: &QueryEvent) -> String {
    let moment = moment_text(&event.segment, &event.path, &event.start_utc);
    format!(
        "{}: {}  {:.2}  {}  {}{}",
        event.query,
        event.event.name(),
        event.score,
        moment.times_and_source(),
        event.text.as_deref().unwrap_or("(deleted)"),
        moment.path_in_parentheses()
    )
}

fn moment_text<'s>(
    segment: &'s SegmentSpan,
    path: &'s Option<String>,
    start_utc: &'s Option<String>,
) -> MomentText<'s> {
    MomentText {
        source: &segment.source,
        path: path.as_deref(),
        span_ms: (segment.start_ms, segment.end_ms),
        start_utc: start_utc.as_deref(),
    }
}
