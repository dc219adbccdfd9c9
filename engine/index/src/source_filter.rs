//! Selects sources of a store and a span of media time or of wall time.
//!
//! A wall time falls on a different media time in each source, and on none in a source whose start time is not known; such a
//! source is left out and named.

use crate::error::StoreError;
use crate::source_state::SourceState;

/// Sources of a store, and a span of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of sources; `*` stands for any number of characters. Empty selects all.
    pub sources: Vec<String>,
    /// Leaves out segments that end at or before this media time, in milliseconds.
    pub from_ms: Option<u64>,
    /// Leaves out segments that begin at or after this media time, in milliseconds.
    pub to_ms: Option<u64>,
    /// Leaves out segments that ended by this wall time, in milliseconds since 1970 (UTC), and sources without a start time.
    pub from_utc_ms: Option<i64>,
    /// Leaves out segments that begin at or after this wall time, and sources without a start time.
    pub to_utc_ms: Option<i64>,
}

/// A source that a filter selects, and the selected span of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedSource {
    /// The current state of the source.
    pub state: SourceState,
    /// Beginning of the span, in milliseconds of media time.
    pub from_ms: u64,
    /// End of the span, exclusive, if it has one.
    pub to_ms: Option<u64>,
}

impl SelectedSource {
    /// True if no more rows can come within its span.
    pub fn complete(&self) -> bool {
        // A source that was worked through has nothing after its end, and one that failed gives nothing more.
        self.state.ended
            || self.state.failure.is_some()
            || self.to_ms.is_some_and(|to| to <= self.state.sealed_ms)
    }

    pub(crate) fn span(&self) -> Span {
        Span {
            from_ms: self.from_ms,
            to_ms: self.to_ms.unwrap_or(u64::MAX),
        }
    }
}

/// The sources that a filter selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The selected sources, by name.
    pub sources: Vec<SelectedSource>,
    /// Sources that were left out because their start time is not known.
    pub without_start: Vec<String>,
}

/// A span of media time, in milliseconds; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

impl Span {
    /// Returns true if a segment shares time with the span, or begins in it.
    pub(crate) fn admits(self, start_ms: u64, end_ms: u64) -> bool {
        start_ms < self.to_ms && (end_ms > self.from_ms || start_ms >= self.from_ms)
    }
}

impl Filter {
    /// Rejects a span that ends before it begins.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if let (Some(from_ms), Some(to_ms)) = (self.from_ms, self.to_ms)
            && from_ms > to_ms
        {
            return Err(StoreError::InvertedSpan { from_ms, to_ms });
        }
        match (self.from_utc_ms, self.to_utc_ms) {
            (Some(from), Some(to)) if from > to => Err(StoreError::InvertedWallTimes),
            _ => Ok(()),
        }
    }

    /// Returns true if the filter selects a source of this name.
    pub(crate) fn matches_name(&self, source: &str) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|pattern| matches(pattern, source))
    }

    /// Returns the first name or pattern that matches none of `sources`.
    pub(crate) fn unmatched<'f>(&'f self, sources: &[&str]) -> Option<&'f str> {
        let unmatched = self
            .sources
            .iter()
            .find(|pattern| !sources.iter().any(|source| matches(pattern, source)));
        unmatched.map(String::as_str)
    }

    /// Returns the span within a source, given its start time; `None` if that is needed and not known.
    pub(crate) fn span(&self, start_utc_ms: Option<i64>) -> Option<Span> {
        let mut span = Span {
            from_ms: self.from_ms.unwrap_or(0),
            to_ms: self.to_ms.unwrap_or(u64::MAX),
        };
        let media_time = |utc_ms: i64| {
            let since = utc_ms.saturating_sub(start_utc_ms?);
            Some(u64::try_from(since).unwrap_or(0))
        };
        if let Some(from) = self.from_utc_ms {
            span.from_ms = span.from_ms.max(media_time(from)?);
        }
        if let Some(to) = self.to_utc_ms {
            span.to_ms = span.to_ms.min(media_time(to)?);
        }
        Some(span)
    }
}

/// Returns true if a name equals a pattern, in which `*` stands for any characters. A name that contains `*` matches itself.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    let Some((first, rest)) = pattern.split_once('*') else {
        return false;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('*').collect();
    let (last, middle) = match parts.split_last() {
        Some((last, middle)) => (*last, middle),
        None => ("", &[][..]),
    };
    for part in middle {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_number_of_characters() {
        let yes = [
            ("*", ""),
            ("*", "a/b.mp4"),
            ("door*", "door"),
            ("*.mp4", "a/b.mp4"),
            ("a*b*c", "aXXbYbc"),
            ("a**c", "ac"),
            ("ö*ß", "öß"),
        ];
        for (pattern, name) in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        let no = [
            ("a*a", "a"),
            ("door*", "doo"),
            ("*b*b", "ab"),
            ("a", "ab"),
            ("a?", "ab"),
        ];
        for (pattern, name) in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
