//! Finds the word that was probably meant, for hints.

/// A hint for an unknown `word`: the nearest of `known`, or all of them.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, &known) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => "there are none here".to_owned(),
        None => format!("known here: {}", quoted(known)),
    }
}

/// The words in quotes, with commas between.
pub(crate) fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("{word:?}")).collect();
    words.join(", ")
}

/// The nearest of `known`, if it is near enough that a slip of the keyboard explains the difference.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|other| (distance(word, other), *other))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// Slips between two words: letters missing, added, changed, or two neighbours swapped. Case does not count.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let changed = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_word_one_slip_away() {
        for slip in ["lenght_ms", "length_m", "lengthms", "Length_ms"] {
            let hint = did_you_mean(slip, ["shortest_ms", "length_ms"]);
            assert_eq!(hint, "did you mean \"length_ms\"?", "{slip}");
        }
    }

    #[test]
    fn lists_all_words_when_none_is_near() {
        assert_eq!(
            did_you_mean("speed", ["fps", "change"]),
            "known here: \"fps\", \"change\""
        );
    }
}
