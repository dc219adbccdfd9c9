//! What of a store is meant: some of its sources, and a span of media time or of wall time.
//!
//! A moment in wall time lies at another media time in every source; it says nothing about a source whose start is not
//! known, and such a source is left out and named.

use super::incomplete::Span;
use super::{SourceState, Store, StoreError};

/// Some sources of a store, and a span of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of sources; `*` stands for any number of characters. None means all.
    pub sources: Vec<String>,
    /// Leaves out what ends at or before this media time, in milliseconds.
    pub from_ms: Option<u64>,
    /// Leaves out what begins at or after this media time, in milliseconds.
    pub to_ms: Option<u64>,
    /// Leaves out what was over at this moment, in milliseconds since 1970 (UTC), and sources whose start is not known.
    pub from_utc_ms: Option<i64>,
    /// Leaves out what had not begun at this moment, and sources whose start is not known.
    pub to_utc_ms: Option<i64>,
}

/// A source that a filter takes, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The source as it stands.
    pub state: SourceState,
    /// From this media time on, in milliseconds.
    pub from_ms: u64,
    /// To before this media time, if there is a bound.
    pub to_ms: Option<u64>,
}

impl Chosen {
    /// Whether there is nothing to come in its span.
    pub fn complete(&self) -> bool {
        // A source that was worked through has nothing after its end.
        self.state.ended || self.to_ms.is_some_and(|to| to <= self.state.sealed_ms)
    }
}

/// What a filter takes of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Its sources, by name.
    pub sources: Vec<Chosen>,
    /// Sources of which it could not be known, since their start is not.
    pub without_start: Vec<String>,
}

impl Filter {
    /// Refuses a span that ends before it begins.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if let (Some(from_ms), Some(to_ms)) = (self.from_ms, self.to_ms)
            && from_ms > to_ms
        {
            return Err(StoreError::InvertedSpan { from_ms, to_ms });
        }
        match (self.from_utc_ms, self.to_utc_ms) {
            (Some(from), Some(to)) if from > to => Err(StoreError::InvertedMoments),
            _ => Ok(()),
        }
    }

    /// Whether a source of this name is meant.
    pub(super) fn names(&self, source: &str) -> bool {
        let meant = |pattern: &String| pattern == source || matches(pattern, source);
        self.sources.is_empty() || self.sources.iter().any(meant)
    }

    /// The names and patterns that mean none of `sources`.
    pub(super) fn unmet<'f>(&'f self, sources: &[&str]) -> Option<&'f str> {
        let met = |pattern: &String| {
            sources
                .iter()
                .any(|source| pattern == source || matches(pattern, source))
        };
        let unmet = self.sources.iter().find(|pattern| !met(pattern));
        unmet.map(String::as_str)
    }

    /// The span of a source, given when it began; none if that is needed and not known.
    pub(super) fn span(&self, start_utc_ms: Option<i64>) -> Option<Span> {
        let mut span = Span {
            from_ms: self.from_ms.unwrap_or(0),
            to_ms: self.to_ms.unwrap_or(u64::MAX),
        };
        let since = |moment: i64| {
            let since = moment.saturating_sub(start_utc_ms?);
            Some(u64::try_from(since).unwrap_or(0))
        };
        if let Some(moment) = self.from_utc_ms {
            span.from_ms = span.from_ms.max(since(moment)?);
        }
        if let Some(moment) = self.to_utc_ms {
            span.to_ms = span.to_ms.min(since(moment)?);
        }
        Some(span)
    }
}

impl Store {
    /// The sources that a filter takes, with what it takes of each.
    ///
    /// # Errors
    /// When it names a source that is not there, a span ends before it begins, or the store cannot be read.
    pub fn choose(&self, filter: &Filter) -> Result<Choice, StoreError> {
        filter.check()?;
        let states = self.current(None)?;
        let names: Vec<&str> = states.iter().map(|state| state.source.as_str()).collect();
        if let Some(unmet) = filter.unmet(&names) {
            return Err(self.unknown(unmet, names.into_iter()));
        }
        let starts = self.starts()?;
        let mut choice = Choice::default();
        for state in states {
            if !filter.names(&state.source) {
                continue;
            }
            match filter.span(starts.get(&state.source).copied()) {
                Some(span) => choice.sources.push(Chosen {
                    state,
                    from_ms: span.from_ms,
                    to_ms: (span.to_ms < u64::MAX).then_some(span.to_ms),
                }),
                None => choice.without_start.push(state.source),
            }
        }
        Ok(choice)
    }
}

/// Whether `*` in a pattern can stand for something such that it is the name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
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
    use super::super::testing::{row, seal, store};
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

    #[test]
    fn a_moment_in_wall_time_is_another_media_time_in_each_source() {
        let (mut store, _folder) = store();
        for (source, start) in [("a", Some(1000)), ("b", Some(5000)), ("c", None)] {
            seal(&mut store, source, &[row(0, "x")], 1000);
            if let Some(start) = start {
                store.set_start(source, start).unwrap();
            }
        }
        let filter = Filter {
            from_utc_ms: Some(3000),
            to_utc_ms: Some(6000),
            ..Filter::default()
        };
        let choice = store.choose(&filter).unwrap();
        let spans: Vec<_> = choice
            .sources
            .iter()
            .map(|chosen| (chosen.state.source.as_str(), chosen.from_ms, chosen.to_ms))
            .collect();
        assert_eq!(spans, [("a", 2000, Some(5000)), ("b", 0, Some(1000))]);
        assert_eq!(choice.without_start, ["c"]);
    }

    #[test]
    fn sources_are_chosen_by_names_and_patterns_and_each_must_mean_something() {
        let (mut store, _folder) = store();
        for source in ["barn", "door", "yard/1", "yard/2"] {
            seal(&mut store, source, &[], 0);
        }
        let choose = |sources: &[&str]| {
            let filter = Filter {
                sources: sources.iter().map(|source| (*source).to_owned()).collect(),
                ..Filter::default()
            };
            let choice = store.choose(&filter)?;
            let names = choice.sources.into_iter().map(|chosen| chosen.state.source);
            Ok::<Vec<String>, StoreError>(names.collect())
        };
        assert_eq!(choose(&[]).unwrap().len(), 4);
        assert_eq!(
            choose(&["yard/*", "door"]).unwrap(),
            ["door", "yard/1", "yard/2"]
        );
        let said = choose(&["door", "y*x"]).unwrap_err().to_string();
        assert!(said.contains("no source \"y*x\""), "{said}");
    }
}
