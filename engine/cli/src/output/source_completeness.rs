//! The completeness of an answer's sources: one line if all of them are complete, otherwise the gaps and their reasons.
//!
//! Only incomplete sources are named, each source and reason once; the others are counted. JSON has everything.

use std::collections::{BTreeMap, BTreeSet};

use atom_operators::{
    counted::counted,
    media_time::MediaTime,
    qa::archive::{CoverageGap, GapReason},
};

use super::eprint_line;

/// Number of lines about incomplete sources.
const MAX_LINES: usize = 10;

/// Prints on stderr how far sources are complete, and which parts are missing and why.
pub fn print_completeness(complete_through_ms: &BTreeMap<String, u64>, incomplete: &[CoverageGap]) {
    for line in completeness_lines(complete_through_ms, incomplete) {
        eprint_line(&line);
    }
}

fn completeness_lines(
    through_ms: &BTreeMap<String, u64>,
    incomplete: &[CoverageGap],
) -> Vec<String> {
    let sources: BTreeSet<&str> = incomplete.iter().map(|gap| &*gap.source).collect();
    let (all, missing) = (through_ms.len(), sources.len());
    if missing == 0 {
        return match through_ms.first_key_value() {
            Some((source, ms)) if all == 1 => vec![complete_through(source, *ms)],
            Some(_) => vec![format!("all {all} sources are complete through their end")],
            None => Vec::new(),
        };
    }
    let mut gaps = by_source_and_reason(incomplete);
    // Failures come before sources that only wait.
    gaps.sort_by_key(|gaps| gaps.first.why == GapReason::Waiting);
    let named = gaps.iter().take(MAX_LINES);
    let mut lines: Vec<String> = named.clone().map(|gaps| gaps.line(through_ms)).collect();
    let named: BTreeSet<&str> = named.map(|gaps| &*gaps.first.source).collect();
    if let more @ 1.. = missing - named.len() {
        lines.push(format!("not complete: {}", counted(more, "more source")));
    }
    match all.saturating_sub(missing) {
        0 => {}
        1 => lines.push("the other source is complete".to_owned()),
        others => lines.push(format!("the other {others} sources are complete")),
    }
    lines
}

fn complete_through(source: &str, ms: u64) -> String {
    format!("complete through {}  {source}", MediaTime::from_millis(ms))
}

/// The gaps of a source that have the same reason.
struct GapsOfReason<'g> {
    first: &'g CoverageGap,
    count: usize,
}

/// Groups gaps, which are in order of source and time.
fn by_source_and_reason(incomplete: &[CoverageGap]) -> Vec<GapsOfReason<'_>> {
    let mut groups: Vec<GapsOfReason> = Vec::new();
    let key = |gap: &CoverageGap| (gap.why, gap.stages.clone(), gap.reason.clone());
    for gap in incomplete {
        let of_source = groups.iter_mut().rev();
        let mut of_source = of_source.take_while(|group| group.first.source == gap.source);
        match of_source.find(|group| key(group.first) == key(gap)) {
            Some(group) => group.count += 1,
            None => groups.push(GapsOfReason {
                first: gap,
                count: 1,
            }),
        }
    }
    groups
}

impl GapsOfReason<'_> {
    fn line(&self, through_ms: &BTreeMap<String, u64>) -> String {
        let gap = self.first;
        let reason = match gap.why {
            GapReason::Waiting => {
                let through = through_ms.get(&gap.source).copied().unwrap_or(0);
                let through = complete_through(&gap.source, through);
                return format!("{through}; later video is not indexed");
            }
            GapReason::Lost => "the source delivered no frames".to_owned(),
            GapReason::Expired => "removed by the retention policy".to_owned(),
            GapReason::Failed => match &gap.reason {
                Some(reason) => format!("failed: {reason}"),
                None if gap.stages.is_empty() => "processing failed".to_owned(),
                None => format!("failed: {}", gap.stages.join(", ")),
            },
        };
        let more = match self.count - 1 {
            0 => String::new(),
            more => format!(" and {}", counted(more, "more gap")),
        };
        let span = match (gap.from_ms, gap.to_ms) {
            (0, None) => String::new(),
            (from_ms, None) => format!("from {} on  ", MediaTime::from_millis(from_ms)),
            (from_ms, to_ms) => format!("{}{more}  ", time_range(from_ms, to_ms)),
        };
        format!("not complete: {span}{}  {reason}", gap.source)
    }
}

/// Formats a span of media time; without an end, it is open.
pub fn time_range(start_ms: u64, end_ms: Option<u64>) -> String {
    let start = MediaTime::from_millis(start_ms);
    match end_ms.map(MediaTime::from_millis) {
        Some(end) => format!("{start} - {end}"),
        None => format!("{start} - "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(source: &str, from_ms: u64, to_ms: Option<u64>, why: GapReason) -> CoverageGap {
        CoverageGap {
            source: source.to_owned(),
            from_ms,
            to_ms,
            why,
            stages: Vec::new(),
            reason: None,
        }
    }

    fn sources(count: usize) -> BTreeMap<String, u64> {
        (0..count).map(|n| (format!("{n:02}.mp4"), 4000)).collect()
    }

    #[test]
    fn many_complete_sources_take_one_line() {
        assert!(completeness_lines(&sources(0), &[]).is_empty());
        assert_eq!(
            completeness_lines(&sources(1), &[]),
            ["complete through 00:00:04.000  00.mp4"]
        );
        assert_eq!(
            completeness_lines(&sources(53), &[]),
            ["all 53 sources are complete through their end"]
        );
    }

    #[test]
    fn only_incomplete_sources_are_named_and_failures_come_first() {
        let failed = CoverageGap {
            stages: vec!["source".to_owned()],
            reason: Some("it holds no frames".to_owned()),
            ..gap("07.mp4", 0, None, GapReason::Failed)
        };
        let lost = |from| gap("09.mp4", from, Some(from + 1000), GapReason::Lost);
        let gaps = [
            gap("03.mp4", 4000, None, GapReason::Waiting),
            failed,
            lost(1000),
            lost(3000),
        ];
        assert_eq!(
            completeness_lines(&sources(53), &gaps),
            [
                "not complete: 07.mp4  failed: it holds no frames",
                "not complete: 00:00:01.000 - 00:00:02.000 and 1 more gap  09.mp4  the source delivered no frames",
                "complete through 00:00:04.000  03.mp4; later video is not indexed",
                "the other 50 sources are complete",
            ]
        );
    }

    #[test]
    fn many_incomplete_sources_are_counted() {
        let all = sources(53);
        let gaps: Vec<_> = all
            .keys()
            .map(|source| gap(source, 4000, None, GapReason::Waiting))
            .collect();
        let lines = completeness_lines(&all, &gaps);
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines[MAX_LINES], "not complete: 43 more sources");
    }
}
