//! Numbers with their noun, in the singular or the plural.

/// Returns a number with a noun, whose plural ends in `s` or, after a consonant and `y`, in `ies`; `match` becomes
/// `matches`.
///
/// ```
/// use atom_operators::counted::counted;
/// assert_eq!(counted(1_usize, "segment"), "1 segment");
/// assert_eq!(counted(2_u64, "query"), "2 queries");
/// ```
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    // A number that does not fit is larger than one.
    let count = count.try_into().unwrap_or(u64::MAX);
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {}", plural(noun)),
    }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ if noun.ends_with("ch") => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_singular_and_none_or_several_are_plural() {
        let cases = [
            (0, "segment", "0 segments"),
            (1, "segment", "1 segment"),
            (3, "match", "3 matches"),
            (1, "query", "1 query"),
            (2, "query", "2 queries"),
            (2, "day", "2 days"),
        ];
        for (count, noun, expected) in cases {
            assert_eq!(counted(count, noun), expected);
        }
    }
}
