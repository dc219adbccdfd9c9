//! The time through which each source is complete, and the stretches that are not.

use std::collections::BTreeMap;

use atom_operators::{
    counted::counted,
    media_time::MediaTime,
    qa::archive::{CoverageGap, GapReason},
};

use super::eprint_line;

/// Number of lines that are printed of complete sources, and of incomplete stretches.
const MAX_LINES: usize = 20;

/// Prints how far sources are complete, and which stretches are missing and why, on stderr.
pub fn print_completeness(complete_through_ms: &BTreeMap<String, u64>, incomplete: &[CoverageGap]) {
    let (waiting, missing): (Vec<_>, Vec<_>) = incomplete
        .iter()
        .partition(|stretch| stretch.why == GapReason::Waiting);
    for (source, through) in complete_through_ms.iter().take(MAX_LINES) {
        let rest = match waiting.iter().any(|stretch| stretch.source == *source) {
            true => "; the rest is not indexed yet",
            false => "",
        };
        let through = MediaTime::from_millis(*through);
        eprint_line(&format!("complete through {through}  {source}{rest}"));
    }
    print_more(complete_through_ms.len(), "more source");
    for stretch in missing.iter().take(MAX_LINES) {
        let times = time_range(stretch.from_ms, stretch.to_ms);
        let reason = match stretch.why {
            GapReason::Lost => "the source gave no pictures".to_owned(),
            GapReason::Expired => "it is no longer kept".to_owned(),
            _ if stretch.stages.is_empty() => "nothing could be made of it".to_owned(),
            _ => format!("failed: {}", stretch.stages.join(", ")),
        };
        eprint_line(&format!(
            "not complete: {times}  {}  {reason}",
            stretch.source
        ));
    }
    print_more(missing.len(), "more stretch");
}

fn print_more(total: usize, noun: &str) {
    if let Some(more @ 1..) = total.checked_sub(MAX_LINES) {
        eprint_line(&format!("and {}", counted(more, noun)));
    }
}

/// Formats a stretch of media time; without an end, it is open.
pub fn time_range(start_ms: u64, end_ms: Option<u64>) -> String {
    let start = MediaTime::from_millis(start_ms);
    match end_ms.map(MediaTime::from_millis) {
        Some(end) => format!("{start} - {end}"),
        None => format!("{start} - "),
    }
}
